import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { customKinds, isEstablished } from '../../../../src/kinds/index.ts'
import {
  type ConfigMap,
  type CustomResourceDefinition,
  isNotFound,
  type Kind,
  Kinds,
  type KubeObject,
  type OwnerReference,
} from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { definition } from '../../api/support/definitions.ts'
import { startTestCluster, type TestCluster } from '../test-cluster.ts'

const namespace = 'default'
let cluster: TestCluster

beforeEach(async () => {
  cluster = await startTestCluster({ scheduler: false })
})
afterEach(() => cluster.close())

function ownedBy(owner: ConfigMap, more: Partial<OwnerReference> = {}): OwnerReference {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: owner.metadata.name!,
    uid: owner.metadata.uid!,
    ...more,
  }
}

const make = (name: string, ownerReferences: readonly OwnerReference[] = []): Promise<ConfigMap> =>
  cluster.client.create(Kinds.ConfigMap, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, ownerReferences },
  })

async function find(name: string): Promise<ConfigMap | undefined> {
  try {
    return await cluster.client.get(Kinds.ConfigMap, name, { namespace })
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

const gone = (...names: string[]) =>
  eventually(`no ${names}`, async () => (await Promise.all(names.map(find))).every(one => one === undefined))

const remove = (name: string, propagationPolicy: 'Background' | 'Foreground' | 'Orphan') =>
  cluster.client.delete(Kinds.ConfigMap, name, { namespace, propagationPolicy })

describe('GarbageCollector', () => {
  it('deletes dependents of all generations after their owner', async () => {
    const owner = await make('owner')
    const child = await make('child', [ownedBy(owner)])
    await make('grandchild', [ownedBy(child)])
    await make('stranger')
    await remove('owner', 'Background')
    await gone('owner', 'child', 'grandchild')
    expect(await find('stranger')).toBeDefined()
  })

  it('deletes what is made for an owner that never was, or that is another object of that name', async () => {
    const owner = await make('owner')
    await make('unborn', [{ ...ownedBy(owner), name: 'nobody', uid: 'u-1' }])
    await make('replaced', [ownedBy(owner, { uid: 'u-2' })])
    await gone('unborn', 'replaced')
    expect(await find('owner')).toBeDefined()
  })

  it('keeps an object while one of its owners is left, and takes only the reference to the other away', async () => {
    const [first, second] = [await make('first'), await make('second')]
    await make('child', [ownedBy(first), ownedBy(second)])
    await remove('first', 'Background')
    await eventually('one owner', async () => {
      const owners = (await find('child'))?.metadata.ownerReferences ?? []
      return owners.length === 1 && owners[0]?.uid === second.metadata.uid
    })
    await remove('second', 'Background')
    await gone('child')
  })

  it('never deletes for an owner of a kind that is not served', async () => {
    const owner = await make('owner')
    await make('child', [
      ownedBy(owner),
      { apiVersion: 'example.com/v1', kind: 'Widget', name: 'w', uid: 'w' },
    ])
    await remove('owner', 'Background')
    await eventually('one owner', async () => (await find('child'))?.metadata.ownerReferences?.length === 1)
    expect((await find('child'))?.metadata.deletionTimestamp).toBeUndefined()
  })

  it('Foreground: the owner goes last, and waits only for what blocks it', async () => {
    const owner = await make('owner')
    const holder = await make('holder', [ownedBy(owner, { blockOwnerDeletion: true })])
    await cluster.client.patch(
      Kinds.ConfigMap,
      'holder',
      { type: 'merge', body: { metadata: { finalizers: ['example.com/hold'] } } },
      { namespace },
    )
    await make('free', [ownedBy(owner)])
    await remove('owner', 'Foreground')
    await gone('free')
    const ending = await eventually('the holder to end', async () => {
      const found = await find('holder')
      return found?.metadata.deletionTimestamp !== undefined && found
    })
    expect(ending.metadata.uid).toBe(holder.metadata.uid)
    expect((await find('owner'))?.metadata.finalizers).toEqual(['foregroundDeletion'])
    await cluster.client.patch(
      Kinds.ConfigMap,
      'holder',
      { type: 'merge', body: { metadata: { finalizers: null } } },
      { namespace },
    )
    await gone('holder', 'owner')
  })

  it('Foreground: every generation waits for the next', async () => {
    const blocks = { blockOwnerDeletion: true }
    const owner = await make('owner')
    const child = await make('child', [ownedBy(owner, blocks)])
    await make('grandchild', [ownedBy(child, blocks)])
    const order: string[] = []
    cluster.informers.of(Kinds.ConfigMap).subscribe({ deleted: one => order.push(one.metadata.name!) })
    await remove('owner', 'Foreground')
    await gone('owner', 'child', 'grandchild')
    await eventually('the cache to see it', () => order.length === 3)
    expect(order).toEqual(['grandchild', 'child', 'owner'])
  })

  it('Orphan: the owner goes and its dependents stay without it', async () => {
    const owner = await make('owner')
    await make('child', [ownedBy(owner)])
    await remove('owner', 'Orphan')
    await gone('owner')
    const child = await find('child')
    expect(child?.metadata.ownerReferences ?? []).toEqual([])
    expect(child?.metadata.deletionTimestamp).toBeUndefined()
  })
})

describe('GarbageCollector: owners of defined kinds', () => {
  const group = 'example.com'

  async function define(kindName: string): Promise<Kind> {
    const { metadata, ...parts } = definition(kindName)
    await cluster.client.create(Kinds.CustomResourceDefinition, {
      ...(parts as unknown as CustomResourceDefinition),
      metadata,
    })
    const established = await eventually('the kind to be served', async () => {
      const found = await cluster.client.get(Kinds.CustomResourceDefinition, metadata.name)
      return isEstablished(found) && found
    })
    return customKinds(established)[0] as Kind
  }

  const own = (kind: Kind, name: string, metadata: object = {}) =>
    cluster.client.create(
      kind,
      { apiVersion: `${group}/v1`, kind: kind.kind, metadata: { name, namespace, ...metadata } },
      { namespace },
    )

  const dependentOf = (owner: KubeObject, name: string) =>
    make(name, [
      {
        ...{ apiVersion: owner.apiVersion, kind: owner.kind, blockOwnerDeletion: true },
        ...{ name: owner.metadata.name ?? '', uid: owner.metadata.uid ?? '' },
      },
    ])

  it('Foreground: an owner goes whose kind has the name of another group’s', async () => {
    const kind = await define('Service')
    await dependentOf(await own(kind, 'web'), 'child')
    await cluster.client.delete(kind, 'web', { namespace, propagationPolicy: 'Foreground' })
    await gone('child')
    await eventually('the owner to go', async () =>
      cluster.client.get(kind, 'web', { namespace }).then(
        () => false,
        error => isNotFound(error),
      ),
    )
  })

  it('dependents go with the last objects of a definition, and stay where it was torn from objects that are there', async () => {
    const kind = await define('Widget')
    await dependentOf(await own(kind, 'torn', { finalizers: ['example.com/data'] }), 'kept')
    await dependentOf(await own(kind, 'gone'), 'collected')
    const name = `widgets.${group}`
    await cluster.client.delete(Kinds.CustomResourceDefinition, name)
    await gone('collected')
    const body = { metadata: { finalizers: null } }
    await cluster.client.patch(Kinds.CustomResourceDefinition, name, { type: 'merge', body })
    await eventually('the definition to be gone', async () =>
      cluster.client.get(Kinds.CustomResourceDefinition, name).then(
        () => false,
        error => isNotFound(error),
      ),
    )
    // What is collected later than it would have been.
    const owner = await make('owner')
    await make('later', [ownedBy(owner)])
    await remove('owner', 'Background')
    await gone('later')
    expect((await find('kept'))?.metadata.deletionTimestamp).toBeUndefined()
    expect(await find('kept')).toBeDefined()
  })
})
