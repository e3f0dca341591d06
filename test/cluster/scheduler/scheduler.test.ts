import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger, systemClock, systemIds } from '../../../src/base/index.ts'
import { type Client, Informers } from '../../../src/client/index.ts'
import { startScheduler } from '../../../src/cluster/scheduler/index.ts'
import { Kinds, type Pod } from '../../../src/kube/index.ts'
import { eventually } from '../../base/eventually.ts'
import { startTestApi, type TestApi } from '../api/test-api.ts'
import { type NodeFacts, node, type PodFacts, pod } from '../controllers/build.ts'

const namespace = 'default'
let api: TestApi
let client: Client
let stop: AbortController
let running: Promise<unknown>

beforeEach(async () => {
  api = await startTestApi()
  client = api.client
  stop = new AbortController()
  const context = { client, clock: systemClock, ids: systemIds, log: silentLogger }
  const informers = new Informers(context)
  running = Promise.all([
    startScheduler({ ...context, informers }).start(stop.signal),
    informers.start(stop.signal),
  ])
})

afterEach(async () => {
  stop.abort()
  await running
  await api.close()
})

async function addNode(name: string, facts: NodeFacts = {}): Promise<void> {
  const { status, ...object } = node(name, facts)
  const { resourceVersion: _, uid: __, ...metadata } = object.metadata
  const created = await client.create(Kinds.Node, { ...object, metadata })
  await client.update(Kinds.Node, { ...created, ...(status ? { status } : {}) }, { subresource: 'status' })
}

async function addPod(name: string, facts: PodFacts = {}, cpu = '100m'): Promise<void> {
  const containers = [{ name: 'web', image: 'v1', resources: { requests: { cpu } } }]
  const object = pod(name, { ...facts, spec: { containers, ...facts.spec } })
  await client.create(Kinds.Pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: object.spec!,
  })
}

const read = (name: string): Promise<Pod> => client.get(Kinds.Pod, name, { namespace })

const placed = (name: string) =>
  eventually(`${name} on a node`, async () => (await read(name)).spec?.nodeName)

const refused = (name: string, message: string) =>
  eventually(`${name} refused`, async () =>
    (await read(name)).status?.conditions?.some(
      one => one.type === 'PodScheduled' && one.reason === 'Unschedulable' && one.message === message,
    ),
  )

describe('Scheduler', () => {
  it('binds a pod, marks it scheduled and says so', async () => {
    await addNode('n1')
    await addPod('web')
    expect(await placed('web')).toBe('n1')
    const conditions = (await read('web')).status?.conditions
    expect(conditions?.find(one => one.type === 'PodScheduled')?.status).toBe('True')
    const event = await eventually('the event', async () =>
      (await client.list(Kinds.Event, { namespace })).items.find(one => one.reason === 'Scheduled'),
    )
    expect(event.message).toBe('Successfully assigned default/web to n1')
  })

  it('explains why a pod waits, and schedules it when a node comes, grows or is uncordoned', async () => {
    await addPod('web', {}, '2')
    await refused('web', 'no nodes available to schedule pods')
    await addNode('n1', { cpu: '1' })
    await refused('web', '0/1 nodes are available: 1 Insufficient cpu.')
    await addNode('n2', { unschedulable: true })
    await refused('web', '0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.')
    await client.patch(Kinds.Node, 'n2', { type: 'merge', body: { spec: { unschedulable: null } } })
    expect(await placed('web')).toBe('n2')
    const events = (await client.list(Kinds.Event, { namespace })).items
    expect(events.some(one => one.reason === 'FailedScheduling')).toBe(true)
  })

  it('takes the room of a pod that went or ended', async () => {
    await addNode('n1', { cpu: '1' })
    await addPod('first', {}, '1')
    await placed('first')
    await addPod('second', {}, '1')
    await refused('second', '0/1 nodes are available: 1 Insufficient cpu.')
    const status = { phase: 'Succeeded' }
    await client.patch(
      Kinds.Pod,
      'first',
      { type: 'merge', body: { status } },
      { namespace, subresource: 'status' },
    )
    expect(await placed('second')).toBe('n1')
  })

  it('keeps pods apart, and tries those that wait again when others come, change or go', async () => {
    const labelSelector = { matchLabels: { app: 'db' } }
    const terms = [{ topologyKey: 'kubernetes.io/hostname', labelSelector }]
    const rule = { requiredDuringSchedulingIgnoredDuringExecution: terms }
    const apart = { spec: { affinity: { podAntiAffinity: rule } } }
    const label = (name: string, labels: object) =>
      client.patch(Kinds.Pod, name, { type: 'merge', body: { metadata: { labels } } }, { namespace })
    await addNode('n1')
    await addPod('first')
    await placed('first')
    await label('first', { app: 'db' })
    await addPod('second', apart)
    await refused('second', "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.")
    await label('first', { app: 'web' })
    expect(await placed('second')).toBe('n1')
    await addPod('near', { spec: { affinity: { podAffinity: rule } } })
    await refused('near', "0/1 nodes are available: 1 node(s) didn't match pod affinity rules.")
    await label('second', { app: 'db' })
    expect(await placed('near')).toBe('n1')
    await addPod('third', apart)
    await refused('third', "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.")
    await client.delete(Kinds.Pod, 'second', { namespace, gracePeriodSeconds: 0 })
    expect(await placed('third')).toBe('n1')
  })

  it('leaves pods of other schedulers and gated pods alone', async () => {
    await addNode('n1')
    await addPod('other', { spec: { schedulerName: 'someone-else' } })
    await addPod('gated', { spec: { schedulingGates: [{ name: 'wait' }] } })
    await addPod('packed', { spec: { schedulerName: 'bowline-packing' } })
    await placed('packed')
    expect((await read('other')).spec?.nodeName).toBeUndefined()
    expect((await read('gated')).spec?.nodeName).toBeUndefined()
  })

  it('fills a cluster to its brim and no further, however many pods come at once', async () => {
    for (let index = 0; index < 10; index++) await addNode(`n${index}`, { cpu: '2' })
    await Promise.all(Array.from({ length: 120 }, (_, index) => addPod(`p${index}`, {}, '200m')))
    const pods = await eventually('100 placed pods', async () => {
      const { items } = await client.list(Kinds.Pod, { namespace })
      const waiting = items.filter(one => !one.spec?.nodeName)
      return waiting.length === 20 && waiting.every(one => one.status?.conditions?.length) && items
    })
    const counts = new Map<string, number>()
    for (const one of pods)
      if (one.spec?.nodeName) counts.set(one.spec.nodeName, (counts.get(one.spec.nodeName) ?? 0) + 1)
    expect([...counts.values()]).toEqual(Array(10).fill(10))
  })
})
