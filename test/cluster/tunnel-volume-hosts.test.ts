import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { answerVolumeRequest } from '../../src/agents/volume-requests.ts'
import { FolderStore } from '../../src/agents/volumes/index.ts'
import { silentLogger, systemClock, systemIds } from '../../src/base/index.ts'
import type { Tunnels } from '../../src/cluster/api/index.ts'
import { TunnelVolumeHosts } from '../../src/cluster/tunnel-volume-hosts.ts'
import { StatusError } from '../../src/kube/index.ts'

const CLAIM = { namespace: 'default', name: 'data', uid: 'claim-1' }
const { signal } = new AbortController()

let root: string
let stores: ReadonlyMap<string, FolderStore>
/** What happens to bytes on their way. */
let line: (chunk: Uint8Array) => Uint8Array
let hosts: TunnelVolumeHosts

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'bowline-hosts-'))
  line = chunk => chunk
  stores = new Map(
    ['host-1', 'host-2'].map(nodeName => [
      nodeName,
      new FolderStore({
        folder: join(root, nodeName),
        nodeName,
        users: async () => [],
        clock: systemClock,
        ids: systemIds,
        log: silentLogger,
      }),
    ]),
  )
  for (const store of stores.values()) await store.prepare()
  hosts = new TunnelVolumeHosts({ request }, signal)
})
afterEach(() => rm(root, { recursive: true, force: true }))

/** The tunnel to an agent, without the wire. */
const request: Tunnels['request'] = async (nodeName, { method, path, body = nothing() }) => {
  const store = stores.get(nodeName)
  if (store === undefined) throw new StatusError('ServiceUnavailable', `Cannot reach node "${nodeName}"`)
  const answer = answerVolumeRequest({ method, path, body, signal }, store)
  if (answer === undefined) return { status: 404, headers: {}, body: nothing() }
  return { status: 200, headers: {}, body: bytesOf(answer) }
}

async function* bytesOf(answer: AsyncIterable<string | Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of answer) yield line(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function filled(): Promise<void> {
  await hosts.create('host-1', 'pvc-1', CLAIM, { snapshot: undefined, bytes: 1 })
  await writeFile(join(root, 'host-1/pvc-1/data/table'), 'rows and rows\n')
}

describe('TunnelVolumeHosts', () => {
  it('carries a folder from host to host, and its original through confirmation', async () => {
    await filled()
    expect(await hosts.copy('host-1', 'host-2', 'pvc-1', 'm1')).toMatchObject({ files: 1, bytes: 14 })
    await hosts.adopt('host-2', 'pvc-1', 'm1')
    await hosts.keep('host-1', 'pvc-1', 'm1')
    expect(await readFile(join(root, 'host-2/pvc-1/data/table'), 'utf8')).toBe('rows and rows\n')
    const { folders } = await hosts.list('host-1')
    expect(folders).toMatchObject([{ volume: 'pvc-1', claim: CLAIM, state: 'kept' }])
    await hosts.forget('host-1', 'pvc-1', 'm1')
    expect((await hosts.list('host-1')).folders).toMatchObject([{ state: 'trash' }])
  })

  it('does not take a copy that is not what was sent', async () => {
    await filled()
    line = chunk => {
      const at = Buffer.from(chunk).indexOf('rows and rows')
      if (at === -1) return chunk
      const spoilt = Buffer.from(chunk)
      spoilt.write('ROWS', at)
      return spoilt
    }
    await expect(hosts.copy('host-1', 'host-2', 'pvc-1', 'm1')).rejects.toThrow('is not what was sent')
    expect((await hosts.list('host-2')).folders).toEqual([])
  })

  it('takes snapshots, lists them and makes a new folder of one', async () => {
    await filled()
    const snapshot = await hosts.snapshot('host-1', 'pvc-1', 's1')
    expect((await hosts.list('host-1')).snapshots).toEqual([snapshot])
    await hosts.create(
      'host-1',
      'pvc-2',
      { ...CLAIM, uid: 'claim-2' },
      { snapshot: 'host-1/pvc-1/s1', bytes: 1 },
    )
    expect(await readFile(join(root, 'host-1/pvc-2/data/table'), 'utf8')).toBe('rows and rows\n')
    await hosts.discard('host-1', 'pvc-1', 'none')
  })

  it.each(['a\r\nb', 'a&id=b', 'a#b', '../a', '', 'a'.repeat(70_000)])(
    'sends a host no name that is none, which would end its tunnel: %#',
    async name => {
      await filled()
      const refusal = expect.objectContaining({ reason: 'BadRequest' })
      await expect(hosts.snapshot('host-1', 'pvc-1', name)).rejects.toEqual(refusal)
      await expect(hosts.snapshot('host-1', name, 's1')).rejects.toEqual(refusal)
      await expect(hosts.keep('host-1', 'pvc-1', name)).rejects.toEqual(refusal)
      await expect(hosts.copy('host-1', 'host-2', name, 'm1')).rejects.toEqual(refusal)
      expect((await hosts.list('host-1')).snapshots).toEqual([])
    },
  )

  it('grow() lets a folder have what the host could hold', async () => {
    await filled()
    await hosts.grow('host-1', 'pvc-1', CLAIM.uid, 1)
  })

  it.each<[string, () => Promise<unknown>, string, string]>([
    [
      'a new folder that is larger than the host',
      () => hosts.create('host-1', 'pvc-9', CLAIM, { snapshot: undefined, bytes: 2 ** 60 }),
      'BadRequest',
      'more than the file system of volumes on host-1 holds',
    ],
    [
      'a folder that would be larger than the host',
      () => hosts.grow('host-1', 'pvc-1', CLAIM.uid, 2 ** 60),
      'BadRequest',
      'more than the file system of volumes on host-1 holds',
    ],
    [
      'the growth of another claim’s folder',
      () => hosts.grow('host-1', 'pvc-1', 'claim-2', 1),
      'Conflict',
      'its folder belongs to claim',
    ],
    ['a host that is away', () => hosts.list('host-9'), 'ServiceUnavailable', 'Cannot reach node "host-9"'],
    [
      'another claim’s folder',
      () => hosts.retire('host-1', 'pvc-1', 'claim-2'),
      'Conflict',
      'host host-1: Cannot retire volume pvc-1',
    ],
    [
      'a folder that is not there',
      () => hosts.snapshot('host-1', 'pvc-9', 's1'),
      'NotFound',
      'host host-1: Cannot find volume pvc-9',
    ],
    [
      'a name that is none',
      () => hosts.keep('host-1', '..%2Fx', 'm1'),
      'BadRequest',
      'as the name of a volume',
    ],
  ])('says of %s what it is', async (_, ask, reason, message) => {
    await filled()
    const refusal = await ask().catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(StatusError)
    expect(refusal).toMatchObject({ reason, message: expect.stringContaining(message) })
    expect(await readFile(join(root, 'host-1/pvc-1/data/table'), 'utf8')).toBe('rows and rows\n')
  })
})
