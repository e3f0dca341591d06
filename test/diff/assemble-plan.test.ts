import { describe, expect, it } from 'vitest'
import { type Action, countActions, isEmptyPlan, type Plan } from '../../src/diff/index.ts'
import type { KubeObject } from '../../src/kube/index.ts'
import { configMap, deployment, namespace, secret, World } from './world.ts'

describe('assemblePlan()', () => {
  it('creates what is not there and keeps what is', () => {
    const world = new World().declare(configMap('a'), configMap('b'))
    world.apply(world.plan())
    world.declare(configMap('a'), configMap('b'), configMap('c'))
    expect(actions(world.plan())).toEqual([
      'create shop/ConfigMap c',
      'keep shop/ConfigMap a',
      'keep shop/ConfigMap b',
    ])
  })

  it('tells where Git declares an object, and where it declared one that goes', () => {
    const world = new World().declare(configMap('a'), configMap('b'))
    world.apply(world.plan())
    world.declare(configMap('a'))
    expect(world.plan().changes.map(({ action, source }) => [action, source])).toEqual([
      ['delete', { file: 'app.yaml', line: 2, column: 1 }],
      ['keep', { file: 'app.yaml', line: 1, column: 1 }],
    ])
  })

  it('tells the fields that differ, by key in lists that have keys', () => {
    const ports = (port: number): object => ({ ports: [{ containerPort: port }], args: ['-a', String(port)] })
    const world = new World().declare(deployment('web', 'web:1', { replicas: 2 }, ports(80)))
    world.apply(world.plan())
    world.declare(deployment('web', 'web:2', { replicas: 3, minReadySeconds: 5 }, ports(81)))
    const container = 'spec.template.spec.containers[name="web"]'
    expect(world.plan().changes).toEqual([
      {
        action: 'configure',
        ref: { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'web' },
        source: { file: 'app.yaml', line: 1, column: 1 },
        fields: [
          { path: 'spec.minReadySeconds', after: 5 },
          { path: 'spec.replicas', before: 2, after: 3 },
          { path: `${container}.args[1]`, before: '80', after: '81' },
          { path: `${container}.image`, before: 'web:1', after: 'web:2' },
          { path: `${container}.ports[containerPort=80]`, before: { containerPort: 80, protocol: 'TCP' } },
          { path: `${container}.ports[containerPort=81]`, after: { containerPort: 81, protocol: 'TCP' } },
        ],
      },
    ])
  })

  it('shows all keys where one does not tell items apart, and brackets where a key is no plain word', () => {
    const both = {
      ports: [
        { containerPort: 53, protocol: 'UDP' },
        { containerPort: 53, name: 'dns' },
      ],
    }
    const world = new World().declare(deployment('web', 'web:1', {}, both))
    world.apply(world.plan())
    const renamed = {
      ports: [
        { containerPort: 53, protocol: 'UDP' },
        { containerPort: 53, name: 'tcp' },
      ],
    }
    const next = deployment('web', 'web:1', {}, renamed)
    const labels = { 'app.kubernetes.io/name': 'web', '3': 'x', tier: 'y' }
    world.declare({ ...next, metadata: { ...next.metadata, labels } })
    const [change] = world.plan().changes
    expect(change?.fields.map(({ path }) => path)).toEqual([
      'metadata.labels',
      'spec.template.spec.containers[name="web"].ports[containerPort=53,protocol="TCP"].name',
    ])
    world.apply(world.plan())
    world.declare({
      ...next,
      metadata: { ...next.metadata, labels: { 'app.kubernetes.io/name': 'w', tier: 'y' } },
    })
    expect(world.plan().changes[0]?.fields).toEqual([
      { path: 'metadata.labels["3"]', before: 'x' },
      { path: 'metadata.labels[app.kubernetes.io/name]', before: 'web', after: 'w' },
    ])
  })

  it('shows a changed order of items', () => {
    const env = (...names: string[]): object => ({ env: names.map(name => ({ name, value: name })) })
    const world = new World().declare(deployment('web', 'web:1', {}, env('A', 'B')))
    world.apply(world.plan())
    world.declare(deployment('web', 'web:1', {}, env('B', 'A')))
    expect(world.plan().changes[0]?.fields).toEqual([
      {
        path: 'spec.template.spec.containers[name="web"].env',
        before: ['[name="A"]', '[name="B"]'],
        after: ['[name="B"]', '[name="A"]'],
      },
    ])
  })

  it.each([
    ['a quantity written otherwise', { cpu: '1000m' }, { cpu: '1' }],
    ['a quantity as a number', { cpu: '500m' }, { cpu: 0.5 }],
  ])('keeps %s', (_, before, after) => {
    const limits = (values: object): KubeObject =>
      deployment('web', 'w', {}, { resources: { limits: values } })
    const world = new World().declare(limits(before))
    world.apply(world.plan())
    expect(isEmptyPlan(world.declare(limits(after)).plan())).toBe(true)
  })

  it('keeps what only spells defaults out, in another key order', () => {
    const world = new World().declare(deployment('web', 'web:1'))
    world.apply(world.plan())
    const { spec, ...rest } = deployment('web', 'web:1', {
      progressDeadlineSeconds: 600,
      replicas: 1,
    }) as KubeObject & {
      spec: object
    }
    expect(isEmptyPlan(world.declare({ spec, ...rest } as unknown as KubeObject).plan())).toBe(true)
  })

  it('leaves what Git does not declare alone, and repairs what it does', () => {
    const world = new World().declare(deployment('web', 'web:1'))
    world.apply(world.plan())
    const live = [...world.live.values()][0] as KubeObject & { spec: object }
    world.write({ ...live, spec: { ...live.spec, replicas: 7 } } as KubeObject)
    expect(isEmptyPlan(world.plan())).toBe(true)
    world.declare(deployment('web', 'web:1', { replicas: 2 }))
    expect(world.plan().changes[0]?.fields).toEqual([{ path: 'spec.replicas', before: 7, after: 2 }])
  })

  it('takes away a field that left Git', () => {
    const world = new World().declare(configMap('a', { x: '1', y: '2' }))
    world.apply(world.plan()).declare(configMap('a', { x: '1' }))
    expect(world.plan().changes[0]?.fields).toEqual([{ path: 'data.y', before: '2' }])
  })

  it('deletes an owned object that left Git, and never one that Git does not own', () => {
    const world = new World().declare(configMap('mine'), configMap('other'))
    world.apply(world.plan()).write(configMap('foreign')).declare(configMap('other'))
    expect(actions(world.plan())).toEqual(['delete shop/ConfigMap mine', 'keep shop/ConfigMap other'])
  })

  it('does not delete what is gone, on its way out, or someone else’s by now', () => {
    const world = new World().declare(configMap('a'), configMap('b'), configMap('c'), configMap('d'))
    world.apply(world.plan()).declare(configMap('d'))
    world.live.delete('/ConfigMap/shop/a')
    end(world, '/ConfigMap/shop/b')
    const inventory = [...world.owned.values()].map(owned => ({ ...owned, uid: 'another' }))
    expect(actions(world.plan({ inventory }))).toEqual(['keep shop/ConfigMap d'])
  })

  it('creates anew what is being deleted', () => {
    const world = new World().declare(configMap('a'))
    world.apply(world.plan())
    end(world, '/ConfigMap/shop/a')
    expect(actions(world.plan())).toEqual(['create shop/ConfigMap a'])
  })

  it('orders writes by what needs what, deletions after them the other way round, and what stays last', () => {
    const all = [
      deployment('web', 'w'),
      configMap('z'),
      configMap('a', {}, 'other'),
      configMap('a'),
      secret('s'),
      namespace('shop'),
      namespace('other'),
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'robot', namespace: 'shop' } },
      { apiVersion: 'bowline.dev/v1alpha1', kind: 'App', metadata: { name: 'sub' } },
    ]
    const world = new World().declare(...all)
    const names = [
      'Namespace other',
      'Namespace shop',
      'shop/ServiceAccount robot',
      'shop/Secret s',
      'other/ConfigMap a',
      'shop/ConfigMap a',
      'shop/ConfigMap z',
      'App sub',
      'shop/Deployment web',
    ]
    expect(actions(world.plan())).toEqual(names.map(name => `create ${name}`))
    world.apply(world.plan()).declare(namespace('shop'), configMap('new'))
    expect(actions(world.plan())).toEqual([
      'create shop/ConfigMap new',
      ...names
        .filter(name => name !== 'Namespace shop')
        .reverse()
        .map(name => `delete ${name}`),
      'keep Namespace shop',
    ])
  })

  it('looks at the candidates alone, and weighs deletions against the whole app', () => {
    const world = new World().declare(...Array.from({ length: 12 }, (_, index) => configMap(`c${index}`)))
    world.apply(world.plan()).declare(configMap('c0', { changed: 'yes' }), configMap('c11'))
    const ref = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name })
    expect(actions(world.plan({ candidates: [ref('c0')] }))).toEqual(['configure shop/ConfigMap c0'])
    const few = world.plan({ candidates: [ref('c1'), ref('c2'), ref('nowhere')] })
    expect(actions(few)).toEqual(['delete shop/ConfigMap c2', 'delete shop/ConfigMap c1'])
    expect(few.hold).toBeUndefined()
    const many = world.plan({ candidates: [1, 2, 3, 4, 5].map(index => ref(`c${index}`)) })
    expect(many.hold?.reason).toBe('deletes-most')
  })

  it('plans one changed object among 10,000 again without looking into the others', () => {
    const objects = Array.from({ length: 10_000 }, (_, index) =>
      configMap(`c${index}`, { index: String(index) }),
    )
    const world = new World().declare(...objects)
    world.apply(world.plan())
    const [first, ...others] = world.desired
    const changed = { object: configMap('c0', { index: 'new' }), source: first!.source }
    const desired = [changed, ...others]
    expect(countActions(world.plan())).toEqual({ create: 0, configure: 0, delete: 0, keep: 10_000 })
    expect(countActions(world.plan({ desired }))).toEqual({ create: 0, configure: 1, delete: 0, keep: 9_999 })
    const candidates = [{ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'c0' }]
    let looks = 0
    const plan = world.plan({
      desired,
      candidates,
      live: ref => {
        looks += 1
        return world.live.get(`/ConfigMap/shop/${ref.name}`)
      },
    })
    expect(actions(plan)).toEqual(['configure shop/ConfigMap c0'])
    expect(looks).toBe(1)
  })
})

describe('assemblePlan() holds', () => {
  const cases: readonly (readonly [string, number, number, number | 'all', string | undefined])[] = [
    ['every object', 3, 0, 0, 'deletes-everything'],
    ['every object with too small an allowance', 3, 0, 2, 'deletes-everything'],
    ['nothing when the allowance is enough', 3, 0, 3, undefined],
    ['nothing when all is allowed', 9, 0, 'all', undefined],
    ['nothing for less than half', 9, 5, 0, undefined],
    ['nothing for exactly half', 10, 5, 0, undefined],
    ['more than half and at least five', 9, 4, 0, 'deletes-most'],
    ['nothing for more than half of a few', 5, 1, 0, undefined],
  ]
  it.each(cases)('%s: %d owned, %d kept, %s allowed', (_, owned, kept, allowDelete, reason) => {
    const objects = Array.from({ length: owned }, (_, index) => configMap(`c${index}`))
    const world = new World().declare(...objects)
    world.apply(world.plan()).declare(...objects.slice(0, kept), configMap('new'))
    const { hold } = world.plan({ allowDelete })
    expect(hold?.reason).toBe(reason)
    if (hold !== undefined) {
      expect(hold.deletes).toBe(owned - kept)
      expect(hold.message).toContain(`Bowline-Allow-Delete: ${owned - kept}`)
    }
  })

  it('a plan that deletes a namespace in which pods run', () => {
    const world = new World().declare(namespace('shop'), namespace('old'), configMap('a'))
    world.apply(world.plan()).declare(namespace('shop'), configMap('a'))
    expect(world.plan().hold).toBeUndefined()
    expect(world.plan({ busyNamespaces: name => name === 'old' }).hold).toEqual({
      reason: 'deletes-busy-namespace',
      deletes: 1,
      message:
        'This plan deletes namespace old, in which pods run; to let it go, commit with the trailer "Bowline-Allow-Delete: 1" (or "all")',
    })
  })

  it('a plan that deletes a namespace in which claims are', () => {
    const world = new World().declare(namespace('shop'), namespace('old'), configMap('a'))
    world.apply(world.plan()).declare(namespace('shop'), configMap('a'))
    const holdsClaims = (name: string) => name === 'old'
    expect(world.plan({ holdsClaims }).hold).toEqual({
      reason: 'deletes-data',
      deletes: 1,
      message:
        'This plan deletes namespace old, and with it the data of the claims there; to let it go, commit with the trailer "Bowline-Allow-Delete: 1" (or "all")',
    })
    expect(world.plan({ holdsClaims, allowDelete: 1 }).hold).toBeUndefined()
  })
})

describe('assemblePlan() of claims', () => {
  it.each([
    ['PersistentVolumeClaim', 'shop', 'PersistentVolumeClaim shop/data'],
    ['PersistentVolume', undefined, 'PersistentVolume data'],
  ])('holds a plan that deletes a %s, however small it is', (kind, namespace, name) => {
    const claim = { apiVersion: 'v1', kind, metadata: { name: 'data', ...(namespace && { namespace }) } }
    const rest = Array.from({ length: 9 }, (_, index) => configMap(`c${index}`))
    const world = new World().declare(claim, ...rest)
    world.apply(world.plan()).declare(...rest)
    expect(world.plan().hold).toEqual({
      reason: 'deletes-data',
      deletes: 1,
      message: `This plan deletes ${name}, and with it the app's way to its data; to let it go, commit with the trailer "Bowline-Allow-Delete: 1" (or "all")`,
    })
    expect(world.plan({ allowDelete: 1 }).hold).toBeUndefined()
  })
})

describe('assemblePlan() of owners of claims', () => {
  it('holds a plan that deletes one, and with it the claims', () => {
    const rest = Array.from({ length: 9 }, (_, index) => configMap(`c${index}`))
    const world = new World().declare(deployment('db', 'db:1'), ...rest)
    world.apply(world.plan()).declare(...rest)
    const ownsClaims = ({ metadata }: KubeObject) => metadata.name === 'db'
    expect(world.plan().hold).toBeUndefined()
    expect(world.plan({ ownsClaims }).hold).toEqual({
      reason: 'deletes-data',
      deletes: 1,
      message:
        'This plan deletes Deployment shop/db, and with it the claims that it owns; to let it go, commit with the trailer "Bowline-Allow-Delete: 1" (or "all")',
    })
    expect(world.plan({ ownsClaims, allowDelete: 1 }).hold).toBeUndefined()
  })
})

describe('assemblePlan() of definitions', () => {
  it('holds a plan that deletes one, and with it every object of its kind', () => {
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'widgets.example.com' },
    }
    const rest = Array.from({ length: 9 }, (_, index) => configMap(`c${index}`))
    const world = new World().declare(...rest, definition)
    const plan = world.plan()
    expect(plan.changes[0]?.ref.kind).toBe('CustomResourceDefinition')
    world.apply(plan).declare(...rest)
    expect(world.plan().hold).toMatchObject({ reason: 'deletes-data', deletes: 1 })
    expect(world.plan().hold?.message).toContain('and with it every object of its kind')
  })
})

describe('assemblePlan() of Secrets', () => {
  it('masks values, and says which is which where they differ', () => {
    const data = (password: string, extra: object = {}): object => ({
      data: { user: 'cm9vdA==', password, ...extra },
    })
    const world = new World().declare(secret('db', data('b2xk')))
    world.apply(world.plan())
    world.declare(secret('db', { ...data('bmV3', { token: 'c2VjcmV0' }), immutable: true }))
    const [change] = world.plan().changes
    expect(change?.fields).toEqual([
      { path: 'data.password', before: '*** (before)', after: '*** (after)' },
      { path: 'data.token', after: '***' },
      { path: 'immutable', after: true },
    ])
    expect(JSON.stringify(world.plan())).not.toMatch(/b2xk|bmV3|c2VjcmV0|cm9vdA/)
  })

  it('masks stringData, and the annotation in which client-side apply repeats all', () => {
    const applied = (password: string): string =>
      JSON.stringify({
        kind: 'Secret',
        metadata: { name: 'db' },
        data: { password },
        stringData: { x: password },
      })
    const annotations = (text: string): object => ({
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': text },
    })
    const world = new World().declare(
      secret('db', { stringData: { password: 'old-pw' } }, annotations(applied('old-pw'))),
    )
    world.apply(world.plan())
    expect(isEmptyPlan(world.plan())).toBe(true)
    world.declare(secret('db', { stringData: { password: 'new-pw' } }, annotations(applied('new-pw'))))
    const plan = world.plan()
    expect(plan.changes[0]?.fields).toEqual([
      { path: 'data.password', before: '*** (before)', after: '*** (after)' },
      {
        path: 'metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]',
        before: expect.stringContaining('*** (before)'),
        after: expect.stringContaining('*** (after)'),
      },
    ])
    expect(JSON.stringify(plan)).not.toMatch(/old-pw|new-pw/)
    world.declare(secret('db', {}, annotations('no json, but new-pw')))
    expect(JSON.stringify(world.plan())).not.toMatch(/old-pw|new-pw/)
  })

  it('takes a key away that left stringData', () => {
    const world = new World().declare(secret('db', { stringData: { a: '1', b: '2' } }))
    world.apply(world.plan()).declare(secret('db', { stringData: { a: '1' } }))
    expect(world.plan().changes[0]?.fields).toEqual([{ path: 'data.b', before: '***' }])
    world.apply(world.plan())
    expect(world.live.get('/Secret/shop/db')).toMatchObject({ data: { a: 'MQ==' } })
    expect(world.live.get('/Secret/shop/db')).not.toHaveProperty('data.b')
  })

  it('masks nothing of other kinds', () => {
    const world = new World().declare(configMap('a', { password: 'old' }))
    world.apply(world.plan()).declare(configMap('a', { password: 'new' }))
    expect(world.plan().changes[0]?.fields).toEqual([{ path: 'data.password', before: 'old', after: 'new' }])
  })
})

describe('assemblePlan() of long texts', () => {
  it('shows the part where they differ', () => {
    const text = (end: string): string => `${'a'.repeat(5_000)}${end}${'b'.repeat(5_000)}`
    const world = new World().declare(configMap('a', { file: text('old') }))
    world.apply(world.plan()).declare(configMap('a', { file: text('new') }))
    const [field] = world.plan().changes[0]?.fields ?? []
    expect(field?.before).toMatch(/^…a{80}oldb+… \(10003 characters\)$/)
    expect(field?.after).toMatch(/^…a{80}newb+… \(10003 characters\)$/)
  })
})

function actions({ changes }: Plan): readonly string[] {
  return changes.map(({ action, ref }) => actionText(action, ref))
}

function actionText(action: Action, ref: { kind: string; namespace?: string; name: string }): string {
  return `${action} ${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.kind} ${ref.name}`
}

function end(world: World, key: string): void {
  const object = world.live.get(key) as KubeObject
  world.live.set(key, {
    ...object,
    metadata: { ...object.metadata, deletionTimestamp: '2024-01-01T00:00:00Z' },
  })
}
