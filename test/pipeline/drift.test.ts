import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Kinds, type Pod, type RecordObject, registryKey } from '../../src/kube/index.ts'
import { eventually } from '../base/eventually.ts'
import { configMap, deployment } from './manifests.ts'
import { ROOT, TestPipeline } from './test-pipeline.ts'

describe('Pipeline: drift', () => {
  let world: TestPipeline

  beforeEach(async () => {
    world = await TestPipeline.create()
    world.push('one', { 'web.yaml': deployment('web', { replicas: 2 }), 'config.yaml': configMap('config') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
  })

  afterEach(() => world.close())

  it('puts back what a user edited, warns the user, and records who it was', async () => {
    const warnings: string[] = []
    await world
      .as('eve', warnings)
      .patch(
        Kinds.Deployment,
        'web',
        { type: 'merge', body: { spec: { replicas: 5 } } },
        { namespace: 'default' },
      )
    const commit = world.repository.head()
    expect(warnings).toEqual([
      `Deployment web is managed by Git (app ${ROOT}, web.yaml:1, commit ${commit.slice(0, 7)}): what that file declares will be put back; change the file and push`,
    ])
    const record = await drifted(world, 2)
    expect(record.spec).toMatchObject({ trigger: 'drift', actor: 'eve', commit: { id: commit }, skipped: [] })
    expect(record.spec.plan.changes[0]?.fields).toEqual([{ path: 'spec.replicas', before: 5, after: 2 }])
    expect(record.status?.changes.map(({ outcome }) => outcome)).toEqual(['configured'])
    const { spec } = await world.client.get(Kinds.Deployment, 'web', { namespace: 'default' })
    expect(spec?.replicas).toBe(2)
    expect((await world.reaches('Healthy', commit)).status?.lastRecord).toBe(record.metadata.name)
  })

  it('leaves alone what Git does not declare, and warns of it no less', async () => {
    const warnings: string[] = []
    const body = { metadata: { annotations: { note: 'mine' } } }
    await world
      .as('eve', warnings)
      .patch(Kinds.Deployment, 'web', { type: 'merge', body }, { namespace: 'default' })
    expect(warnings).toHaveLength(1)
    await world
      .as('eve')
      .patch(
        Kinds.ConfigMap,
        'config',
        { type: 'merge', body: { data: { key: 'two' } } },
        { namespace: 'default' },
      )
    await drifted(world, 2)
    const { metadata } = await world.client.get(Kinds.Deployment, 'web', { namespace: 'default' })
    expect(metadata.annotations).toMatchObject({ note: 'mine' })
    expect(await world.records()).toHaveLength(2)
  })

  it('makes anew what a user deleted', async () => {
    await world
      .as('eve')
      .delete(Kinds.Deployment, 'web', { namespace: 'default', propagationPolicy: 'Background' })
    const record = await drifted(world, 2)
    expect(record.spec).toMatchObject({ trigger: 'drift', actor: 'eve', plan: { counts: { create: 1 } } })
    const actions = record.status?.containers.map(({ action }) => action) ?? []
    expect(actions.filter(action => action === 'stopped')).toHaveLength(2)
    expect(actions.filter(action => action === 'started')).toHaveLength(2)
  })

  it('waits for an object that a user deletes in the foreground, and makes it anew once it is gone', async () => {
    const before = await world.client.get(Kinds.Deployment, 'web', { namespace: 'default' })
    await world
      .as('eve')
      .delete(Kinds.Deployment, 'web', { namespace: 'default', propagationPolicy: 'Foreground' })
    const record = await drifted(world, 2)
    expect(record.status?.changes.map(({ outcome }) => outcome)).toEqual(['created'])
    const after = await world.client.get(Kinds.Deployment, 'web', { namespace: 'default' })
    expect(after.metadata.uid).not.toBe(before.metadata.uid)
  })

  it('starts a killed container again, with an unknown actor, and records the stop and the start', async () => {
    const [pod] = await podsOf(world)
    const { runtime, id } = await world.containerOf(pod?.metadata.name ?? '')
    runtime.exitContainer(id, 137)
    const record = await drifted(world, 2)
    expect(record.spec).toMatchObject({ trigger: 'drift', actor: 'unknown', plan: { changes: [] } })
    expect(record.status).toMatchObject({ state: 'Healthy', changes: [] })
    expect(record.status?.containers).toMatchObject([
      { action: 'stopped', node: 'host-1', pod: `default/${pod?.metadata.name}`, reason: 'Error (exit 137)' },
      { action: 'started', node: 'host-1', pod: `default/${pod?.metadata.name}` },
    ])
    await world.reaches('Healthy', world.repository.head())
  })

  it('records a pod that a user deleted, with the containers that it and its replacement stopped and started', async () => {
    const [pod] = await podsOf(world)
    await world.as('eve').delete(Kinds.Pod, pod?.metadata.name ?? '', { namespace: 'default' })
    const record = await drifted(world, 2)
    expect(record.spec).toMatchObject({ trigger: 'drift', actor: 'eve' })
    const containers = record.status?.containers ?? []
    expect(containers.map(({ action }) => action).sort()).toEqual(['started', 'stopped'])
    expect(containers.find(({ action }) => action === 'stopped')?.pod).toBe(`default/${pod?.metadata.name}`)
    expect(containers.find(({ action }) => action === 'started')?.pod).not.toBe(
      `default/${pod?.metadata.name}`,
    )
  })

  it('makes everything anew in a namespace that a user deleted', async () => {
    world.repository.git('rm', '-q', 'web.yaml', 'config.yaml')
    const commit = world.push('as apps\n\nBowline-Allow-Delete: all', {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/blog/web.yaml': deployment('web'),
      'apps/blog/config.yaml': configMap('config'),
    })
    await world.reaches('Healthy', commit, 'blog')
    await world.as('eve').delete(Kinds.Namespace, 'blog')
    const record = await world.recorded(
      'of a drift',
      ({ spec, status }) => spec.trigger === 'drift' && status?.state === 'Healthy',
      'blog',
    )
    expect(record.spec.actor).toBe('eve')
    expect(new Set(record.status?.changes.map(({ ref, outcome }) => `${ref.kind} ${outcome}`))).toEqual(
      new Set(['Namespace created', 'ConfigMap created', 'Deployment created']),
    )
    await world.reaches('Healthy', commit, 'blog')
  })

  it('is not worn out by a fight with another writer, and a newer commit does not wait for its end', async () => {
    const client = world.as('eve')
    const stop = new AbortController()
    let rounds = 0
    const fight = (async () => {
      const options = { namespace: 'default', signal: stop.signal }
      for await (const { object } of client.watch(Kinds.ConfigMap, options)) {
        if (object.metadata.name !== 'config' || object.data?.key !== 'one') continue
        rounds += 1
        await edit(world, 'mine')
      }
    })()
    await eventually('the fight to be slowed down', () => rounds >= 8, 15_000)
    const commit = world.push('give in', { 'config.yaml': configMap('config', 'mine') })
    await world.reaches('Healthy', commit)
    stop.abort()
    await fight
    const repairs = (await world.records()).filter(({ spec }) => spec.trigger === 'drift')
    expect(repairs.length).toBeLessThan(rounds)
    for (const { spec } of repairs) expect(spec.actor).toBe('eve')
  })

  it('repairs the drift of a held app against what was applied last, also after a restart, and it stays held', async () => {
    const bad = world.push('bad', { 'config.yaml': 'data: [' })
    await world.reaches('Held', bad)
    await edit(world, 'first')
    await drifted(world, 3)
    expect((await world.reaches('Held', bad)).status?.diagnostics).toHaveLength(1)
    await world.stop()
    await world.start()
    await eventually(
      'the app to be guarded',
      async () => world.pipeline.warningsFor({ user: 'x', ref: CONFIG, subresource: '' }).length > 0,
    )
    await edit(world, 'second')
    const record = await drifted(world, 4)
    expect(record.spec).toMatchObject({ trigger: 'drift', actor: 'eve', commit: { subject: 'one' } })
    expect((await world.reaches('Held', bad)).status?.message).toContain('config.yaml:1:')
    const held = (await world.records()).filter(({ status }) => status?.state === 'Held')
    expect(held).toHaveLength(1)
  })

  it('repairs at the start what drifted while the server was away, held or not', async () => {
    const bad = world.push('bad', { 'config.yaml': 'data: [' })
    await world.reaches('Held', bad)
    await world.stop()
    const key = registryKey(Kinds.ConfigMap, 'default', 'config')
    const stored = await world.store.get(key)
    const text = Buffer.from(stored?.value ?? [])
      .toString()
      .replace('"one"', '"changed"')
    await world.store.txn([], [{ type: 'put', key, value: Buffer.from(text) }])
    await world.start()
    const record = await drifted(world, 3)
    expect(record.spec).toMatchObject({ actor: 'unknown', commit: { subject: 'one' } })
    expect((await world.client.get(Kinds.ConfigMap, 'config', { namespace: 'default' })).data).toEqual({
      key: 'one',
    })
    expect((await world.reaches('Held', bad)).status?.phase).toBe('Held')
  })

  it('finds what drifted while the server was away though all of it was noted as in order, and leaves a new commit its own', async () => {
    world.push('two', { 'a.yaml': configMap('a'), 'b.yaml': configMap('b'), 'c.yaml': configMap('c') })
    await world.reaches('Healthy', world.repository.head())
    await world.noted()
    await world.stop()
    const keyOf = (name: string): string => registryKey(Kinds.ConfigMap, 'default', name)
    const stored = Buffer.from((await world.store.get(keyOf('a')))?.value ?? []).toString()
    await world.store.txn(
      [],
      [
        { type: 'put', key: keyOf('a'), value: Buffer.from(stored.replace('"one"', '"changed"')) },
        { type: 'delete', key: keyOf('b') },
      ],
    )
    const commit = world.push('three', { 'c.yaml': configMap('c', 'new') })
    await world.start()
    await world.reaches('Healthy', commit)
    await world.closed()
    const record = (await world.records()).find(({ spec }) => spec.commit.id === commit)
    const actions = record?.status?.changes.map(({ ref, action }) => `${action} ${ref.name}`)
    expect(actions?.toSorted()).toEqual(['configure a', 'configure c', 'create b'])
    expect(record?.spec.plan).toMatchObject({ counts: { create: 1, configure: 2, delete: 0, keep: 2 } })
    const { items } = await world.client.list(Kinds.ConfigMap, { namespace: 'default' })
    const values = items.map(({ metadata, data }) => [metadata.name, data?.key])
    expect(values).toEqual(
      expect.arrayContaining([
        ['a', 'one'],
        ['b', 'one'],
        ['c', 'new'],
      ]),
    )
  })
})

const CONFIG = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'config' }

async function edit(world: TestPipeline, value: string): Promise<void> {
  const body = { data: { key: value } }
  await world.as('eve').patch(Kinds.ConfigMap, 'config', { type: 'merge', body }, { namespace: 'default' })
}

/** Waits until the drift record of this sequence is closed. */
function drifted(world: TestPipeline, sequence: number): Promise<RecordObject> {
  return world.recorded(
    `${sequence}, of a drift and closed`,
    ({ spec, status }) => spec.sequence === sequence && spec.trigger === 'drift' && status?.state !== 'Open',
  )
}

async function podsOf(world: TestPipeline): Promise<readonly Pod[]> {
  return (await world.client.list(Kinds.Pod, { namespace: 'default' })).items
}
