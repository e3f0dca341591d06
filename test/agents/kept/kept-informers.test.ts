import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KeptInformers } from '../../../src/agents/kept/kept-informers.ts'
import { plainSeal } from '../../../src/agents/kept/seal.ts'
import { BowlineError, silentLogger, systemClock, systemIds } from '../../../src/base/index.ts'
import type { Client, Informer } from '../../../src/client/index.ts'
import { Kinds, type Node } from '../../../src/kube/index.ts'
import { until } from '../support/test-agent.ts'
import { startTestServer, type TestServer } from '../support/test-server.ts'

let server: TestServer
let folder: string
let isAway = false
let refused = 0
beforeEach(async () => {
  isAway = false
  server = await startTestServer()
  folder = await mkdtemp(join(tmpdir(), 'bowline-kept-informers-'))
})
afterEach(async () => {
  await server.close()
  await rm(folder, { recursive: true, force: true })
})

/** The informers of one run of an agent, and what its parts were told. */
interface Run {
  readonly nodes: Informer<Node>
  readonly told: readonly string[]
  stop(): Promise<void>
}

function start(): Run {
  const unlessAway = <T>(call: () => T): T => {
    if (!isAway) return call()
    refused += 1
    throw new BowlineError('unavailable', 'Cannot reach the server: it is away', { retryable: true })
  }
  const client: Pick<Client, 'get' | 'list' | 'watch'> = {
    get: async (...all) => unlessAway(() => server.client.get(...all)),
    list: async (...all) => unlessAway(() => server.client.list(...all)),
    watch: (...all) => unlessAway(() => server.client.watch(...all)),
  }
  const informers = new KeptInformers({
    ...{ client, folder, seal: plainSeal, patienceMs: 50 },
    ...{ clock: systemClock, ids: systemIds, log: silentLogger },
  })
  const nodes = informers.of(Kinds.Node)
  const told: string[] = []
  nodes.subscribe({
    added: node => told.push(`added ${node.metadata.name}`),
    updated: node => told.push(`updated ${node.metadata.name}`),
    deleted: node => told.push(`deleted ${node.metadata.name}`),
  })
  const abort = new AbortController()
  const running = informers.start(abort.signal)
  return {
    nodes,
    told,
    async stop() {
      abort.abort()
      await running
    },
  }
}

const create = (name: string) =>
  server.client.create(Kinds.Node, { apiVersion: 'v1', kind: 'Node', metadata: { name } })

const label = (name: string) =>
  server.client.patch(Kinds.Node, name, { type: 'merge', body: { metadata: { labels: { is: 'new' } } } })

describe('KeptInformers', () => {
  it('KeptInformers serves what was known last when the server is away, and only the difference when it is back', async () => {
    for (const name of ['stays', 'changes', 'goes']) await create(name)
    const first = start()
    await first.nodes.synced
    await label('changes')
    await until('the change is seen', () => first.told.includes('updated changes'))
    await first.stop()

    isAway = true
    const second = start()
    await second.nodes.synced
    expect(second.nodes.get('changes')?.metadata.labels).toEqual({ is: 'new' })
    expect([...second.told].sort()).toEqual(['added changes', 'added goes', 'added stays'])
    await label('stays')
    await server.client.delete(Kinds.Node, 'goes')
    await create('comes')
    isAway = false
    await until('the server is back', () => second.told.includes('added comes'))
    expect(second.told.slice(3).toSorted()).toEqual(['added comes', 'deleted goes', 'updated stays'])
    await second.stop()

    isAway = true
    const third = start()
    await third.nodes.synced
    expect(
      third.nodes
        .list()
        .map(({ metadata }) => metadata.name)
        .toSorted(),
    ).toEqual(['changes', 'comes', 'stays'])
    await third.stop()
  })

  it('KeptInformers forgets what was deleted while no agent ran', async () => {
    for (const name of ['stays', 'goes']) await create(name)
    const first = start()
    await first.nodes.synced
    await first.stop()
    await server.client.delete(Kinds.Node, 'goes')
    const second = start()
    await second.nodes.synced
    await second.stop()
    isAway = true
    const third = start()
    await third.nodes.synced
    expect(third.nodes.list().map(({ metadata }) => metadata.name)).toEqual(['stays'])
    await third.stop()
  })

  it('KeptInformers serves nothing before the server did once: half a world is none to go by', async () => {
    await create('one')
    isAway = true
    const first = start()
    refused = 0
    // The second attempt is much later than the patience with the server.
    await until('the server was asked twice', () => refused >= 2)
    expect(first.nodes.hasSynced).toBe(false)
    isAway = false
    await first.nodes.synced
    expect(first.told).toEqual(['added one'])
    await first.stop()
  })
})
