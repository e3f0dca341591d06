import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Kinds, type KubeObject } from '../../../../src/kube/index.ts'
import { startTestApi, type TestApi, type TestIdentity } from '../support/api-server.ts'
import { ask, type Question, type Reply } from '../support/https.ts'

let api: TestApi
let node: TestIdentity

const NS = '/api/v1/namespaces/default'
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases'
const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
const MERGE = { 'content-type': 'application/merge-patch+json' }

beforeAll(async () => {
  api = await startTestApi()
  node = await api.identity('system:node:a', ['system:nodes'])
  for (const name of ['used-map', 'env-map', 'free-map'])
    await admin('POST', `${NS}/configmaps`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })
  for (const name of ['used-secret', 'env-secret', 'pull-secret', 'free-secret'])
    await admin('POST', `${NS}/secrets`, { apiVersion: 'v1', kind: 'Secret', metadata: { name } })
  for (const name of ['used', 'free']) {
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }
    const claim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: `${name}-claim` },
      spec,
    }
    await admin('POST', `${NS}/persistentvolumeclaims`, claim)
    await admin('POST', '/api/v1/persistentvolumes', {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: `${name}-volume` },
      spec: {
        accessModes: ['ReadWriteOnce'],
        capacity: { storage: '1Gi' },
        hostPath: { path: '/srv' },
        claimRef: { namespace: 'default', name: `${name}-claim` },
      },
    })
  }
  await makePod('mine', 'a', {
    imagePullSecrets: [{ name: 'pull-secret' }],
    volumes: [
      { name: 'v', secret: { secretName: 'used-secret' } },
      { name: 'w', projected: { sources: [{ configMap: { name: 'used-map' } }] } },
      { name: 'd', persistentVolumeClaim: { claimName: 'used-claim' } },
    ],
    initContainers: [{ name: 'i', image: 'i', envFrom: [{ secretRef: { name: 'env-secret' } }] }],
    containers: [
      {
        name: 'c',
        image: 'i',
        env: [{ name: 'E', valueFrom: { configMapKeyRef: { name: 'env-map', key: 'k' } } }],
      },
    ],
  })
  await makePod('theirs', 'b', { volumes: [{ name: 'v', secret: { secretName: 'free-secret' } }] })
  for (const name of ['a', 'b'])
    await admin('POST', '/api/v1/nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels: { 'node-restriction.kubernetes.io/zone': 'x' } },
      spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] },
    })
})
afterAll(() => api.close())

async function admin(method: string, path: string, body: object): Promise<void> {
  const reply = await ask(api, path, { method, body })
  if (reply.code >= 300) throw new Error(reply.text)
}

async function makePod(name: string, nodeName: string, spec: object): Promise<void> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: 'x' } },
    spec: { nodeName, containers: [{ name: 'c', image: 'i' }], ...spec },
  }
  await api.client.create(Kinds.Pod, pod as never)
}

/** The request as node `a` makes it. */
function asNode(path: string, question: Question = {}): Promise<Reply> {
  return ask(api, path, { ...question, as: node })
}

async function codeOf(path: string, question: Question = {}): Promise<number> {
  return (await asNode(path, question)).code
}

describe('a node may read', () => {
  it.each([
    '/api/v1/nodes/a',
    '/api/v1/nodes?fieldSelector=metadata.name%3Da',
    '/api/v1/nodes',
    '/api/v1/nodes/b',
    '/api/v1/services',
    '/apis/discovery.k8s.io/v1/endpointslices',
    '/apis/networking.k8s.io/v1/ingresses',
    '/apis/networking.k8s.io/v1/ingressclasses',
    '/apis/bowline.dev/v1alpha1/policyendpoints',
    '/api/v1/pods?fieldSelector=spec.nodeName%3Da',
    `${NS}/pods?fieldSelector=spec.nodeName%3Da,status.phase!%3DFailed`,
    '/api/v1/pods?fieldSelector=spec.nodeName%3Da&watch=1&timeoutSeconds=1',
    `${NS}/pods/mine`,
    `${NS}/secrets/used-secret`,
    `${NS}/secrets/env-secret`,
    `${NS}/secrets/pull-secret`,
    `${NS}/configmaps/used-map`,
    `${NS}/configmaps/env-map`,
    `${NS}/persistentvolumeclaims/used-claim`,
    `${NS}/persistentvolumeclaims?fieldSelector=metadata.name%3Dused-claim&watch=1&timeoutSeconds=1`,
    '/api/v1/persistentvolumes/used-volume',
    `${NS}/secrets?fieldSelector=metadata.name%3Dused-secret`,
    `${NS}/secrets?fieldSelector=metadata.name%3Dused-secret&watch=1&timeoutSeconds=1`,
  ])('%s', async path => expect(await codeOf(path)).toBe(200))
})

describe('a node may not read', () => {
  it.each([
    '/api/v1/pods',
    '/api/v1/pods?fieldSelector=spec.nodeName%3Db',
    '/api/v1/pods?fieldSelector=spec.nodeName!%3Da',
    '/api/v1/pods?fieldSelector=spec.nodeName%3D',
    '/api/v1/pods?watch=1&timeoutSeconds=1',
    `${NS}/pods/theirs`,
    `${NS}/pods/none`,
    `${NS}/secrets`,
    '/api/v1/secrets',
    '/api/v1/secrets?fieldSelector=metadata.name%3Dused-secret',
    `${NS}/secrets/free-secret`,
    `${NS}/secrets/used-map`,
    '/api/v1/namespaces/kube-system/secrets/used-secret',
    `${NS}/secrets?fieldSelector=metadata.name!%3Dused-secret`,
    `${NS}/secrets?fieldSelector=metadata.name%3Dfree-secret&watch=1&timeoutSeconds=1`,
    `${NS}/configmaps/free-map`,
    `${NS}/persistentvolumeclaims`,
    `${NS}/persistentvolumeclaims/free-claim`,
    '/api/v1/persistentvolumes',
    '/api/v1/persistentvolumes/free-volume',
    '/apis/storage.k8s.io/v1/storageclasses',
    '/api/v1/namespaces',
    '/apis/apps/v1/deployments',
    '/apis/bowline.dev/v1alpha1/records',
    `${LEASES}/b`,
    LEASES,
    '/apis/coordination.k8s.io/v1/namespaces/default/leases/a',
    REQUESTS,
    '/api/v1/events',
  ])('%s', async path => expect(await codeOf(path)).toBe(403))

  it('a Secret any longer once the pod that refers to it is gone', async () => {
    await admin('POST', `${NS}/secrets`, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'passing' } })
    expect(await codeOf(`${NS}/secrets/passing`)).toBe(403)
    await makePod('passing', 'a', { volumes: [{ name: 'v', secret: { secretName: 'passing' } }] })
    expect(await codeOf(`${NS}/secrets/passing`)).toBe(200)
    await api.client.delete(Kinds.Pod, 'passing', { namespace: 'default', gracePeriodSeconds: 0 })
    expect(await codeOf(`${NS}/secrets/passing`)).toBe(403)
  })
})

describe('a node reads the certificates of ingresses', () => {
  const INGRESSES = '/apis/networking.k8s.io/v1/namespaces/default/ingresses'

  async function makeIngress(name: string, secretName: string, spec: object = {}): Promise<void> {
    const backend = { service: { name: 'web', port: { number: 80 } } }
    await admin('POST', INGRESSES, {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name },
      spec: { defaultBackend: backend, tls: [{ hosts: [`${name}.test`], secretName }], ...spec },
    })
    await admin('POST', `${NS}/secrets`, { apiVersion: 'v1', kind: 'Secret', metadata: { name: secretName } })
  }

  it('that the agents serve, by name, as long as there is the ingress', async () => {
    await makeIngress('shop', 'shop-tls')
    expect(await codeOf(`${NS}/secrets/shop-tls`)).toBe(200)
    expect(await codeOf(`${NS}/secrets?fieldSelector=metadata.name%3Dshop-tls`)).toBe(200)
    expect(await codeOf(`${NS}/configmaps/shop-tls`)).toBe(403)
    expect(await codeOf('/api/v1/namespaces/kube-system/secrets/shop-tls')).toBe(403)
    expect(await codeOf(`${NS}/secrets/shop-tls`, { method: 'DELETE' })).toBe(403)
    await api.client.delete(Kinds.Ingress, 'shop', { namespace: 'default' })
    expect(await codeOf(`${NS}/secrets/shop-tls`)).toBe(403)
  })

  it('and not those of a class that another controller serves', async () => {
    await makeIngress('foreign', 'foreign-tls', { ingressClassName: 'nginx' })
    expect(await codeOf(`${NS}/secrets/foreign-tls`)).toBe(403)
  })

  it('and what it has to answer an ACME authority', async () => {
    const challenges = '/api/v1/namespaces/kube-system/configmaps'
    expect(await codeOf(`${challenges}/bowline-acme-challenges`)).toBe(404)
    expect(await codeOf(`${challenges}/another`)).toBe(403)
    expect(await codeOf(`${NS}/configmaps/bowline-acme-challenges`)).toBe(403)
  })
})

describe('a node may write', () => {
  it('its own Node, status, lease and events', async () => {
    expect(
      await codeOf('/api/v1/nodes/a', {
        method: 'PATCH',
        headers: MERGE,
        body: '{"metadata":{"labels":{"rack":"1","kubernetes.io/hostname":"a"}}}',
      }),
    ).toBe(200)
    expect(
      await codeOf('/api/v1/nodes/a/status', {
        method: 'PATCH',
        headers: MERGE,
        body: '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}',
      }),
    ).toBe(200)
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'a' },
      spec: { holderIdentity: 'a' },
    }
    expect(await codeOf(LEASES, { method: 'POST', body: lease })).toBe(201)
    expect(
      await codeOf(`${LEASES}/a`, {
        method: 'PATCH',
        headers: MERGE,
        body: '{"spec":{"leaseDurationSeconds":40}}',
      }),
    ).toBe(200)
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'e', namespace: 'default' },
      involvedObject: { kind: 'Pod', name: 'mine', namespace: 'default' },
      reason: 'Started',
      type: 'Normal',
    }
    expect(await codeOf(`${NS}/events`, { method: 'POST', body: event })).toBe(201)
    expect(await codeOf(`${NS}/events/e`, { method: 'PATCH', headers: MERGE, body: '{"count":2}' })).toBe(200)
  })

  it('the status of its own pods, and delete them; what is gone is 404 and not 403', async () => {
    await makePod('ending', 'a', {})
    expect(
      await codeOf(`${NS}/pods/ending/status`, {
        method: 'PATCH',
        headers: MERGE,
        body: '{"status":{"phase":"Running"}}',
      }),
    ).toBe(200)
    expect(await codeOf(`${NS}/pods/ending`, { method: 'DELETE', body: { gracePeriodSeconds: 0 } })).toBe(200)
    expect(await codeOf(`${NS}/pods/ending`, { method: 'DELETE' })).toBe(404)
  })
})

describe('a node may not write', () => {
  const pod: KubeObject = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'new' } }
  it.each<[string, string, Question]>([
    [
      'the Node of another',
      '/api/v1/nodes/b',
      { method: 'PATCH', headers: MERGE, body: '{"metadata":{"labels":{"x":"y"}}}' },
    ],
    [
      'the status of the Node of another',
      '/api/v1/nodes/b/status',
      { method: 'PATCH', headers: MERGE, body: '{"status":{}}' },
    ],
    [
      'a Node of another name',
      '/api/v1/nodes',
      { method: 'POST', body: { apiVersion: 'v1', kind: 'Node', metadata: { name: 'c' } } },
    ],
    [
      'a label that keeps nodes apart by trust',
      '/api/v1/nodes/a',
      {
        method: 'PATCH',
        headers: MERGE,
        body: '{"metadata":{"labels":{"node-restriction.kubernetes.io/zone":"y"}}}',
      },
    ],
    [
      'the removal of such a label',
      '/api/v1/nodes/a',
      {
        method: 'PATCH',
        headers: MERGE,
        body: '{"metadata":{"labels":{"node-restriction.kubernetes.io/zone":null}}}',
      },
    ],
    [
      "a label of Kubernetes' own that kubelets do not set",
      '/api/v1/nodes/a',
      {
        method: 'PATCH',
        headers: MERGE,
        body: '{"metadata":{"labels":{"node-role.kubernetes.io/control-plane":""}}}',
      },
    ],
    [
      'the range of its pods',
      '/api/v1/nodes/a',
      { method: 'PATCH', headers: MERGE, body: '{"spec":{"podCIDR":"10.42.9.0/24"}}' },
    ],
    [
      'its finalizers, by which it would outlast its removal',
      '/api/v1/nodes/a',
      { method: 'PATCH', headers: MERGE, body: '{"metadata":{"finalizers":["example.com/held"]}}' },
    ],
    [
      'its finalizers, by its status',
      '/api/v1/nodes/a/status',
      { method: 'PATCH', headers: MERGE, body: '{"metadata":{"finalizers":["example.com/held"]}}' },
    ],
    ['its taints', '/api/v1/nodes/a', { method: 'PATCH', headers: MERGE, body: '{"spec":{"taints":null}}' }],
    ['the deletion of its Node', '/api/v1/nodes/a', { method: 'DELETE' }],
    [
      'the spec of its pod',
      `${NS}/pods/mine`,
      { method: 'PATCH', headers: MERGE, body: '{"metadata":{"labels":{"x":"y"}}}' },
    ],
    [
      'labels by way of the status',
      `${NS}/pods/mine/status`,
      { method: 'PATCH', headers: MERGE, body: '{"metadata":{"labels":{"x":"y"}}}' },
    ],
    [
      'the status of a pod elsewhere',
      `${NS}/pods/theirs/status`,
      { method: 'PATCH', headers: MERGE, body: '{"status":{"phase":"Failed"}}' },
    ],
    ['the deletion of a pod elsewhere', `${NS}/pods/theirs`, { method: 'DELETE' }],
    ['the deletion of many pods', `${NS}/pods`, { method: 'DELETE' }],
    [
      'a new pod',
      `${NS}/pods`,
      { method: 'POST', body: { ...pod, spec: { nodeName: 'a', containers: [{ name: 'c', image: 'i' }] } } },
    ],
    [
      'a binding',
      `${NS}/pods/mine/binding`,
      {
        method: 'POST',
        body: { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'mine' }, target: { name: 'a' } },
      },
    ],
    [
      'the lease of another',
      LEASES,
      {
        method: 'POST',
        body: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'b' } },
      },
    ],
    [
      'a claim',
      `${NS}/persistentvolumeclaims/used-claim`,
      { method: 'PATCH', headers: MERGE, body: '{"metadata":{"labels":{"a":"b"}}}' },
    ],
    ['a volume', '/api/v1/persistentvolumes/used-volume', { method: 'DELETE' }],
    ['a Secret', `${NS}/secrets/used-secret`, { method: 'PATCH', headers: MERGE, body: '{"data":{}}' }],
    ['the deletion of an event', `${NS}/events/e`, { method: 'DELETE' }],
  ])('%s', async (_what, path, question) => {
    expect(await codeOf(path, question)).toBe(403)
  })
})
