import { readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { Kinds } from '../../src/kube/index.ts'
import { startTestEngine, type TestEngine, testEngineAvailability } from '../support/dockerd.ts'
import { scriptPod, WAIT } from './support/manifests.ts'
import type { Program } from './support/program.ts'
import { engineContainers, Hopeless, isReady, Site } from './support/site.ts'

const { available, reason } = testEngineAvailability()

describe.skipIf(!available)(`nodes of a cluster (${reason})`, () => {
  let engine: TestEngine
  let site: Site
  /** Agents that the test started itself. */
  const agents: Program[] = []

  beforeAll(async () => {
    engine = await startTestEngine()
    site = await Site.create({ main: inject('bowlineMain'), engine, nodes: 2 })
    await site.repository.push('nothing yet', { 'README.md': 'empty' })
    await site.start()
  })
  afterAll(async () => {
    for (const agent of agents) await agent.stop()
    await site?.destroy()
    await engine?.destroy()
  })

  async function tokenFile(name: string, token: string): Promise<string> {
    const path = join(site.folder, name)
    await writeFile(path, `${token.trim()}\n`, { mode: 0o600 })
    return path
  }

  function agent(name: string, file: string, dataDir = join(site.folder, `agent-${name}`)): Program {
    const program = site.spawn([
      ...['agent', '--server', `https://127.0.0.1:${site.port}`, '--token-file', file, '--node-name', name],
      ...['--data-dir', dataDir, '--runtime', 'docker', '--docker-socket', engine.socketPath],
    ])
    agents.push(program)
    return program
  }

  async function untilNode(name: string, program: Program): Promise<void> {
    await site.until(`the node ${name}`, async () => {
      if (program.hasEnded) throw new Hopeless(`its agent ended: ${program.stderr}${program.stdout}`)
      const { status } = await site.client.get(Kinds.Node, name)
      return status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')
    })
  }

  async function newToken(): Promise<string> {
    const { stdout, code } = await site.bowline('token', 'create')
    expect(code).toBe(0)
    return stdout.trim()
  }

  it('nodes of one machine share its capacity', async () => {
    const { items } = await site.client.list(Kinds.Node)
    const cpus = items.map(({ status }) =>
      Number(status?.capacity?.cpu?.toString().replace(/(\d+)m/, (_, milli) => String(Number(milli) / 1000))),
    )
    expect(cpus.reduce((sum, cpu) => sum + cpu, 0)).toBeCloseTo(availableParallelism(), 1)
  })

  it('a host joins with a token; the pod that is meant for it runs there and is reached through the tunnel', async () => {
    const token = await newToken()
    expect(token).toMatch(/^[0-9a-f]{64}\.[a-z0-9]+\.\S+$/)
    await untilNode('joined', agent('joined', await tokenFile('good', token)))
    await site.kubectlOk(
      ['create', '-f', '-'],
      scriptPod('there', `echo "on $(hostname)"; ${WAIT}`, {}, { nodeName: 'joined' }),
    )
    await site.until('the pod', async () => isReady(await site.pod('default', 'there')))
    expect(await site.kubectlOk(['logs', 'there'])).toBe('on there\n')
    const [container] = await engineContainers(engine, { type: 'container' })
    expect(container?.Labels['bowline.dev/node']).toBe('joined')
  })

  it('its certificate is enough to start again, without the token', async () => {
    const [first] = agents
    await first?.stop('SIGKILL')
    const before = await engineContainers(engine, { type: 'container' })
    const again = agent('joined', join(site.folder, 'no-such-file'))
    await site.until(
      'the tunnel',
      async () => (await site.kubectl(['logs', 'there'])).stdout === 'on there\n',
    )
    await untilNode('joined', again)
    expect(isReady(await site.pod('default', 'there'))).toBe(true)
    expect((await engineContainers(engine, { type: 'container' })).map(({ Id }) => Id)).toEqual(
      before.map(({ Id }) => Id),
    )
  })

  it('a token list never shows a secret, and a revoked or wrong token lets nobody in', async () => {
    const token = await newToken()
    const [authority = '', id = '', secret = ''] = token.split('.')
    const list = await site.bowline('token', 'list')
    expect(list.stdout).toContain(id)
    expect(list.stdout).not.toContain(secret)
    expect((await site.bowline('token', 'delete', id)).code).toBe(0)
    const revoked = await agent('intruder', await tokenFile('revoked', token)).ended
    expect(revoked.code).toBe(1)
    expect(revoked.stderr).toMatch(/Cannot join .*Unauthorized/s)
    const wrong = await agent(
      'intruder',
      await tokenFile('wrong', `${authority}.${id}.${'x'.repeat(secret.length)}`),
    ).ended
    expect(wrong.code).toBe(1)
    expect(wrong.stderr + wrong.stdout).not.toContain('xxxx')
    expect((await site.kubectl(['get', 'node', 'intruder'])).stderr).toContain('NotFound')
  })

  it('an agent that was told another authority does not send its secret', async () => {
    const token = await newToken()
    const foreign = `${'0'.repeat(64)}${token.slice(64)}`
    const { code, stderr } = await agent('careful', await tokenFile('foreign', foreign)).ended
    expect(code).toBe(1)
    expect(stderr).toMatch(/authority/)
    expect(stderr).not.toContain(token.split('.')[2])
    const { stdout } = await site.bowline('token', 'list')
    expect(stdout).toContain(token.split('.')[1])
  })

  it('the name of a node is taken until that Node is deleted', async () => {
    const file = await tokenFile('again', await newToken())
    const { code, stderr } = await agent('joined', file, join(site.folder, 'other-machine')).ended
    expect(code).toBe(1)
    expect(stderr).toContain('joined')
    const old = agents.find(program => !program.hasEnded)
    await old?.stop()
    await site.kubectlOk(['delete', 'node', 'joined', '--wait=false'])
    await site.until('the node to go', async () => (await site.kubectl(['get', 'node', 'joined'])).code !== 0)
    await untilNode('joined', agent('joined', file, join(site.folder, 'other-machine')))
  })

  it('a second agent on the data directory of one that runs is refused', async () => {
    const { code, stderr } = await agent(
      'joined',
      join(site.folder, 'again'),
      join(site.folder, 'other-machine'),
    ).ended
    expect(code).toBe(1)
    expect(stderr).toContain('another bowline process has it')
  })

  it('a node may read what its own pods need, and nothing else', async () => {
    for (const name of ['mine', 'theirs'])
      await site.kubectlOk(
        ['apply', '-f', '-'],
        JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: { a: 'b' } }),
      )
    const env = [{ name: 'A', valueFrom: { secretKeyRef: { name: 'mine', key: 'a' } } }]
    const [first = '', second = ''] = site.nodeNames
    await site.kubectlOk(['create', '-f', '-'], scriptPod('uses', WAIT, { env }, { nodeName: first }))
    await site.until('the pod', async () => isReady(await site.pod('default', 'uses')))
    const asFirst = await identity(join(site.dataDir, 'agents', first))
    const asSecond = await identity(join(site.dataDir, 'agents', second))
    const secrets = '/api/v1/namespaces/default/secrets'
    expect((await ask(asFirst, `${secrets}/mine`)).code).toBe(200)
    expect((await ask(asSecond, `${secrets}/mine`)).code).toBe(403)
    expect((await ask(asFirst, `${secrets}/theirs`)).code).toBe(403)
    for (const path of [
      secrets,
      '/api/v1/secrets',
      '/apis/bowline.dev/v1alpha1/jointokens',
      '/apis/apps/v1/deployments',
    ])
      expect((await ask(asFirst, path)).code, path).toBe(403)
    expect((await ask(asFirst, `/api/v1/nodes/${first}`)).code).toBe(200)
    const status = (node: string) =>
      ask(asFirst, `/api/v1/nodes/${node}/status`, 'PATCH', '{"metadata":{"labels":{"x":"y"}}}')
    expect((await status(second)).code).toBe(403)
    const evict = await ask(asSecond, '/api/v1/namespaces/default/pods/uses', 'DELETE')
    expect(evict.code).toBe(403)
    expect(
      (
        await ask(
          asFirst,
          '/api/v1/namespaces/default/pods/uses/status',
          'PATCH',
          '{"status":{"message":"seen"}}',
        )
      ).code,
    ).toBe(200)
    expect(
      (
        await ask(
          asSecond,
          '/api/v1/namespaces/default/pods/uses/status',
          'PATCH',
          '{"status":{"message":"seen"}}',
        )
      ).code,
    ).toBe(403)
  })

  it('nobody is served without a certificate or a token', async () => {
    const { ca, server } = await identity(join(site.dataDir, 'agents', site.nodeNames[0] ?? ''))
    const nobody = { ca, server }
    for (const path of ['/api/v1/namespaces', '/version', '/openapi/v3', '/apis', '/'])
      expect((await ask(nobody, path)).code, path).toBe(401)
    expect((await ask({ ...nobody, token: 'nonsense' }, '/api/v1/pods')).code).toBe(401)
    // A join token is good for joining only.
    const [, id, secret] = (await newToken()).split('.')
    expect((await ask({ ...nobody, token: `${id}.${secret}` }, '/api/v1/pods')).code).toBeOneOf([401, 403])
  })
})

interface Caller {
  readonly ca: string
  readonly server: string
  readonly cert?: string
  readonly key?: string
  readonly token?: string
}

/** The certificate that an agent keeps in its data directory. */
async function identity(dataDir: string): Promise<Caller> {
  const { ca, server, certificate, key } = JSON.parse(
    await readFile(join(dataDir, 'node-identity.json'), 'utf8'),
  )
  return { ca, server, cert: certificate, key }
}

/** One request over TLS as this caller, as curl would make it. */
function ask(
  { ca, server, cert, key, token }: Caller,
  path: string,
  method = 'GET',
  body = '',
): Promise<{ readonly code: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...(body === '' ? {} : { 'content-type': 'application/merge-patch+json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    }
    const credentials = cert === undefined || key === undefined ? {} : { cert, key }
    const sent = request(
      new URL(path, server),
      { method, ca, ...credentials, headers, agent: false },
      answer => {
        let text = ''
        answer.on('data', (chunk: Buffer) => {
          text += chunk.toString()
        })
        answer.on('end', () => resolve({ code: answer.statusCode ?? 0, text }))
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}
