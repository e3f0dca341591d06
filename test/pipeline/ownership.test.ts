import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isNotFound, Kinds } from '../../src/kube/index.ts'
import type { AppPreview } from '../../src/pipeline/index.ts'
import { eventually } from '../base/eventually.ts'
import { TestRepository } from '../sync/repository-builder.ts'
import { configMap, deployment } from './manifests.ts'
import { ROOT, TestPipeline } from './test-pipeline.ts'

/** The root App of a second repository. */
const OTHER = 'office'

describe('Pipeline: an object that two repositories declare', () => {
  let world: TestPipeline
  let other: TestRepository

  beforeEach(async () => {
    world = await TestPipeline.create()
    other = new TestRepository(join(world.folder, 'office'))
  })

  afterEach(() => world.close())

  it('stays with the app that has it; the other is held as a whole, and told who has it', async () => {
    const first = world.push('first', { 'a.yaml': configMap('a'), 'shared.yaml': configMap('shared') })
    await world.start()
    await world.reaches('Healthy', first)
    const before = await config('shared')
    const commit = other.commit('second', {
      'own.yaml': configMap('own'),
      'deep/shared.yaml': `---\n${configMap('more')}---\n${configMap('shared', 'two')}`,
    })
    await follow()
    const { status } = await world.reaches('Held', commit, OTHER)
    const owner = `app ${ROOT} (${world.repository.path}, branch main) by shared.yaml:1:1`
    expect(status?.diagnostics).toEqual([
      {
        ...{ file: 'deep/shared.yaml', line: 9, column: 1, code: 'foreign-object' },
        message: `ConfigMap default/shared belongs to ${owner}`,
        hint: expect.stringContaining(`kubectl delete app ${ROOT}`),
      },
    ])
    expect(status?.message).toMatch(/^deep\/shared\.yaml:9:1: ConfigMap default\/shared belongs to app shop/)
    expect(status?.objects).toBe(0)
    const [held, ...rest] = await world.records(OTHER)
    expect(rest).toEqual([])
    expect([held?.status?.state, held?.status?.health?.message]).toEqual(['Held', status?.message])
    expect(held?.spec.plan.changes).toEqual([])
    expect(await config('shared')).toEqual(before)
    await expect(config('own')).rejects.toThrow('not found')
    expect((await world.app()).status).toMatchObject({ phase: 'Healthy', objects: 2 })
  })

  it('is the other app’s once the first has deleted it, without another push', async () => {
    world.push('first', { 'a.yaml': configMap('a'), 'shared.yaml': configMap('shared') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    const { metadata } = await config('shared')
    const commit = other.commit('second', {
      'all.yaml': `${configMap('own')}---\n${configMap('shared', 'two')}`,
    })
    await follow()
    await world.reaches('Held', commit, OTHER)
    world.repository.git('rm', '-q', 'shared.yaml')
    await world.reaches('Healthy', world.push('let go', {}))
    await world.reaches('Healthy', commit, OTHER)
    const now = await config('shared')
    expect([now.data?.key, now.metadata.uid === metadata.uid]).toEqual(['two', false])
    expect(await told(OTHER)).toEqual([
      ['start', 'Held'],
      ['retry', 'Healthy'],
    ])
    expect(await owners()).toEqual({ a: ROOT, own: OTHER, shared: OTHER })
    const again = world.push('wants it back', { 'back.yaml': configMap('shared', 'three') })
    await world.reaches('Held', again)
    expect((await config('shared')).data?.key).toBe('two')
  })

  it('is the other app’s, as it is, once the App of the first is deleted', async () => {
    world.push('first', {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/blog/shared.yaml': configMap('shared', 'one', 'default'),
    })
    await world.start()
    await world.reaches('Healthy', world.repository.head(), 'blog')
    const { metadata } = await config('shared')
    const commit = other.commit('second', { 'shared.yaml': configMap('shared', 'two') })
    await follow()
    const { status } = await world.reaches('Held', commit, OTHER)
    expect(status?.message).toContain(
      `app blog (root ${ROOT}, ${world.repository.path}, branch main) by apps/blog/shared.yaml:1:1`,
    )
    // Its root makes it again: nothing is let go by that.
    await world.client.delete(Kinds.App, 'blog')
    await world.reaches('Healthy', world.repository.head(), 'blog')
    expect((await world.app(OTHER)).status?.phase).toBe('Held')
    await world.client.delete(Kinds.App, ROOT)
    await world.reaches('Healthy', commit, OTHER)
    const now = await config('shared')
    expect([now.data?.key, now.metadata.uid]).toEqual(['two', metadata.uid])
    expect(await told(OTHER)).toEqual([
      ['start', 'Held'],
      ['retry', 'Healthy'],
    ])
  })

  it('is no reason to wait for an app that is no more when the other is first seen', async () => {
    world.push('first', { 'shared.yaml': configMap('shared') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    await world.client.delete(Kinds.App, ROOT)
    const commit = other.commit('second', { 'shared.yaml': configMap('shared', 'two') })
    await follow()
    await world.reaches('Healthy', commit, OTHER)
    expect((await config('shared')).data?.key).toBe('two')
  })

  it('is one app’s alone when both come at once, and stays so over restarts', async () => {
    const shared = Array.from({ length: 30 }, (_, at) => configMap(`shared-${at}`)).join('---\n')
    world.push('first', { 'a.yaml': configMap('a'), 'shared.yaml': shared })
    other.commit('second', {
      'b.yaml': configMap('b'),
      'shared.yaml': shared.replaceAll('key: one', 'key: two'),
    })
    await world.start()
    await follow()
    const [winner, loser] = await settled()
    const value = winner === ROOT ? 'one' : 'two'
    for (let round = 0; round < 3; round += 1) {
      const names = (await configs()).filter(({ metadata }) => metadata.name?.startsWith('shared-'))
      expect(names.map(({ data }) => data?.key)).toEqual(Array(30).fill(value))
      expect(new Set(Object.values(await owners()))).toEqual(new Set([winner]))
      expect((await world.app(loser)).status?.objects).toBe(0)
      await world.restart()
      await settled()
    }
    expect(await told(loser)).toEqual([['start', 'Held']])
    expect(await world.records(winner)).toHaveLength(1)
  })

  it('is one app’s alone wherever the server dies', async () => {
    world.push('first', { 'a.yaml': configMap('a'), 'shared.yaml': configMap('shared') })
    other.commit('second', { 'b.yaml': configMap('b'), 'shared.yaml': configMap('shared', 'two') })
    await world.start()
    await follow()
    for (let round = 1; round <= 8; round += 1) {
      for (let turn = 0; turn < round * 9; turn += 1)
        await new Promise<void>(resolve => setImmediate(resolve))
      await world.kill()
      // What the dead server had handed over to the disk is there before the next one reads.
      await world.store.txn([], [{ type: 'put', key: '/test/killed', value: Buffer.from(String(round)) }])
      await world.start()
    }
    const [winner, loser] = await settled()
    await Promise.all([told(winner), told(loser)])
    const own: Readonly<Record<string, string>> = { [ROOT]: 'a', [OTHER]: 'b' }
    expect(await owners()).toEqual({ [own[winner] ?? '']: winner, shared: winner })
    expect((await configs()).map(({ metadata }) => metadata.name).sort()).toEqual([own[winner], 'shared'])
    expect((await world.app(loser)).status?.objects).toBe(0)
  }, 60_000)

  it('goes over although the first app lets go while the server is away', async () => {
    world.push('first', { 'a.yaml': configMap('a'), 'shared.yaml': configMap('shared') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    const commit = other.commit('second', { 'shared.yaml': configMap('shared', 'two') })
    await follow()
    await world.reaches('Held', commit, OTHER)
    await world.restart()
    await world.reaches('Held', commit, OTHER)
    await world.stop()
    world.repository.git('rm', '-q', 'shared.yaml')
    const removal = world.push('let go', {})
    await world.start()
    await world.reaches('Healthy', removal)
    await world.reaches('Healthy', commit, OTHER)
    expect((await config('shared')).data?.key).toBe('two')
    expect((await told(OTHER)).map(([, state]) => state)).toEqual(['Held', 'Healthy'])
  })

  it('is repaired by the app that has it, and fought over by nobody', async () => {
    world.push('first', { 'shared.yaml': configMap('shared') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    const own = other.commit('own', { 'web.yaml': deployment('web') })
    await follow()
    await world.reaches('Healthy', own, OTHER)
    const commit = other.commit('shared too', { 'shared.yaml': configMap('shared', 'two') })
    await world.reaches('Held', commit, OTHER)
    await world
      .as('eve')
      .patch(
        Kinds.ConfigMap,
        'shared',
        { type: 'merge', body: { data: { key: 'eve' } } },
        { namespace: 'default' },
      )
    await world.recorded(
      'of the repair',
      ({ spec, status }) => spec.trigger === 'drift' && status?.state === 'Healthy',
    )
    expect((await config('shared')).data?.key).toBe('one')
    // What it had before its hold is still looked after.
    await world.client.delete(Kinds.Deployment, 'web', { namespace: 'default' })
    await world.recorded(
      'of the repair',
      ({ spec, status }) => spec.trigger === 'drift' && status?.state === 'Healthy',
      OTHER,
    )
    expect((await world.app(OTHER)).status?.phase).toBe('Held')
    expect((await config('shared')).data?.key).toBe('one')
  })

  it('holds one app until every owner has let go, tells who is left, and records it once', async () => {
    world.push('first', {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/blog/x.yaml': `${configMap('x', 'one', 'default')}---\n${configMap('blog')}`,
      'apps/till/z.yaml': `${configMap('z', 'one', 'default')}---\n${configMap('till')}`,
    })
    await world.start()
    await world.reaches('Healthy', world.repository.head(), 'blog')
    await world.reaches('Healthy', world.repository.head(), 'till')
    const commit = other.commit('second', {
      'x.yaml': configMap('x', 'two'),
      'z.yaml': configMap('z', 'two'),
    })
    await follow()
    expect((await world.reaches('Held', commit, OTHER)).status?.diagnostics).toHaveLength(2)
    world.push('x goes', { 'apps/blog/x.yaml': configMap('blog') })
    await eventually('one to be left', async () => {
      const { status } = await world.app(OTHER)
      return status?.diagnostics?.length === 1 && status.message?.startsWith('z.yaml:1:1: ')
    })
    await expect(config('x')).rejects.toThrow('not found')
    world.push('z goes', { 'apps/till/z.yaml': configMap('till') })
    await world.reaches('Healthy', commit, OTHER)
    expect([(await config('x')).data?.key, (await config('z')).data?.key]).toEqual(['two', 'two'])
    expect(await told(OTHER)).toEqual([
      ['start', 'Held'],
      ['retry', 'Healthy'],
    ])
  })

  it('stays where it is when it moves from one app of a repository to another, and the held one says where it is', async () => {
    world.push('in blog', {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/blog/shared.yaml': configMap('shared', 'one', 'default'),
      'apps/blog/own.yaml': configMap('own'),
      'apps/till/own.yaml': configMap('own'),
    })
    await world.start()
    await world.reaches('Healthy', world.repository.head(), 'blog')
    const { metadata } = await config('shared')
    const commit = other.commit('second', { 'shared.yaml': configMap('shared', 'two') })
    await follow()
    await world.reaches('Held', commit, OTHER)
    world.repository.git('mv', 'apps/blog/shared.yaml', 'apps/till/shared.yaml')
    const moved = world.push('in till', {})
    await world.reaches('Healthy', moved, 'blog')
    await world.reaches('Healthy', moved, 'till')
    await eventually('till to be named', async () =>
      (await world.app(OTHER)).status?.message?.includes(' belongs to app till '),
    )
    const now = await config('shared')
    expect([now.data?.key, now.metadata.uid]).toEqual(['one', metadata.uid])
    expect(await told(OTHER)).toEqual([['start', 'Held']])
  })

  it('stays with an app that outlives the root that made it', async () => {
    const commit = world.push('first', {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/blog/shared.yaml': configMap('shared', 'one', 'default'),
    })
    await world.start()
    await world.reaches('Healthy', commit, 'blog')
    await world.client.delete(Kinds.App, ROOT, { propagationPolicy: 'Orphan' })
    await eventually('blog to be an app of its own', async () => {
      const { metadata } = await world.app('blog')
      return !metadata.ownerReferences?.length
    })
    await eventually('the root to go', () => world.app().then(() => false, isNotFound))
    const second = other.commit('second', { 'shared.yaml': configMap('shared', 'two') })
    await follow()
    await world.reaches('Held', second, OTHER)
    expect((await config('shared')).data?.key).toBe('one')
  })

  it('is told by a plan as by the deploy', async () => {
    world.push('first', { 'shared.yaml': configMap('shared') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    const good = other.commit('good', { 'own.yaml': configMap('own') })
    await follow()
    await world.reaches('Healthy', good, OTHER)
    other.git('checkout', '-q', '-b', 'change')
    const commit = other.commit('shared too', {
      'own.yaml': configMap('own', 'two'),
      'shared.yaml': configMap('shared'),
    })
    const planned = await preview(commit)
    expect(planned?.diagnostics).toMatchObject([{ file: 'shared.yaml', code: 'foreign-object' }])
    expect(planned?.changes).toEqual([])
    other.git('checkout', '-q', 'main')
    other.git('merge', '-q', 'change')
    const { status } = await world.reaches('Held', commit, OTHER)
    expect(status?.diagnostics).toEqual(planned?.diagnostics)
    world.repository.git('rm', '-q', 'shared.yaml')
    world.push('let go\n\nBowline-Allow-Delete: all', {})
    await world.reaches('Healthy', commit, OTHER)
    expect(await preview(commit)).toMatchObject({
      diagnostics: [],
      changes: [{ action: 'keep' }, { action: 'keep' }],
    })
  })

  it('is taken as it is when nobody’s repository has it', async () => {
    await world.start()
    await world.client.create(Kinds.ConfigMap, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'shared', namespace: 'default' },
      data: { more: 'by hand' },
    })
    const commit = other.commit('second', { 'shared.yaml': configMap('shared', 'two') })
    await follow()
    await world.reaches('Healthy', commit, OTHER)
    expect((await config('shared')).data).toEqual({ key: 'two', more: 'by hand' })
  })

  it('may be a namespace that an app has for its own objects, and stays with who has it then', async () => {
    world.push('first', { 'bowline.yaml': 'apps: apps/*\n', 'apps/blog/a.yaml': configMap('a') })
    await world.start()
    await world.reaches('Healthy', world.repository.head(), 'blog')
    const commit = other.commit('second', { 'b.yaml': configMap('b') })
    await follow('blog')
    await world.reaches('Healthy', commit, OTHER)
    expect((await world.app(OTHER)).status?.objects).toBe(1)
    world.repository.git('rm', '-q', '-r', 'apps/blog')
    world.push('no blog\n\nBowline-Allow-Delete: all', { 'apps/till/c.yaml': configMap('c') })
    await eventually('the App to go', async () => {
      const { items } = await world.client.list(Kinds.App)
      return items.every(({ metadata }) => metadata.name !== 'blog')
    })
    const { items } = await world.client.list(Kinds.ConfigMap, { namespace: 'blog' })
    expect(
      items.flatMap(({ metadata }) => (metadata.name === 'kube-root-ca.crt' ? [] : metadata.name)),
    ).toEqual(['b'])
    expect((await world.client.get(Kinds.Namespace, 'blog')).metadata.deletionTimestamp).toBeUndefined()
  })

  async function follow(namespace?: string): Promise<void> {
    await world.client.create(Kinds.App, {
      apiVersion: 'bowline.dev/v1alpha1',
      kind: 'App',
      metadata: { name: OTHER },
      spec: {
        source: { repository: other.path, branch: 'main', path: '' },
        ...(namespace === undefined ? {} : { namespace }),
      },
    })
  }

  const config = (name: string) => world.client.get(Kinds.ConfigMap, name, { namespace: 'default' })

  /** Those that a repository declares. */
  async function configs() {
    const { items } = await world.client.list(Kinds.ConfigMap, { namespace: 'default' })
    return items.filter(({ metadata }) => metadata.name !== 'kube-root-ca.crt')
  }

  /** What the records of an app tell once all of them are closed, oldest first. */
  function told(app: string) {
    return eventually('every record to be closed', async () => {
      const all = (await world.records(app)).map(({ spec, status }) => [spec.trigger, status?.state])
      return all.every(([, state]) => state !== 'Open') ? all : undefined
    })
  }

  /** Waits until one of the two apps is healthy and the other one held; their names in this order. */
  function settled(): Promise<readonly [string, string]> {
    return eventually('one app to be healthy and one to be held', async () => {
      const apps = await Promise.all([ROOT, OTHER].map(name => world.app(name).catch(isNotFound)))
      const phases = apps.map(app => (typeof app === 'boolean' ? undefined : app.status?.phase))
      if (phases[0] === 'Healthy' && phases[1] === 'Held') return [ROOT, OTHER] as const
      return phases[0] === 'Held' && phases[1] === 'Healthy' ? ([OTHER, ROOT] as const) : undefined
    })
  }

  /** The app that owns each ConfigMap of the namespace `default`, by name. */
  async function owners(): Promise<Record<string, string>> {
    const { items } = await world.store.range('/bowline/inventory/')
    const entries = items.map(({ value }) => JSON.parse(Buffer.from(value).toString()))
    return Object.fromEntries(entries.map(({ ref, app }) => [ref.name, app]))
  }

  async function preview(commit: string): Promise<AppPreview | undefined> {
    const { apps } = await world.pipeline.preview(OTHER, commit, new AbortController().signal)
    return apps.find(({ app }) => app === OTHER)
  }
})
