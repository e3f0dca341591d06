import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Logger, silentLogger } from '../../../../src/base/index.ts'
import { type AuditedRequest, auditEvent } from '../../../../src/cluster/api/audit-log/audit-event.ts'
import { ApiAuditLog } from '../../../../src/cluster/api/audit-log/audit-log.ts'
import { RotatingFile } from '../../../../src/cluster/api/audit-log/rotating-file.ts'

const ANN = { username: 'ann', groups: ['devs'] }
const POD = { group: '', version: 'v1', resource: 'pods', subresource: '', namespace: 'a', name: 'p' }

function request(special: Partial<AuditedRequest> = {}): AuditedRequest {
  return {
    auditId: 'id-1',
    method: 'DELETE',
    uri: '/api/v1/namespaces/a/pods/p',
    sourceAddress: '192.0.2.1',
    userAgent: 'kubectl/v1.32',
    requester: ANN,
    user: ANN,
    resource: POD,
    code: 200,
    annotations: new Map(),
    receivedMs: Date.parse('2026-01-01T00:00:00.000Z'),
    endedMs: Date.parse('2026-01-01T00:00:00.012Z'),
    ...special,
  }
}

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bowline-audit-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('auditEvent()', () => {
  it("is upstream's event of the level Metadata", () => {
    expect(auditEvent(request())).toEqual({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Metadata',
      auditID: 'id-1',
      stage: 'ResponseComplete',
      requestURI: '/api/v1/namespaces/a/pods/p',
      verb: 'delete',
      user: { username: 'ann', groups: ['devs'] },
      sourceIPs: ['192.0.2.1'],
      userAgent: 'kubectl/v1.32',
      objectRef: { resource: 'pods', namespace: 'a', name: 'p', apiVersion: 'v1' },
      responseStatus: { metadata: {}, code: 200 },
      requestReceivedTimestamp: '2026-01-01T00:00:00.000000Z',
      stageTimestamp: '2026-01-01T00:00:00.012000Z',
    })
  })

  it.each([
    [request({ method: 'POST' }), { verb: 'create' }],
    [request({ method: 'PUT' }), { verb: 'update' }],
    [request({ method: 'PATCH' }), { verb: 'patch' }],
    [request({ resource: { ...POD, name: '' } }), { verb: 'deletecollection' }],
    [request({ resource: undefined, method: 'POST' }), { verb: 'post' }],
    [
      request({ requester: undefined, user: undefined, code: 401 }),
      { user: {}, responseStatus: { code: 401 } },
    ],
    [
      request({ user: { username: 'bob', groups: [] } }),
      { user: { username: 'ann' }, impersonatedUser: { username: 'bob' } },
    ],
    [request({ annotations: new Map([['a/b', 'c']]) }), { annotations: { 'a/b': 'c' } }],
  ])('tells what else there is (%#)', (given, expected) => {
    expect(auditEvent(given)).toMatchObject(expected)
  })
})

describe('RotatingFile', () => {
  it('puts a full file aside, keeps as many as it may, and is for its owner alone', async () => {
    const path = join(folder, 'sub', 'log')
    const file = new RotatingFile(path, { maxBytes: 10, kept: 2 })
    for (const text of ['aaaaaa\n', 'bbbbbb\n', 'cc\n', 'dddddd\n', 'eeeeee\n']) await file.append(text)
    await file.close()
    const names = readdirSync(join(folder, 'sub')).sort()
    expect(names.map(name => [name, readFileSync(join(folder, 'sub', name), 'utf8')])).toEqual([
      ['log', 'eeeeee\n'],
      ['log.1', 'dddddd\n'],
      ['log.2', 'bbbbbb\ncc\n'],
    ])
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('goes on with what a file holds already', async () => {
    const path = join(folder, 'log')
    writeFileSync(path, 'before\n')
    const file = new RotatingFile(path, { maxBytes: 10, kept: 1 })
    await file.append('a\n')
    await file.append('bbb\n')
    await file.close()
    expect([readFileSync(path, 'utf8'), readFileSync(`${path}.1`, 'utf8')]).toEqual(['bbb\n', 'before\na\n'])
  })
})

describe('ApiAuditLog', () => {
  /** Records these, ends the log, and reads its lines. */
  async function written(
    requests: readonly AuditedRequest[],
    log: Logger = silentLogger,
    path = join(folder, 'log'),
  ) {
    const audit = new ApiAuditLog({ path, log })
    const stop = new AbortController()
    const running = audit.start(stop.signal)
    for (const one of requests) audit.record(one)
    stop.abort()
    await running
    return path
  }

  it('writes what was recorded before it ends, one line each', async () => {
    const path = await written([request({ auditId: 'a' }), request({ auditId: 'b' })])
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
    expect(lines.map(line => JSON.parse(line).auditID)).toEqual(['a', 'b'])
  })

  it('leaves out reads, reviews, and what agents report all the time', async () => {
    const node = { username: 'system:node:a', groups: ['system:nodes'] }
    const lease = { ...POD, group: 'coordination.k8s.io', resource: 'leases' }
    const path = await written([
      request({ method: 'GET' }),
      request({ method: 'POST', resource: { ...POD, group: 'authorization.k8s.io' } }),
      request({ method: 'PATCH', requester: node, resource: { ...POD, subresource: 'status' } }),
      request({ method: 'PUT', requester: node, resource: lease }),
      request({ method: 'PUT', resource: lease, auditId: 'by ann' }),
      request({ method: 'DELETE', requester: node, auditId: 'by a node' }),
    ])
    const ids = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line).auditID)
    expect(ids).toEqual(['by ann', 'by a node'])
  })

  it('that cannot be written stops nothing, and says so once', async () => {
    const said: string[] = []
    const log = { ...silentLogger, error: (message: string) => said.push(message) } as unknown as Logger
    writeFileSync(join(folder, 'file'), '')
    await written([request(), request()], log, join(folder, 'file', 'log'))
    expect(said).toEqual(['The audit log cannot be written: events are lost until it can'])
  })
})
