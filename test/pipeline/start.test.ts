import { afterEach, describe, expect, it } from 'vitest'
import { deployment } from './manifests.ts'
import { ROOT, TestPipeline } from './test-pipeline.ts'

describe('a pipeline that has just been started', () => {
  let world: TestPipeline
  afterEach(() => world.close())

  it('answers what a commit would change once it knows what it follows', async () => {
    world = await TestPipeline.create({ isBare: true })
    const commit = world.push('first', {
      'config.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: config }\n',
    })
    await world.start()
    await world.reaches('Healthy', commit)
    await world.stop()
    await world.start()
    const { signal } = new AbortController()
    const preview = await world.pipeline.preview(ROOT, 'HEAD', signal)
    expect(preview.apps).toMatchObject([{ app: ROOT, changes: [{ action: 'keep' }] }])
    const pushed = world.push('second', {
      'config.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: config }\ndata: { a: "1" }\n',
    })
    await world.pipeline.lookNow(ROOT, signal)
    await world.reaches('Healthy', pushed)
  })

  it('knows what was as it should while the commit was still being waited for', async () => {
    world = await TestPipeline.create({ isBare: true })
    world.push('first', {
      'config.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: config }\n',
      'web.yaml': deployment('web'),
    })
    await world.start()
    await world.noted()
    expect((await world.records()).map(({ status }) => status?.state)).toEqual(['Open'])
  })

  it('waits no longer than whoever asks', async () => {
    world = await TestPipeline.create({ isBare: true })
    world.push('first', {})
    await world.start()
    const reason = new Error('gone')
    await expect(world.pipeline.preview(ROOT, 'HEAD', AbortSignal.abort(reason))).rejects.toBe(reason)
  })
})
