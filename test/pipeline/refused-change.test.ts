import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Kinds } from '../../src/kube/index.ts'
import { eventually } from '../base/eventually.ts'
import { configMap, deployment, secret } from './manifests.ts'
import { ROOT, TestPipeline } from './test-pipeline.ts'

describe('Pipeline: changes that the API refuses whoever asks', () => {
  let world: TestPipeline

  beforeEach(async () => {
    world = await TestPipeline.create()
  })

  afterEach(() => world.close())

  it('holds the app before anything is written, names the field where it stands, and says what to do', async () => {
    world.push('one', { 'web.yaml': `---\n${deployment('web')}`, 'config.yaml': configMap('config') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    const commit = world.push('another selector', {
      'web.yaml': `---\n${deployment('web', { label: 'other' })}`,
      'config.yaml': configMap('config', 'two'),
    })
    const { status } = await world.reaches('Held', commit)
    expect(status?.diagnostics).toMatchObject([
      {
        ...{ file: 'web.yaml', line: 8, column: 3, code: 'refused-change' },
        message: expect.stringMatching(/^Deployment default\/web: spec\.selector: .*field is immutable$/),
        excerpt: '  selector:\n  ^',
        hint: expect.stringContaining('kubectl delete deployment web --namespace default'),
      },
    ])
    expect(status?.message).toMatch(/^web\.yaml:8:3: Deployment default\/web: spec\.selector/)
    const record = await world.recorded('Held', ({ status }) => status?.state === 'Held')
    expect(record.spec.plan.changes).toMatchObject([
      { ref: { kind: 'ConfigMap' }, action: 'configure' },
      { ref: { kind: 'Deployment' }, action: 'configure' },
    ])
    expect(await dataOf('config')).toBe('one')
  })

  it('foretells it in a plan', async () => {
    world.push('one', { 'web.yaml': deployment('web') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    world.repository.git('checkout', '-q', '-b', 'try')
    const commit = world.push('another selector', { 'web.yaml': deployment('web', { label: 'other' }) })
    const { apps } = await world.pipeline.preview(ROOT, commit, AbortSignal.timeout(10_000))
    expect(apps).toMatchObject([
      {
        app: ROOT,
        changes: [{ action: 'configure' }],
        diagnostics: [{ file: 'web.yaml', line: 7, column: 3, code: 'refused-change' }],
      },
    ])
  })

  it('goes on by itself once the object that stood in the way is deleted, and does not make it anew as it was', async () => {
    const kept = `${configMap('kept')}immutable: true\n`
    world.push('one', { 'kept.yaml': kept })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    const { metadata } = await world.client.get(Kinds.ConfigMap, 'kept', { namespace: 'default' })
    const commit = world.push('two', { 'kept.yaml': kept.replace('key: one', 'key: two') })
    await world.reaches('Held', commit)
    await world.client.delete(Kinds.ConfigMap, 'kept', { namespace: 'default' })
    await world.reaches('Healthy', commit)
    await world.closed()
    const anew = await world.client.get(Kinds.ConfigMap, 'kept', { namespace: 'default' })
    expect(anew.metadata.uid).not.toBe(metadata.uid)
    expect(anew.data).toEqual({ key: 'two' })
    expect((await world.records()).map(({ spec, status }) => [spec.trigger, status?.state])).toEqual([
      ['start', 'Healthy'],
      ['push', 'Held'],
      ['retry', 'Healthy'],
    ])
  })

  it('goes on by itself as well where what stood in the way was never Git’s', async () => {
    world.push('one', { 'config.yaml': configMap('config') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    const place = { namespace: 'default' }
    const byHand = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kept', ...place } } as const
    await world.client.create(Kinds.ConfigMap, { ...byHand, immutable: true, data: { key: 'hand' } }, place)
    const commit = world.push('two', { 'kept.yaml': configMap('kept') })
    await world.reaches('Held', commit)
    await world.client.delete(Kinds.ConfigMap, 'kept', place)
    await world.reaches('Healthy', commit)
    expect(await dataOf('kept')).toBe('one')
  })

  it('repairs what drifts from the commit before while it holds the next', async () => {
    world.push('one', { 'web.yaml': deployment('web'), 'config.yaml': configMap('config') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    const commit = world.push('two', { 'web.yaml': deployment('web', { label: 'other' }) })
    await world.reaches('Held', commit)
    await world.client.patch(
      Kinds.Deployment,
      'web',
      { type: 'merge', body: { spec: { replicas: 3 } } },
      { namespace: 'default' },
    )
    await eventually('the repair', async () => {
      const { spec } = await world.client.get(Kinds.Deployment, 'web', { namespace: 'default' })
      return spec?.replicas === 1
    })
    await world.closed()
    await world.reaches('Held', commit)
    expect((await world.records()).map(({ spec, status }) => [spec.trigger, status?.state])).toEqual([
      ['start', 'Healthy'],
      ['push', 'Held'],
      ['drift', 'Healthy'],
    ])
  })

  it('shows no value of a Secret', async () => {
    const immutable = (value: string): string => `${secret('key', value)}immutable: true\n`
    world.push('one', { 'key.yaml': immutable('hunter1') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    const commit = world.push('two', { 'key.yaml': immutable('hunter2') })
    const { status } = await world.reaches('Held', commit)
    expect(status?.diagnostics).toMatchObject([{ file: 'key.yaml', code: 'refused-change' }])
    expect(JSON.stringify([await world.app(), await world.records(), world.log])).not.toMatch(
      /hunter|aHVudGVy/,
    )
  })

  it('advises nobody to delete what holds data', async () => {
    const claim = (mode: string): string => `apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: data }
spec:
  accessModes: [${mode}]
  resources: { requests: { storage: 1Mi } }
`
    world.push('one', { 'claim.yaml': claim('ReadWriteOnce') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    const commit = world.push('two', { 'claim.yaml': claim('ReadWriteMany') })
    const { status } = await world.reaches('Held', commit)
    expect(status?.diagnostics).toMatchObject([
      { file: 'claim.yaml', line: 4, hint: expect.not.stringContaining('kubectl') },
    ])
  })

  async function dataOf(name: string): Promise<string | undefined> {
    const { data } = await world.client.get(Kinds.ConfigMap, name, { namespace: 'default' })
    return data?.key
  }
})
