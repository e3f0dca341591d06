import { rm } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Kinds } from '../../src/kube/index.ts'
import { eventually } from '../base/eventually.ts'
import { configMap } from './manifests.ts'
import { ROOT, TestPipeline } from './test-pipeline.ts'

describe('Pipeline: sources', () => {
  let world: TestPipeline

  beforeEach(async () => {
    world = await TestPipeline.create()
  })

  afterEach(() => world.close())

  it('deletes nothing while the repository cannot be read, says so, and recovers by itself', async () => {
    const commit = world.push('one', { 'config.yaml': configMap('config') })
    await world.start()
    await world.reaches('Healthy', commit)
    const bringBack = await world.hideRepository()
    const app = await world.reaches('Failed', commit, ROOT, 60_000)
    expect(app.status?.message).toContain(`Cannot open repository ${world.repository.path}`)
    expect(app.status?.conditions).toMatchObject([{}, { type: 'Synced', reason: 'SourceUnreadable' }])
    await world.client.get(Kinds.ConfigMap, 'config', { namespace: 'default' })
    await bringBack()
    await world.reaches('Healthy', commit, ROOT, 60_000)
    expect(await world.records()).toHaveLength(1)
    const next = world.push('two', { 'config.yaml': configMap('config', 'two') })
    await world.reaches('Healthy', next, ROOT, 60_000)
  }, 120_000)

  it('deletes nothing when the branch is gone, and goes on when it is back', async () => {
    const commit = world.push('one', { 'config.yaml': configMap('config') })
    await world.start()
    await world.reaches('Healthy', commit)
    world.repository.git('checkout', '-q', '--detach')
    world.repository.git('branch', '-q', '-D', 'main')
    const app = await world.reaches('Failed', commit)
    expect(app.status?.message).toContain('Cannot read branch main')
    await world.client.get(Kinds.ConfigMap, 'config', { namespace: 'default' })
    world.repository.git('checkout', '-q', '-b', 'main')
    await world.reaches('Healthy', commit)
    expect(await world.records()).toHaveLength(1)
  })

  it('starts when the repository is made only later', async () => {
    await rm(world.repository.path, { recursive: true })
    await world.start()
    await eventually('the problem to be told', async () => (await world.app()).status?.phase === 'Failed')
    const { TestRepository } = await import('../sync/repository-builder.ts')
    const repository = new TestRepository(world.repository.path)
    const commit = repository.commit('one', { 'config.yaml': configMap('config') })
    await world.reaches('Healthy', commit)
  })

  it('takes a rewritten branch for just another revision', async () => {
    world.push('one', { 'config.yaml': configMap('config') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    world.repository.git('commit', '-q', '--amend', '--allow-empty', '-m', 'one, rewritten')
    const commit = world.push('two', { 'config.yaml': configMap('config', 'two') })
    await world.reaches('Healthy', commit)
    expect((await world.records()).at(-1)?.spec.skipped).toEqual([])
  })

  it('names the commits that came while the server was away', async () => {
    world.push('one', { 'config.yaml': configMap('config') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    await world.stop()
    const passed = world.push('two', { 'config.yaml': configMap('config', 'two') })
    const commit = world.push('three', { 'config.yaml': configMap('config', 'three') })
    await world.start()
    const app = await world.reaches('Healthy', commit)
    expect(app.status?.apps?.affected).toEqual([ROOT])
    expect((await world.records()).at(-1)?.spec).toMatchObject({ trigger: 'start', skipped: [passed] })
  })

  it('follows the branch and the folder that the App names, also when they are changed', async () => {
    world.push('main', {
      'one/config.yaml': configMap('config'),
      'two/config.yaml': configMap('config', 'two'),
    })
    await world.start()
    const app = await world.app()
    const source = { ...app.spec.source, path: 'two' }
    await world.client.update(Kinds.App, { ...app, spec: { source } })
    await eventually('the value of folder two', async () => {
      const found = await world.client
        .get(Kinds.ConfigMap, 'config', { namespace: 'default' })
        .catch(() => undefined)
      return found?.data?.key === 'two'
    })
  })

  it('restores the App of a folder that a user deleted or changed', async () => {
    const commit = world.push('one', {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/blog/config.yaml': configMap('config'),
    })
    await world.start()
    await world.reaches('Healthy', commit, 'blog')
    await world.client.delete(Kinds.App, 'blog')
    await world.reaches('Healthy', commit, 'blog')
    const app = await world.app('blog')
    const source = { ...app.spec.source, path: 'elsewhere' }
    await world.client.update(Kinds.App, { ...app, spec: { ...app.spec, source } })
    await eventually(
      'the path to be put back',
      async () => (await world.app('blog')).spec.source.path === 'apps/blog',
    )
    expect(await world.records('blog')).toHaveLength(1)
  })
})
