import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type Endpoint,
  type EndpointSlice,
  type Endpoints,
  isNotFound,
  Kinds,
  type Service,
} from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { startTestCluster, type TestCluster } from '../test-cluster.ts'

const namespace = 'default'
const OWN = 'endpointslice-controller.k8s.io'
const MIRROR = 'endpointslicemirroring-controller.k8s.io'
let cluster: TestCluster

beforeEach(async () => {
  cluster = await startTestCluster()
  await cluster.addNode('n1')
})
afterEach(() => cluster.close())

function makeService(
  spec: Partial<NonNullable<Service['spec']>> = {},
  metadata: object = {},
): Promise<Service> {
  const ports = [{ port: 80, protocol: 'TCP' as const, targetPort: 8080 }]
  return cluster.client.create(Kinds.Service, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace, ...metadata },
    spec: { selector: { app: 'web' }, ports, ...spec },
  })
}

async function makePods(...names: readonly string[]): Promise<void> {
  for (const name of names)
    await cluster.client.create(Kinds.Pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', image: 'web:1' }] },
    })
}

async function makeEndpoints(subsets: Endpoints['subsets'], metadata: object = {}): Promise<Endpoints> {
  return await cluster.client.create(Kinds.Endpoints, {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'web', namespace, ...metadata },
    ...(subsets === undefined ? {} : { subsets }),
  })
}

async function slices(keeper = OWN): Promise<readonly EndpointSlice[]> {
  const labelSelector = `kubernetes.io/service-name=web,endpointslice.kubernetes.io/managed-by=${keeper}`
  return (await cluster.client.list(Kinds.EndpointSlice, { namespace, labelSelector })).items
}

/** Each endpoint's pod and whether it is ready, from the slices of a keeper. */
async function backends(keeper = OWN): Promise<string> {
  const all = (await slices(keeper)).flatMap(slice => slice.endpoints)
  return all.map(describeEndpoint).sort().join(' ')
}

function describeEndpoint({ targetRef, addresses, conditions }: Endpoint): string {
  return `${targetRef?.name ?? addresses[0]}:${conditions?.ready ? 'ready' : 'not'}`
}

async function addresses(): Promise<string | undefined> {
  const found = await endpoints()
  return found?.subsets
    ?.flatMap(subset => [
      ...(subset.addresses ?? []).map(({ targetRef }) => `${targetRef?.name}:ready`),
      ...(subset.notReadyAddresses ?? []).map(({ targetRef }) => `${targetRef?.name}:not`),
    ])
    .sort()
    .join(' ')
}

async function endpoints(): Promise<Endpoints | undefined> {
  try {
    return await cluster.client.get(Kinds.Endpoints, 'web', { namespace })
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

async function setReady(pod: string, status: 'True' | 'False'): Promise<void> {
  const body = { status: { conditions: [{ type: 'Ready', status }] } }
  await cluster.client.patch(
    Kinds.Pod,
    pod,
    { type: 'strategic', body },
    { namespace, subresource: 'status' },
  )
}

describe('EndpointSliceController and EndpointsController', () => {
  it('follow the pods of a service: new ones, their readiness, their labels, and their end', async () => {
    await makeService({}, { labels: { team: 'shop' } })
    await eventually('an empty slice', async () => (await slices()).length === 1)
    await makePods('a', 'b')
    await eventually('both in the slice', async () => (await backends()) === 'a:ready b:ready')
    await eventually('both in the Endpoints', async () => (await addresses()) === 'a:ready b:ready')
    await setReady('b', 'False')
    await eventually('one not ready', async () => (await backends()) === 'a:ready b:not')
    await eventually('one not ready', async () => (await addresses()) === 'a:ready b:not')
    await cluster.client.patch(
      Kinds.Pod,
      'b',
      { type: 'merge', body: { metadata: { labels: { app: 'else' } } } },
      { namespace },
    )
    await eventually('one left', async () => (await backends()) === 'a:ready')
    const [slice, ...others] = await slices()
    expect(others).toEqual([])
    const { uid } = await cluster.client.get(Kinds.Service, 'web', { namespace }).then(one => one.metadata)
    expect(slice?.metadata.ownerReferences).toEqual([
      { apiVersion: 'v1', kind: 'Service', name: 'web', uid, controller: true, blockOwnerDeletion: true },
    ])
    expect(slice?.metadata.labels).toMatchObject({ team: 'shop', 'kubernetes.io/service-name': 'web' })
    await cluster.client.delete(Kinds.Pod, 'a', { namespace })
    await eventually('none left', async () => (await backends()) === '')
    await eventually('none left', async () => ((await endpoints())?.subsets ?? []).length === 0)
  })

  it('take everything away with the service, and start afresh with one of the same name', async () => {
    await makePods('a')
    await makeService()
    await eventually('the slice', async () => (await backends()) === 'a:ready')
    await eventually('the Endpoints', async () => (await addresses()) === 'a:ready')
    await cluster.client.delete(Kinds.Service, 'web', { namespace })
    await eventually('no slice', async () => (await slices()).length === 0)
    await eventually('no Endpoints', async () => (await endpoints()) === undefined)
    const { metadata } = await makeService()
    await eventually('the slice of the new one', async () => {
      const found = await slices()
      return found.length === 1 && found[0]?.metadata.ownerReferences?.[0]?.uid === metadata.uid
    })
    await eventually('its Endpoints', async () => (await addresses()) === 'a:ready')
  })

  it('put right what somebody else did to a slice or to the Endpoints', async () => {
    await makePods('a')
    await makeService()
    await eventually('the slice', async () => (await backends()) === 'a:ready')
    await eventually('the Endpoints', async () => (await addresses()) === 'a:ready')
    const [slice] = await slices()
    await cluster.client.patch(
      Kinds.EndpointSlice,
      slice?.metadata.name ?? '',
      { type: 'merge', body: { endpoints: [] } },
      { namespace },
    )
    await eventually('the endpoint is back', async () => (await backends()) === 'a:ready')
    await cluster.client.delete(Kinds.EndpointSlice, slice?.metadata.name ?? '', { namespace })
    await eventually('another slice', async () => {
      const [found, ...others] = await slices()
      return others.length === 0 && found !== undefined && found.metadata.uid !== slice?.metadata.uid
    })
    await cluster.client.delete(Kinds.Endpoints, 'web', { namespace })
    await eventually('the Endpoints are back', async () => (await addresses()) === 'a:ready')
  })

  it('leave out the pods of a node that is gone', async () => {
    await cluster.addNode('n2')
    await makeService()
    await cluster.client.patch(Kinds.Node, 'n1', { type: 'merge', body: { spec: { unschedulable: true } } })
    await makePods('a')
    await eventually('the slice', async () => (await backends()) === 'a:ready')
    cluster.loseNode('n2')
    await cluster.client.delete(Kinds.Node, 'n2')
    await eventually('nothing', async () => (await backends()) === '')
  })

  it('write many pods into slices of a hundred without losing one', async () => {
    await makeService()
    const names = Array.from({ length: 130 }, (_, index) => `p${index}`)
    await cluster.addNode('n2')
    await Promise.all(names.map(name => makePods(name)))
    await eventually(
      'all of them',
      async () =>
        (await backends()) ===
        names
          .map(name => `${name}:ready`)
          .sort()
          .join(' '),
      30_000,
    )
    expect((await slices()).map(slice => slice.endpoints.length).every(size => size <= 100)).toBe(true)
  })

  it('give an ExternalName nothing', async () => {
    await makePods('a')
    await makeService()
    await eventually('the slice', async () => (await backends()) === 'a:ready')
    await eventually('the Endpoints', async () => (await addresses()) === 'a:ready')
    const body = {
      spec: { type: 'ExternalName', externalName: 'db.example', clusterIP: null, clusterIPs: null },
    }
    await cluster.client.patch(Kinds.Service, 'web', { type: 'merge', body }, { namespace })
    await eventually('no slice', async () => (await slices()).length === 0)
    await eventually('no Endpoints', async () => (await endpoints()) === undefined)
  })
})

describe('EndpointSliceMirroringController', () => {
  const subsets = [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 5432 }] }]

  it('mirrors hand-made Endpoints through their life', async () => {
    await makeService({ selector: {} })
    await makeEndpoints(subsets, { labels: { team: 'db' } })
    await eventually('the mirror', async () => (await backends(MIRROR)) === '192.0.2.1:ready')
    const [slice] = await slices(MIRROR)
    expect(slice?.metadata.labels).toMatchObject({ team: 'db' })
    expect(slice?.metadata.ownerReferences?.map(({ kind, name }) => [kind, name])).toEqual([
      ['Endpoints', 'web'],
    ])
    expect(slice?.ports).toEqual([{ name: '', port: 5432, protocol: 'TCP' }])
    const body = { subsets: [{ addresses: [{ ip: '192.0.2.2' }], notReadyAddresses: [{ ip: '192.0.2.3' }] }] }
    await cluster.client.patch(Kinds.Endpoints, 'web', { type: 'merge', body }, { namespace })
    await eventually('the change', async () => (await backends(MIRROR)) === '192.0.2.2:ready 192.0.2.3:not')
    await cluster.client.delete(Kinds.Endpoints, 'web', { namespace })
    await eventually('no mirror', async () => (await slices(MIRROR)).length === 0)
    expect(await slices()).toEqual([])
  })

  it('mirrors nothing that says so, nothing without a service, and nothing of a service with a selector', async () => {
    await makeEndpoints(subsets)
    await makeService({ selector: {} })
    await eventually('the mirror', async () => (await slices(MIRROR)).length === 1)
    const skip = { metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } } }
    await cluster.client.patch(Kinds.Endpoints, 'web', { type: 'merge', body: skip }, { namespace })
    await eventually('no mirror', async () => (await slices(MIRROR)).length === 0)
    const unskip = { metadata: { labels: null } }
    await cluster.client.patch(Kinds.Endpoints, 'web', { type: 'merge', body: unskip }, { namespace })
    await eventually('the mirror', async () => (await slices(MIRROR)).length === 1)
    const selector = { spec: { selector: { app: 'web' } } }
    await cluster.client.patch(Kinds.Service, 'web', { type: 'merge', body: selector }, { namespace })
    await eventually('no mirror', async () => (await slices(MIRROR)).length === 0)
    await eventually('a slice of its own', async () => (await slices()).length === 1)
    await cluster.client.delete(Kinds.Service, 'web', { namespace })
    await eventually(
      'nothing',
      async () => (await endpoints()) === undefined && (await slices()).length === 0,
    )
  })
})
