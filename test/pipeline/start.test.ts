import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { Kinds } from '../../src/kube/index.ts'
import { eventually } from '../base/eventually.ts'
import { configMap, deployment } from './manifests.ts'
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

  it('knows what was as it should when the server was stopped right after a commit', async () => {
    world = await TestPipeline.create({ isBare: true })
    const names = Array.from({ length: 120 }, (_, index) => `config-${index}`)
    const commit = world.push(
      'first',
      Object.fromEntries(names.map(name => [`${name}.yaml`, configMap(name)])),
    )
    await world.start()
    await world.reaches('Healthy', commit)
    await world.stop()
    const { items } = await world.store.range('/bowline/inventory/')
    const marks = items.map(({ value }) => JSON.parse(Buffer.from(value).toString()).verified)
    expect(marks).toHaveLength(names.length)
    expect(marks).not.toContain(undefined)
  })

  it('knows the version of an object whose status was written later', async () => {
    world = await TestPipeline.create({ isBare: true })
    world.push('first', { 'web.yaml': deployment('web', { replicas: 0 }) })
    await world.start()
    await world.noted()
    const status = { observedGeneration: 1, replicas: 0 }
    const body = {
      apiVersion: 'apps/v1' as const,
      kind: 'Deployment' as const,
      metadata: { name: 'web' },
      status,
    }
    const options = { namespace: 'default', subresource: 'status' }
    const { metadata } = await world.client.patch(Kinds.Deployment, 'web', { type: 'merge', body }, options)
    await eventually('the new version to be noted', async () => {
      const { items } = await world.store.range('/bowline/inventory/')
      return items.every(({ value }) => {
        const { verified } = JSON.parse(Buffer.from(value).toString()) as { verified?: string }
        return verified?.endsWith(` ${metadata.resourceVersion}`) === true
      })
    })
  })

  it('reads the repository again when what it had kept of it turns out to be damaged', async () => {
    world = await TestPipeline.create({ isBare: true })
    const commit = world.push('first', { 'a/config.yaml': configMap('config', 'one') })
    await world.start()
    await world.reaches('Healthy', commit)
    await world.noted()
    await world.stop()
    await world.start()
    await world.reaches('Healthy', commit)
    const file = join(world.folder, 'cache', 'parsed', 'parsed-manifests')
    writeFileSync(file, readFileSync(file, 'latin1').replaceAll('"key":"one"', '"key":"two"'), 'latin1')
    const { client } = world
    const options = { namespace: 'default' }
    const body = { data: { key: 'drifted' } }
    await client.patch(Kinds.ConfigMap, 'config', { type: 'merge', body }, options)
    await eventually('the drift to be repaired', async () => {
      const { data } = await client.get(Kinds.ConfigMap, 'config', options)
      return data?.key === 'one'
    })
  })

  it('waits no longer than whoever asks', async () => {
    world = await TestPipeline.create({ isBare: true })
    world.push('first', {})
    await world.start()
    const reason = new Error('gone')
    await expect(world.pipeline.preview(ROOT, 'HEAD', AbortSignal.abort(reason))).rejects.toBe(reason)
  })
})
