import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type KeyValueStore, silentLogger, systemClock, systemIds } from '../../../../src/base/index.ts'
import { createInformer } from '../../../../src/client/index.ts'
import { type NodeMembers, openNodeMembers } from '../../../../src/cluster/api/auth/node-members.ts'
import { openLmdbStore } from '../../../../src/cluster/store/index.ts'
import { Kinds } from '../../../../src/kube/index.ts'
import { until } from '../../../agents/support/test-agent.ts'
import { startTestServer, type TestServer } from '../../../agents/support/test-server.ts'

const parts = { clock: systemClock, ids: systemIds, log: silentLogger }

let folder: string
let store: KeyValueStore
/** Where the Nodes are. */
let server: TestServer
let stop: () => Promise<void>

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bowline-members-'))
  store = await openLmdbStore({ path: join(folder, 'store'), ...parts })
  server = await startTestServer()
  stop = async () => {}
})
afterEach(async () => {
  await stop()
  await server.close()
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

/** The memberships as a server that starts finds them; `removed` gathers whom it was told of. */
async function open(): Promise<{ readonly members: NodeMembers; readonly removed: readonly string[] }> {
  await stop()
  const members = await openNodeMembers({ store, ...parts })
  const nodes = createInformer(server.client, Kinds.Node, parts)
  const removed: string[] = []
  const abort = new AbortController()
  const running = Promise.all([
    nodes.run(abort.signal),
    members.follow(nodes, name => removed.push(name)).start(abort.signal),
  ])
  stop = async () => {
    abort.abort()
    await running
  }
  return { members, removed }
}

const createNode = (name: string) =>
  server.client.create(Kinds.Node, { apiVersion: 'v1', kind: 'Node', metadata: { name } })

describe('NodeMembers', () => {
  it('a membership lasts until its Node is deleted, and counts again for nobody', async () => {
    const { members, removed } = await open()
    const id = await members.admit('host-1')
    expect(members.isRemoved('host-1', id)).toBe(false)
    await createNode('host-1')
    await until('it has its Node', () => members.hasNode('host-1'))
    expect(members.idOf('host-1')).toBe(id)
    await server.client.delete(Kinds.Node, 'host-1')
    await until('it is out', () => removed.includes('host-1'))
    expect(members.isRemoved('host-1', id)).toBe(true)
    expect(members.isRemoved('host-1', undefined)).toBe(true)
    expect(members.idOf('host-1')).toBeUndefined()
    const next = await members.admit('host-1')
    expect([members.isRemoved('host-1', id), members.isRemoved('host-1', next)]).toEqual([true, false])
  })

  it('a Node that was deleted while no server ran, or just before it died, is seen at the next start', async () => {
    let { members } = await open()
    const id = await members.admit('host-1')
    await createNode('host-1')
    await until('it has its Node', () => members.hasNode('host-1'))
    await stop()
    await server.client.delete(Kinds.Node, 'host-1')
    members = (await open()).members
    await until('it is out', () => members.isRemoved('host-1', id))
    members = (await open()).members
    expect(members.isRemoved('host-1', id)).toBe(true)
  })

  it('a Node that was made anew under its name belongs to nobody who joined before', async () => {
    let { members } = await open()
    const id = await members.admit('host-1')
    await createNode('host-1')
    await until('it has its Node', () => members.hasNode('host-1'))
    await stop()
    await server.client.delete(Kinds.Node, 'host-1')
    await createNode('host-1')
    members = (await open()).members
    await until('it is out', () => members.isRemoved('host-1', id))
  })

  it('a host that has joined and has no Node yet is no removed one, nor is one that joined before there were memberships', async () => {
    const { members } = await open()
    const id = await members.admit('host-1')
    const reopened = (await open()).members
    await createNode('other')
    expect(reopened.isRemoved('host-1', id)).toBe(false)
    expect(reopened.isRemoved('other', undefined)).toBe(false)
  })
})
