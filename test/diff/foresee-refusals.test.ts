import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deepFreeze } from '../../src/base/index.ts'
import { assemblePlan } from '../../src/diff/index.ts'
import { findKind, type Kind, type KubeObject, type ObjectRef, StatusError } from '../../src/kube/index.ts'
import { startTestApi, type TestApi } from '../cluster/api/test-api.ts'

type Body = { readonly [field: string]: unknown }

const labels = { app: 'web' }
const container = { name: 'web', image: 'web:1' }
const template = (image = 'web:1', app = 'web'): Body => ({
  metadata: { labels: { app } },
  spec: { containers: [{ ...container, image }] },
})
const runsOnce = (image: string): Body => ({
  spec: { restartPolicy: 'Never', containers: [{ ...container, image }] },
})
const workload = (image = 'web:1', app = 'web', more: Body = {}): Body => ({
  spec: { selector: { matchLabels: { app } }, template: template(image, app), ...more },
})
const service = (spec: Body = {}): Body => ({ spec: { selector: labels, ports: [{ port: 80 }], ...spec } })
const claim = (accessMode: string, storage = '1Gi'): Body => ({
  spec: { accessModes: [accessMode], resources: { requests: { storage } } },
})
const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' }]
const roleRef = (name: string): Body => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name })

/** What an object was, and what Git makes of it. */
const CASES: readonly (readonly [
  what: string,
  apiVersion: string,
  kind: string,
  before: Body,
  after: Body,
])[] = [
  ['another selector', 'apps/v1', 'Deployment', workload(), workload('web:1', 'other')],
  ['another selector', 'apps/v1', 'DaemonSet', workload(), workload('web:1', 'other')],
  [
    'another service',
    'apps/v1',
    'StatefulSet',
    workload('web:1', 'web', { serviceName: 'a' }),
    workload('web:1', 'web', { serviceName: 'b' }),
  ],
  ['another image', 'apps/v1', 'StatefulSet', workload(), workload('web:2')],
  ['another image', 'apps/v1', 'Deployment', workload(), workload('web:2')],
  ['another address', 'v1', 'Service', service(), service({ clusterIP: '10.96.7.7' })],
  ['none instead of an address', 'v1', 'Service', service(), service({ clusterIP: 'None' })],
  ['another type', 'v1', 'Service', service(), service({ type: 'NodePort' })],
  [
    'a name elsewhere',
    'v1',
    'Service',
    service(),
    service({ type: 'ExternalName', externalName: 'example.com' }),
  ],
  [
    'a port of nodes less',
    'v1',
    'Service',
    service({ type: 'LoadBalancer' }),
    service({ type: 'ClusterIP' }),
  ],
  ['another access mode', 'v1', 'PersistentVolumeClaim', claim('ReadWriteOnce'), claim('ReadWriteMany')],
  [
    'less storage',
    'v1',
    'PersistentVolumeClaim',
    claim('ReadWriteOnce', '2Gi'),
    claim('ReadWriteOnce', '1Gi'),
  ],
  [
    'another image',
    'batch/v1',
    'Job',
    { spec: { template: runsOnce('web:1') } },
    { spec: { template: runsOnce('web:2') } },
  ],
  [
    'more at a time',
    'batch/v1',
    'Job',
    { spec: { template: runsOnce('web:1') } },
    { spec: { parallelism: 2, template: runsOnce('web:1') } },
  ],
  [
    'another image',
    'v1',
    'Pod',
    { spec: { containers: [container] } },
    { spec: { containers: [{ ...container, image: 'web:2' }] } },
  ],
  [
    'another command',
    'v1',
    'Pod',
    { spec: { containers: [container] } },
    { spec: { containers: [{ ...container, command: ['sh'] }] } },
  ],
  [
    'other data of an immutable one',
    'v1',
    'ConfigMap',
    { immutable: true, data: { key: 'a' } },
    { immutable: true, data: { key: 'b' } },
  ],
  [
    'an end to being immutable',
    'v1',
    'ConfigMap',
    { immutable: true, data: { key: 'a' } },
    { immutable: false, data: { key: 'a' } },
  ],
  [
    'immutable from now on',
    'v1',
    'ConfigMap',
    { data: { key: 'a' } },
    { immutable: true, data: { key: 'b' } },
  ],
  [
    'other data of an immutable one',
    'v1',
    'Secret',
    { immutable: true, stringData: { key: 'a' } },
    { immutable: true, stringData: { key: 'b' } },
  ],
  [
    'another type',
    'v1',
    'Secret',
    { type: 'a', stringData: { key: 'a' } },
    { type: 'b', stringData: { key: 'a' } },
  ],
  [
    'another role',
    'rbac.authorization.k8s.io/v1',
    'RoleBinding',
    { subjects, roleRef: roleRef('a') },
    { subjects, roleRef: roleRef('b') },
  ],
  [
    'other parameters',
    'storage.k8s.io/v1',
    'StorageClass',
    { provisioner: 'a', parameters: { x: '1' } },
    { provisioner: 'a', parameters: { x: '2' } },
  ],
  ['another value', 'scheduling.k8s.io/v1', 'PriorityClass', { value: 1 }, { value: 2 }],
]

/** Those that the API takes. */
const TAKEN: ReadonlySet<string> = new Set([
  'another image of StatefulSet',
  'another image of Deployment',
  'another image of Pod',
  'another type of Service',
  'a name elsewhere of Service',
  'a port of nodes less of Service',
  'more at a time of Job',
  'immutable from now on of ConfigMap',
])

describe('assemblePlan(): what the API would refuse', () => {
  let api: TestApi

  beforeAll(async () => {
    api = await startTestApi()
  })

  afterAll(() => api.close())

  it.each(CASES)('foresees what becomes of %s of %s %s', async (what, apiVersion, kind, before, after) => {
    const handle = findKind(apiVersion, kind) as Kind
    const name = `${kind.toLowerCase()}-${what.replaceAll(' ', '-')}`
    const place = handle.namespaced ? { namespace: 'default' } : {}
    const object = (body: Body): KubeObject =>
      deepFreeze({ apiVersion, kind, metadata: { name, ...place }, ...structuredClone(body) }) as KubeObject
    const apply = (body: Body): Promise<KubeObject> =>
      api.client.patch(
        handle,
        name,
        { type: 'apply', force: true, body: object(body) },
        { ...place, fieldManager: 'bowline' },
      )
    const live = await apply(before)
    const ref: ObjectRef = { apiVersion, kind, name, ...place }
    const source = { file: 'app.yaml', line: 1, column: 1 }
    const { changes } = assemblePlan({
      ...{ app: 'shop', revision: 'a1b2c3d', live: () => live, allowDelete: 0, manager: 'bowline' },
      desired: [{ object: object(after), source }],
      inventory: [{ ref, source }],
      busyNamespaces: () => false,
      holdsClaims: () => false,
      ownsClaims: () => false,
    })
    expect(changes).toMatchObject([{ action: 'configure' }])
    const foreseen = changes[0]?.refusals?.map(({ path, message }) => `${path}: ${message}`) ?? []
    expect(foreseen).toEqual(await refusals(() => apply(after)))
    expect(foreseen.length === 0).toBe(TAKEN.has(`${what} of ${kind}`))
  })
})

async function refusals(write: () => Promise<unknown>): Promise<readonly string[]> {
  try {
    await write()
    return []
  } catch (error) {
    if (!(error instanceof StatusError) || error.reason !== 'Invalid') throw error
    return (error.details.causes ?? []).map(({ field, message }) => `${field}: ${message}`)
  }
}
