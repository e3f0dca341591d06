import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Kinds } from '../../src/kube/index.ts'
import { eventually } from '../base/eventually.ts'
import { configMap, configMaps, deployment } from './manifests.ts'
import { ROOT, TestPipeline } from './test-pipeline.ts'

describe('Pipeline: what is held', () => {
  let world: TestPipeline

  beforeEach(async () => {
    world = await TestPipeline.create()
  })

  afterEach(() => world.close())

  it('holds the app of a bad file and nothing else, and says file, line and column everywhere', async () => {
    world.push('two apps', {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/blog/web.yaml': deployment('web'),
      'apps/till/web.yaml': deployment('web', { image: 'till:1' }),
    })
    await world.start()
    await world.reaches('Healthy', world.repository.head(), 'blog')
    await world.reaches('Healthy', world.repository.head(), 'till')
    const commit = world.push('one good, one bad', {
      'apps/blog/web.yaml': deployment('web').replace('replicas: 1', 'replicsa: 1'),
      'apps/till/web.yaml': deployment('web', { image: 'till:2' }),
    })
    const blog = await world.reaches('Held', commit, 'blog')
    await world.reaches('Healthy', commit, 'till')
    expect(blog.status?.diagnostics?.[0]).toMatchObject({
      file: 'apps/blog/web.yaml',
      line: 6,
      column: 3,
      message: expect.stringContaining('replicsa'),
      excerpt: expect.stringContaining('replicsa: 1'),
    })
    expect(blog.status?.message).toMatch(/^apps\/blog\/web\.yaml:6:3: /)
    const held = await world.recorded('held', ({ status }) => status?.state === 'Held', 'blog')
    expect(held.status?.health?.message).toBe(blog.status?.message)
    expect(held.spec.plan.changes).toEqual([])
    expect(await imageOf(world, 'till')).toBe('till:2')
    expect(await imageOf(world, 'blog')).toBe('shop:1')
    await eventually('the root to say so', async () => (await world.app()).status?.phase === 'Held')
    expect((await world.app()).status?.apps).toEqual({ total: 2, affected: ['blog', 'till'] })
    const repaired = world.push('good again', {
      'apps/blog/web.yaml': deployment('web', { image: 'blog:2' }),
    })
    expect((await world.reaches('Healthy', repaired, 'blog')).status?.diagnostics ?? []).toEqual([])
    await world.reaches('Healthy', repaired)
  })

  it('holds a plan that deletes everything, until the trailer in the message of HEAD lets it go', async () => {
    world.push('two', { 'a.yaml': configMap('a'), 'b.yaml': configMap('b') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    world.repository.git('rm', '-q', 'a.yaml', 'b.yaml')
    const removal = world.push('drop all', { 'README.md': 'nothing here' })
    const held = await world.reaches('Held', removal)
    expect(held.status?.hold).toMatchObject({ reason: 'deletes-everything', deletes: 2 })
    expect(held.status?.message).toContain('Bowline-Allow-Delete: 2')
    expect(await configNames(world)).toEqual(['a', 'b'])
    // Not a trailer: it stands in the middle of the message.
    const wrong = world.push('please\n\nBowline-Allow-Delete: 2\n\nthank you', {})
    await eventually(
      'the commit to be seen',
      async () => (await world.app()).status?.observedRevision === wrong,
    )
    expect((await world.app()).status?.phase).toBe('Held')
    // Of an older commit: only HEAD counts.
    world.repository.git('commit', '-q', '--allow-empty', '-m', 'let go\n\nBowline-Allow-Delete: 2')
    world.repository.git('commit', '-q', '--allow-empty', '-m', 'something else')
    const later = world.repository.head()
    await eventually(
      'the commit to be seen',
      async () => (await world.app()).status?.observedRevision === later,
    )
    expect(await configNames(world)).toEqual(['a', 'b'])
    const released = world.push('let go\n\nBowline-Allow-Delete: all', {})
    await world.reaches('Healthy', released)
    expect(await configNames(world)).toEqual([])
    const record = await world.recorded('of the deletion', ({ spec }) => spec.commit.id === released)
    expect(record.status?.changes.map(({ outcome }) => outcome)).toEqual(['deleted', 'deleted'])
  })

  it('holds a plan that deletes at least five objects and more than half, and not one that deletes less', async () => {
    world.push('nine', { 'all.yaml': configMaps(9) })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    const fewer = world.push('five', { 'all.yaml': configMaps(5) })
    await world.reaches('Healthy', fewer)
    const more = world.push('nine again', { 'all.yaml': configMaps(9) })
    await world.reaches('Healthy', more)
    const four = world.push('four', { 'all.yaml': configMaps(4) })
    const held = await world.reaches('Held', four)
    expect(held.status?.hold).toMatchObject({ reason: 'deletes-most', deletes: 5 })
    expect(await configNames(world)).toHaveLength(9)
    const enough = world.push('four\n\nBowline-Allow-Delete: 5', { 'note.txt': 'yes' })
    await world.reaches('Healthy', enough)
    expect(await configNames(world)).toHaveLength(4)
  })

  it('holds a plan that deletes a namespace in which pods run', async () => {
    const namespace = 'apiVersion: v1\nkind: Namespace\nmetadata: { name: busy }\n'
    const web = deployment('web').replace('  name: web\n', '  name: web\n  namespace: busy\n')
    world.push('busy', {
      'ns.yaml': namespace,
      'web.yaml': web,
      'a.yaml': configMap('a'),
      'b.yaml': configMap('b'),
    })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    world.repository.git('rm', '-q', 'ns.yaml')
    const commit = world.push('no namespace', {})
    const held = await world.reaches('Held', commit)
    expect(held.status?.hold).toMatchObject({ reason: 'deletes-busy-namespace', deletes: 1 })
    expect((await world.client.get(Kinds.Namespace, 'busy')).metadata.deletionTimestamp).toBeUndefined()
  })

  it('holds a plan that deletes a namespace with a claim that is not of Git, though no pod runs there', async () => {
    const namespace = 'apiVersion: v1\nkind: Namespace\nmetadata: { name: data }\n'
    world.push('data', { 'ns.yaml': namespace, 'a.yaml': configMap('a'), 'b.yaml': configMap('b') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    // As a StatefulSet makes it, which has no pods now.
    await world.client.create(Kinds.PersistentVolumeClaim, {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data-db-0', namespace: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    })
    world.repository.git('rm', '-q', 'ns.yaml')
    const commit = world.push('no namespace', {})
    const held = await world.reaches('Held', commit)
    expect(held.status?.hold).toMatchObject({ reason: 'deletes-data', deletes: 1 })
    expect((await world.client.get(Kinds.Namespace, 'data')).metadata.deletionTimestamp).toBeUndefined()
  })

  it('holds a plan that deletes a StatefulSet whose claims go with it, though they are not of Git', async () => {
    const set = [
      'apiVersion: apps/v1',
      'kind: StatefulSet',
      'metadata: { name: db }',
      'spec:',
      '  serviceName: db',
      '  persistentVolumeClaimRetentionPolicy: { whenDeleted: Delete }',
      '  selector: { matchLabels: { app: db } }',
      '  template:',
      '    metadata: { labels: { app: db } }',
      '    spec: { containers: [{ name: db, image: "db:1" }] }',
      '  volumeClaimTemplates:',
      '    - metadata: { name: data }',
      '      spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }',
      '',
    ].join('\n')
    world.push('a set', { 'db.yaml': set, 'a.yaml': configMap('a'), 'b.yaml': configMap('b') })
    await world.start()
    const claim = () => world.client.get(Kinds.PersistentVolumeClaim, 'data-db-0', { namespace: 'default' })
    await eventually('the claim is there', () =>
      claim().then(
        () => true,
        () => false,
      ),
    )
    world.repository.git('rm', '-q', 'db.yaml')
    const removal = world.push('no set', {})
    const held = await world.reaches('Held', removal)
    expect(held.status?.hold).toMatchObject({ reason: 'deletes-data', deletes: 1 })
    expect(held.status?.hold?.message).toContain(
      'StatefulSet default/db, and with it the claims that it owns',
    )
    expect((await claim()).metadata.deletionTimestamp).toBeUndefined()
  })

  it('holds a plan that deletes what owns the owner of claims, and not for those that end with each pod', async () => {
    const names = ['database', 'scratch', 'c', 'd']
    world.push('owners', Object.fromEntries(names.map(name => [`${name}.yaml`, configMap(name)])))
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    const ownerReferences = async (name: string) => {
      const { metadata } = await world.client.get(Kinds.ConfigMap, name, { namespace: 'default' })
      return [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid: metadata.uid ?? '' }]
    }
    const claim = { accessModes: ['ReadWriteOnce' as const], resources: { requests: { storage: '1Gi' } } }
    const containers = [{ name: 'db', image: 'db:1' }]
    await world.client.create(Kinds.StatefulSet, {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'db', namespace: 'default', ownerReferences: await ownerReferences('database') },
      spec: {
        serviceName: 'db',
        persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' },
        selector: { matchLabels: { app: 'db' } },
        template: { metadata: { labels: { app: 'db' } }, spec: { containers } },
        volumeClaimTemplates: [
          { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' }, spec: claim },
        ],
      },
    })
    await world.client.create(Kinds.Pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'job', namespace: 'default', ownerReferences: await ownerReferences('scratch') },
      spec: {
        containers,
        volumes: [{ name: 'tmp', ephemeral: { volumeClaimTemplate: { spec: claim } } }],
      },
    })
    await eventually('both claims', async () => {
      const { items } = await world.client.list(Kinds.PersistentVolumeClaim, { namespace: 'default' })
      return items.length === 2
    })
    world.repository.git('rm', '-q', 'scratch.yaml')
    await world.reaches('Healthy', world.push('no scratch', {}))
    world.repository.git('rm', '-q', 'database.yaml')
    const held = await world.reaches('Held', world.push('no database', {}))
    expect(held.status?.hold?.message).toContain('ConfigMap default/database, and with it the claims')
  })

  it('holds an app whose folder left Git, then deletes it and its App, and leaves the others alone', async () => {
    world.push('two apps', {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/blog/web.yaml': deployment('web'),
      'apps/till/config.yaml': configMap('config'),
    })
    await world.start()
    await world.reaches('Healthy', world.repository.head(), 'blog')
    await world.reaches('Healthy', world.repository.head(), 'till')
    world.repository.git('rm', '-q', '-r', 'apps/blog')
    const removal = world.push('no blog', {})
    await world.reaches('Held', removal, 'blog')
    expect((await world.app()).status?.apps).toEqual({ total: 2, affected: ['blog'] })
    const other = world.push('till two', { 'apps/till/config.yaml': configMap('config', 'two') })
    await world.reaches('Healthy', other, 'till')
    // What does not concern it is no further attempt.
    expect(await world.records('blog')).toHaveLength(2)
    world.push('let blog go\n\nBowline-Allow-Delete: all', {})
    await eventually('the App to go', async () => {
      const { items } = await world.client.list(Kinds.App)
      return items.every(({ metadata }) => metadata.name !== 'blog')
    })
    await expect(world.client.get(Kinds.Namespace, 'blog')).rejects.toThrow('not found')
    const gone = await world.recorded('Healthy', ({ status }) => status?.state === 'Healthy', 'blog')
    expect(gone.spec.plan.counts).toMatchObject({ delete: 2 })
    expect(gone.status?.containers.map(({ action }) => action)).toContain('stopped')
    expect(await world.records('till')).toHaveLength(2)
    await world.reaches('Healthy', world.repository.head())
  })

  it('hands an object that moved to another app over, without deleting it or making it anew', async () => {
    const shared = configMap('shared', 'one', 'blog')
    world.push('in blog', {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/blog/config.yaml': configMap('own'),
      'apps/blog/shared.yaml': shared,
      'apps/till/config.yaml': configMap('own'),
    })
    await world.start()
    await world.reaches('Healthy', world.repository.head(), 'blog')
    await world.reaches('Healthy', world.repository.head(), 'till')
    const before = await world.client.get(Kinds.ConfigMap, 'shared', { namespace: 'blog' })
    world.repository.git('mv', 'apps/blog/shared.yaml', 'apps/till/shared.yaml')
    const commit = world.push('now in till', {})
    await world.reaches('Healthy', commit, 'blog')
    await world.reaches('Healthy', commit, 'till')
    const after = await world.client.get(Kinds.ConfigMap, 'shared', { namespace: 'blog' })
    expect(after.metadata.uid).toBe(before.metadata.uid)
    const moved = (await world.records('blog')).at(-1)
    expect(moved?.spec.plan.counts.delete).toBe(0)
    expect((await world.app('blog')).status?.objects).toBe(2)
    expect((await world.app('till')).status?.objects).toBe(3)
    world.repository.git('rm', '-q', 'apps/till/shared.yaml')
    await world.reaches('Healthy', world.push('gone', {}), 'till')
    await expect(world.client.get(Kinds.ConfigMap, 'shared', { namespace: 'blog' })).rejects.toThrow(
      'not found',
    )
  })

  it('leaves an object that moved to a held app alone, and deletes it when it leaves Git there', async () => {
    world.push('in blog', {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/blog/config.yaml': configMap('own'),
      'apps/blog/shared.yaml': configMap('shared', 'one', 'blog'),
      'apps/till/config.yaml': configMap('own'),
    })
    await world.start()
    await world.reaches('Healthy', world.repository.head(), 'blog')
    world.repository.git('mv', 'apps/blog/shared.yaml', 'apps/till/shared.yaml')
    const commit = world.push('to an app with a mistake', { 'apps/till/bad.yaml': 'kind: [' })
    await world.reaches('Healthy', commit, 'blog')
    await world.reaches('Held', commit, 'till')
    await world.client.get(Kinds.ConfigMap, 'shared', { namespace: 'blog' })
    world.repository.git('rm', '-q', 'apps/till/shared.yaml', 'apps/till/bad.yaml')
    const gone = world.push('nowhere', {})
    await world.reaches('Healthy', gone, 'blog')
    await expect(world.client.get(Kinds.ConfigMap, 'shared', { namespace: 'blog' })).rejects.toThrow(
      'not found',
    )
  })

  it('leaves an object that moved out of a held app to the app that has it now, also after a restart', async () => {
    world.push('in blog', {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/blog/config.yaml': configMap('own'),
      'apps/blog/shared.yaml': configMap('shared', 'one', 'default'),
      'apps/till/config.yaml': configMap('own'),
    })
    await world.start()
    await world.reaches('Healthy', world.repository.head(), 'blog')
    await world.reaches('Healthy', world.repository.head(), 'till')
    world.repository.git('rm', '-q', 'apps/blog/shared.yaml')
    const commit = world.push('in till', {
      'apps/till/shared.yaml': configMap('shared', 'two', 'default'),
      'apps/blog/bad.yaml': 'kind: [',
    })
    await world.reaches('Healthy', commit, 'till')
    await world.reaches('Held', commit, 'blog')
    await world.restart()
    await world.as('eve').delete(Kinds.ConfigMap, 'own', { namespace: 'blog' })
    await world.recorded(
      'of the repair',
      ({ spec, status }) => spec.trigger === 'drift' && status?.state === 'Healthy',
      'blog',
    )
    const { data } = await world.client.get(Kinds.ConfigMap, 'shared', { namespace: 'default' })
    expect(data?.key).toBe('two')
    expect((await world.app('till')).status?.objects).toBe(3)
    expect(await world.records('till')).toHaveLength(2)
  })

  it('carries an attempt through that was under way when a commit came that is held', async () => {
    world.push('one', { 'web.yaml': deployment('web'), 'config.yaml': configMap('config') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    world.push('two', { 'web.yaml': deployment('web', { image: 'shop:2', replicas: 3 }) })
    await world.recorded(
      'open',
      ({ spec, status }) => spec.commit.subject === 'two' && status?.state === 'Open',
    )
    const bad = world.push('three', { 'bad.yaml': 'a: b: c' })
    await world.reaches('Held', bad)
    await eventually('three pods of shop:2', async () => {
      const { items } = await world.client.list(Kinds.Pod, { namespace: 'default' })
      const ready = items.filter(
        ({ spec, status }) =>
          spec?.containers[0]?.image === 'shop:2' &&
          status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
      )
      return ready.length === 3
    })
    await world.recorded(
      'of two, Healthy',
      ({ spec, status }) => spec.commit.subject === 'two' && status?.state === 'Healthy',
    )
    expect((await world.app()).status).toMatchObject({ phase: 'Held', observedRevision: bad })
  })

  it('holds every app when bowline.yaml is broken, and none is taken for removed', async () => {
    world.push('two apps', {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/blog/config.yaml': configMap('own'),
      'apps/till/config.yaml': configMap('own'),
    })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    const commit = world.push('broken', { 'bowline.yaml': 'app: apps/*\n' })
    const root = await world.reaches('Held', commit)
    expect(root.status?.message).toMatch(/^bowline\.yaml:1:1: the field "apps" is missing/)
    expect(await world.records('blog')).toHaveLength(1)
    await world.client.get(Kinds.ConfigMap, 'own', { namespace: 'blog' })
    const good = world.push('mended', { 'bowline.yaml': 'apps: apps/*\n' })
    await world.reaches('Healthy', good)
  })

  it('refuses an app whose name belongs to the app of another repository', async () => {
    await world.start()
    await world.client.create(Kinds.App, {
      apiVersion: 'bowline.dev/v1alpha1',
      kind: 'App',
      metadata: { name: 'blog' },
      spec: { source: { repository: '/nowhere', branch: 'main', path: '' } },
    })
    const commit = world.push('two apps', {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/blog/config.yaml': configMap('own'),
      'apps/till/config.yaml': configMap('own'),
    })
    await world.reaches('Healthy', commit, 'till')
    const root = await world.reaches('Held', commit)
    expect(root.status?.message).toBe('apps/blog:1:1: there is an app "blog" of another repository already')
    expect((await world.app('blog')).spec.source.repository).toBe('/nowhere')
    expect(root.status?.diagnostics?.[0]?.hint).toContain('kubectl delete app blog')
    const { diagnostics, apps } = await world.pipeline.preview(ROOT, commit, new AbortController().signal)
    expect(diagnostics).toEqual(root.status?.diagnostics)
    expect(apps.map(({ app }) => app)).toEqual(['till'])
    expect(ROOT).not.toBe('blog')
    await world.client.delete(Kinds.App, 'blog')
    await world.reaches('Healthy', commit, 'blog')
    await world.reaches('Healthy', commit)
    expect((await world.app('blog')).spec.source.repository).not.toBe('/nowhere')
    await world.client.get(Kinds.ConfigMap, 'own', { namespace: 'blog' })
  })
})

async function imageOf(world: TestPipeline, namespace: string): Promise<string | undefined> {
  const { spec } = await world.client.get(Kinds.Deployment, 'web', { namespace })
  return spec?.template.spec?.containers[0]?.image
}

async function configNames(world: TestPipeline): Promise<readonly string[]> {
  const { items } = await world.client.list(Kinds.ConfigMap, { namespace: 'default' })
  return items
    .map(({ metadata }) => metadata.name ?? '')
    .filter(name => name !== 'kube-root-ca.crt')
    .sort()
}
