import { afterEach, describe, expect, test } from 'vitest'
import {
  type ConfigMap,
  type Deployment,
  Kinds,
  type KubeObject,
  type Pod,
  registryKey,
  type Service,
} from '../../../../src/kube/index.ts'
import { startTestApi, type TestApi } from '../test-api.ts'

const NAMESPACE = 'default'

type Body = { readonly [field: string]: unknown }

describe('a write to an object', () => {
  let api: TestApi | undefined
  afterEach(async () => {
    await api?.close()
    api = undefined
  })

  async function start(): Promise<TestApi> {
    api = await startTestApi()
    return api
  }

  /** As a release with other rules may have left it. */
  async function store(kind: (typeof Kinds)[keyof typeof Kinds], object: KubeObject): Promise<void> {
    const key = registryKey(kind, NAMESPACE, object.metadata.name ?? '')
    await api?.store.txn([], [{ type: 'put', key, value: Buffer.from(JSON.stringify(object)) }])
  }

  const metadata = { name: 'web', namespace: NAMESPACE, uid: 'u1', labels: { app: 'web' } }
  /** A container without an image is refused today. */
  const spec = { containers: [{ name: 'web' }] }
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec,
    status: { phase: 'Pending' },
  } as unknown as Pod

  test('of its status does not judge what it leaves alone', async () => {
    const { client } = await start()
    await store(Kinds.Pod, pod)
    const options = { namespace: NAMESPACE, subresource: 'status' }
    for (const type of ['merge', 'strategic'] as const) {
      const message = `by ${type}`
      const patched = await client.patch(Kinds.Pod, 'web', { type, body: { status: { message } } }, options)
      expect(patched.status).toMatchObject({ phase: 'Pending', message })
      expect(patched.spec).toEqual(spec)
    }
    const found = await client.get(Kinds.Pod, 'web', { namespace: NAMESPACE })
    const updated = await client.update(Kinds.Pod, { ...found, status: { phase: 'Running' } }, options)
    expect(updated).toMatchObject({ spec, status: { phase: 'Running' } })
    expect(Object.keys(updated)).toEqual(['apiVersion', 'kind', 'metadata', 'spec', 'status'])
    expect(await client.get(Kinds.Pod, 'web', { namespace: NAMESPACE })).toEqual(updated)
  })

  test('of its status is judged in all that it brings', async () => {
    const { client } = await start()
    await store(Kinds.Pod, pod)
    const options = { namespace: NAMESPACE, subresource: 'status' }
    const patch = (body: Body): Promise<Pod> =>
      client.patch(Kinds.Pod, 'web', { type: 'merge', body }, options)
    await expect(patch({ spec: { containers: 'none' } })).rejects.toMatchObject({ reason: 'BadRequest' })
    await expect(patch({ spec: { nodename: 'n1' } })).rejects.toMatchObject({ reason: 'BadRequest' })
    await expect(patch({ status: { phase: 1 } })).rejects.toMatchObject({ reason: 'BadRequest' })
    const patched = await patch({ spec: { nodeName: 'n1' }, status: { phase: 'Running' } })
    expect(patched).toMatchObject({ spec, status: { phase: 'Running' } })
    expect(patched.spec?.nodeName).toBeUndefined()
  })

  test('of its status has the defaults that follow from what it leaves alone', async () => {
    const { client } = await start()
    const service: Service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
    }
    const options = { namespace: NAMESPACE }
    const made = await client.create(Kinds.Service, service, options)
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } }
    const ofStatus = { ...options, subresource: 'status' }
    const updated = await client.update(Kinds.Service, { ...made, status }, ofStatus)
    expect(updated.status?.loadBalancer?.ingress).toEqual([{ ip: '192.0.2.1', ipMode: 'VIP' }])
    const other = { loadBalancer: { ingress: [{ ip: '192.0.2.2' }] } }
    const patch = { type: 'merge', body: { status: other } } as const
    const patched = await client.patch(Kinds.Service, 'web', patch, ofStatus)
    expect(patched.status?.loadBalancer?.ingress).toEqual([{ ip: '192.0.2.2', ipMode: 'VIP' }])
  })

  test('judges a template that it changes, and no other', async () => {
    const { client } = await start()
    const containers = [{ name: 'web', image: 'web:1' }]
    const template = { metadata: { labels: { app: 'web' } }, spec: { containers } }
    const selector = { matchLabels: { app: 'web' } }
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } } as const
    const options = { namespace: NAMESPACE }
    const made = await client.create(
      Kinds.Deployment,
      { ...deployment, spec: { selector, template } } as Deployment,
      options,
    )
    const { image: _, ...container } = made.spec?.template.spec?.containers[0] ?? { name: 'web' }
    const podSpec = { ...made.spec?.template.spec, containers: [container] }
    const broken = { ...made.spec?.template, spec: podSpec }
    await store(Kinds.Deployment, { ...made, spec: { ...made.spec, template: broken } } as Deployment)
    const patch = (body: Body): Promise<Deployment> =>
      client.patch(Kinds.Deployment, 'web', { type: 'merge', body }, options)
    const scaled = await patch({ spec: { replicas: 3 } })
    expect(scaled.spec).toMatchObject({ replicas: 3, template: broken })
    await expect(patch({ spec: { template: { spec: { subdomain: 'a' } } } })).rejects.toMatchObject({
      reason: 'Invalid',
    })
  })

  test('keeps who owns what it does not touch, whoever writes', async () => {
    const { client } = await start()
    const object: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kept' },
      data: { a: '1', b: '1' },
    }
    await client.create(Kinds.ConfigMap, object, { namespace: NAMESPACE, fieldManager: 'first' })
    const merge = (body: Body, fieldManager: string): Promise<KubeObject> =>
      client.patch(Kinds.ConfigMap, 'kept', { type: 'merge', body }, { namespace: NAMESPACE, fieldManager })
    await merge({ data: { b: '2' } }, 'second')
    await merge({ data: { b: '3' } }, 'second')
    const { metadata: after } = await merge({ data: { b: '4' } }, 'first')
    const owned = (after.managedFields ?? []).map(({ manager, fieldsV1 }) => [manager, fieldsV1])
    expect(owned).toEqual([['first', { 'f:data': { '.': {}, 'f:a': {}, 'f:b': {} } }]])
  })
})
