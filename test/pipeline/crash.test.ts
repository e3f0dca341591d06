import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { verifyChain } from '../../src/audit/index.ts'
import { Kinds } from '../../src/kube/index.ts'
import { eventually } from '../base/eventually.ts'
import { configMap, configMaps, deployment } from './manifests.ts'
import { ROOT, TestPipeline } from './test-pipeline.ts'

describe('Pipeline: a server that dies', () => {
  let world: TestPipeline

  beforeEach(async () => {
    world = await TestPipeline.create()
  })

  afterEach(() => world.close())

  it('leaves an open record, which the next start closes as Interrupted before it goes on', async () => {
    world.push('one', { 'web.yaml': deployment('web') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    const commit = world.push('two', { 'web.yaml': deployment('web', { replicas: 3, image: 'shop:2' }) })
    await world.recorded('open', ({ spec, status }) => spec.commit.id === commit && status?.state === 'Open')
    await world.kill()
    await world.start()
    await world.reaches('Healthy', commit)
    await world.closed()
    const [, interrupted, ...rest] = await world.records()
    expect(interrupted?.spec.commit.id).toBe(commit)
    expect(interrupted?.status?.state).toBe('Interrupted')
    expect(interrupted?.status?.health?.message).toContain('the server ended during this attempt')
    // Only when the crash left something to write there is another one.
    for (const record of rest) expect(record.spec).toMatchObject({ trigger: 'start', commit: { id: commit } })
    const [head] = await world.pipeline.chains()
    expect(verifyChain(ROOT, await world.records(), head ?? null).faults).toEqual([])
  })

  it('at any instant loses no object, owns every object, and leaves a chain that verifies', async () => {
    await world.start()
    let commit = ''
    for (let round = 1; round <= 6; round += 1) {
      commit = world.push(`round ${round}`, {
        'many.yaml': configMaps(20 + round, `value-${round}`),
        'web.yaml': deployment('web', { image: `shop:${round}` }),
      })
      const wanted = round * 7
      await eventually('some writes', async () => world.store.revision > 0 && wanted > 0)
      for (let turn = 0; turn < wanted; turn += 1) await new Promise<void>(resolve => setImmediate(resolve))
      await world.kill()
      await world.start()
    }
    await world.reaches('Healthy', commit)
    await world.closed()
    const { items } = await world.client.list(Kinds.ConfigMap, { namespace: 'default' })
    const ours = items.filter(({ metadata }) => metadata.name?.startsWith('config-'))
    expect(ours).toHaveLength(26)
    expect(new Set(ours.map(({ data }) => data?.key))).toEqual(new Set(['value-6']))
    expect((await world.app()).status?.objects).toBe(27)
    const records = await world.records()
    const [head] = await world.pipeline.chains()
    expect(verifyChain(ROOT, records, head ?? null).faults).toEqual([])
    expect(records.filter(({ status }) => status?.state === 'Open')).toEqual([])
  }, 60_000)

  it('closes the record of an attempt that is under way when it is stopped in good order', async () => {
    world.push('one', { 'web.yaml': deployment('web', { image: 'shop:1', more: NEVER_READY }) })
    await world.start()
    await world.recorded('open', ({ status }) => status?.state === 'Open')
    await world.stop()
    await world.start()
    const [record] = await world.records()
    expect(record?.status).toMatchObject({
      state: 'Interrupted',
      health: { message: 'the server was stopped' },
    })
    await world.reaches('Progressing', world.repository.head())
  })

  it('deletes after a crash what an attempt had made that Git no longer wants', async () => {
    world.push('one', { 'a.yaml': configMap('a'), 'b.yaml': configMap('b'), 'c.yaml': configMap('c') })
    await world.start()
    await eventually(
      'b to be made',
      async () =>
        (await world.client.get(Kinds.ConfigMap, 'b', { namespace: 'default' }).catch(() => undefined)) !==
        undefined,
    )
    await world.kill()
    world.repository.git('rm', '-q', 'b.yaml')
    const commit = world.push('without b', {})
    await world.start()
    await world.reaches('Healthy', commit)
    await expect(world.client.get(Kinds.ConfigMap, 'b', { namespace: 'default' })).rejects.toThrow(
      'not found',
    )
  })
})

const NEVER_READY = '          readinessProbe: { exec: { command: ["true"] }, initialDelaySeconds: 600 }\n'
