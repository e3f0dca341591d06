import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Kinds, type RecordObject, registryPrefix } from '../../src/kube/index.ts'
import { eventually } from '../base/eventually.ts'
import { configMap, deployment } from './manifests.ts'
import { ROOT, TestPipeline } from './test-pipeline.ts'

describe('Pipeline: commits', () => {
  let world: TestPipeline

  beforeEach(async () => {
    world = await TestPipeline.create({ nodes: ['host-1', 'host-2'] })
  })

  afterEach(() => world.close())

  it('runs what the first commit declares and closes its record as Healthy', async () => {
    const commit = world.push('shop 1', {
      'web.yaml': deployment('web', { replicas: 2 }),
      'config.yaml': configMap('config'),
    })
    await world.start()
    const app = await world.reaches('Healthy', commit)
    expect(app.status).toMatchObject({
      appliedRevision: commit,
      message: '2 objects are healthy',
      objects: 2,
      changes: { create: 2, configure: 0, delete: 0, keep: 0 },
      apps: { total: 1, affected: [ROOT] },
      lastRecord: `${ROOT}-000001`,
    })
    await world.closed()
    const [record, ...more] = await world.records()
    expect(more).toEqual([])
    expect(record?.spec).toMatchObject({
      trigger: 'start',
      skipped: [],
      commit: {
        id: commit,
        subject: 'shop 1',
        author: { name: 'Ada', email: 'ada@example.org' },
        committer: { name: 'Grace', email: 'grace@example.org' },
      },
    })
    expect(record?.spec.plan.changes.map(({ action, ref, source }) => [action, ref.kind, source])).toEqual([
      ['create', 'ConfigMap', { file: 'config.yaml', line: 1, column: 1 }],
      ['create', 'Deployment', { file: 'web.yaml', line: 1, column: 1 }],
    ])
    expect(record?.status).toMatchObject({ state: 'Healthy', health: { message: '2 objects are healthy' } })
    expect(record?.status?.changes.map(({ outcome }) => outcome)).toEqual(['created', 'created'])
    expect(containersOf(record)).toEqual({ started: 2, stopped: 0 })
    expect(new Set(record?.status?.containers.map(({ node }) => node))).toEqual(new Set(['host-1', 'host-2']))
  })

  it('writes nothing when it is restarted on the same revision', async () => {
    const commit = world.push('shop 1', { 'web.yaml': deployment('web'), 'config.yaml': configMap('config') })
    await world.start()
    await world.reaches('Healthy', commit)
    await world.noted()
    await world.stop()
    const before = await written(world)
    await world.start()
    await looked(world)
    await world.stop()
    expect(await written(world)).toEqual(before)
  })

  it('records a rolling update with every container that it starts and stops', async () => {
    world.push('shop 1', { 'web.yaml': deployment('web', { replicas: 3, image: 'shop:1' }) })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    const commit = world.push('shop 2', { 'web.yaml': deployment('web', { replicas: 3, image: 'shop:2' }) })
    await world.reaches('Healthy', commit)
    const record = await world.recorded('of shop 2, closed', isClosedAt(commit))
    expect(record.spec).toMatchObject({ trigger: 'push' })
    expect(record.spec.plan.changes[0]?.fields).toEqual([
      { path: 'spec.template.spec.containers[name="web"].image', before: 'shop:1', after: 'shop:2' },
    ])
    expect(containersOf(record)).toEqual({ started: 3, stopped: 3 })
    const pods = (await world.client.list(Kinds.Pod, { namespace: 'default' })).items
    const running = pods.map(({ metadata }) => `default/${metadata.name}`).sort()
    const started = record.status?.containers.flatMap(({ action, pod }) => (action === 'started' ? pod : []))
    expect([...(started ?? [])].sort()).toEqual(running)
  })

  it('deletes what left Git, and what other fields of an object somebody else set stay', async () => {
    world.push('one', { 'a.yaml': configMap('a'), 'b.yaml': configMap('b'), 'web.yaml': deployment('web') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    await world.client.patch(
      Kinds.ConfigMap,
      'a',
      { type: 'merge', body: { data: { extra: 'mine' } } },
      { namespace: 'default' },
    )
    world.repository.git('rm', '-q', 'b.yaml')
    const commit = world.push('two', { 'a.yaml': configMap('a', 'two') })
    await world.reaches('Healthy', commit)
    expect((await world.client.get(Kinds.ConfigMap, 'a', { namespace: 'default' })).data).toEqual({
      key: 'two',
      extra: 'mine',
    })
    await expect(world.client.get(Kinds.ConfigMap, 'b', { namespace: 'default' })).rejects.toThrow(
      'not found',
    )
    expect((await world.app()).status).toMatchObject({ objects: 2, changes: { configure: 1, delete: 1 } })
  })

  it('records a commit that changes no object, for it was attempted too', async () => {
    world.push('one', { 'config.yaml': configMap('config') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    const commit = world.push('say more', { 'config.yaml': `# more\n${configMap('config')}` })
    await world.reaches('Healthy', commit)
    const record = await world.recorded('of the comment', isClosedAt(commit))
    expect(record.spec.plan).toMatchObject({ changes: [], counts: { keep: 1 } })
    expect(record.status).toMatchObject({ state: 'Healthy', changes: [] })
  })

  it('lets a newer commit take over at once and names the commits that were passed over', async () => {
    const first = world.push('never ready', {
      'web.yaml': deployment('web', {
        more: '          readinessProbe: { exec: { command: ["true"] }, initialDelaySeconds: 600 }\n',
      }),
    })
    await world.start()
    await world.recorded('open', ({ status }) => status?.state === 'Open')
    const passed = ['two', 'three'].map(message => {
      world.repository.git('commit', '-q', '--allow-empty', '-m', message)
      return world.repository.head()
    })
    const last = world.push('four', { 'web.yaml': deployment('web') })
    await world.reaches('Healthy', last)
    const [superseded] = (await world.records()).filter(({ spec }) => spec.commit.id === first)
    expect(superseded?.status).toMatchObject({
      state: 'Superseded',
      health: { message: 'a newer commit took over' },
    })
    const named = (await world.records()).flatMap(({ spec }) => [...spec.skipped, spec.commit.id])
    expect(named).toEqual([first, ...passed, last])
  })
})

function isClosedAt(commit: string): (record: RecordObject) => boolean {
  return ({ spec, status }) => spec.commit.id === commit && status?.state !== 'Open'
}

function containersOf(record: RecordObject | undefined): { started: number; stopped: number } {
  const actions = record?.status?.containers.map(({ action }) => action) ?? []
  return {
    started: actions.filter(action => action === 'started').length,
    stopped: actions.filter(action => action === 'stopped').length,
  }
}

/** Every key and when it was last written, but for what agents and leaders renew all the time. */
async function written(world: TestPipeline): Promise<readonly string[]> {
  const { items } = await world.store.range('/')
  const renewed = [Kinds.Lease, Kinds.Node, Kinds.Event].map(kind => registryPrefix(kind))
  return items
    .filter(({ key }) => !renewed.some(prefix => key.startsWith(prefix)))
    .map(({ key, modRevision }) => `${key} ${modRevision}`)
}

/** Waits until the lane of the app has looked at the head: only then it warns of writes to what it owns. */
async function looked(world: TestPipeline): Promise<void> {
  const ref = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'config' }
  const write = { user: 'eve', ref, subresource: '' }
  await eventually('the lane to look', () => world.pipeline.warningsFor(write).length > 0)
}
