import { afterEach, beforeEach, expect, it } from 'vitest'
import { silentLogger, systemClock, systemIds } from '../../../src/base/index.ts'
import { type Client, Informers, ifFound } from '../../../src/client/index.ts'
import { AccountTokenController, startControllers } from '../../../src/cluster/controllers/index.ts'
import { Kinds, type KubeObject, type ResourceQuota, type Secret } from '../../../src/kube/index.ts'
import { type Authority, createAuthority } from '../../../src/pki/index.ts'
import { eventually } from '../../base/eventually.ts'
import { startTestApi, type TestApi } from '../api/test-api.ts'
import { MemoryVolumeHosts } from './volumes/memory-volume-hosts.ts'

// After a start, the objects that are there already are made only where somebody looks at them: who looks must not miss one.

const namespace = 'default'
let api: TestApi
let authority: Authority
let stop: AbortController
let running: Promise<unknown>

beforeEach(async () => {
  api = await startTestApi()
  authority = await createAuthority(systemClock)
  stop = new AbortController()
  running = Promise.resolve()
})
afterEach(async () => {
  stop.abort()
  await running
  await api.close()
})

/** Restarts the API, and only then are there controllers. */
async function restart(): Promise<Client> {
  await api.restart()
  const { client } = api
  const parts = { client, clock: systemClock, ids: systemIds, log: silentLogger }
  const context = { ...parts, informers: new Informers(parts) }
  running = Promise.all([
    startControllers({ ...context, volumeHosts: new MemoryVolumeHosts() }).start(stop.signal),
    new AccountTokenController(context, authority).start(stop.signal),
    context.informers.start(stop.signal),
  ])
  return client
}

async function configMap(name: string, metadata: Partial<KubeObject['metadata']> = {}): Promise<KubeObject> {
  return api.client.create(Kinds.ConfigMap, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, ...metadata },
  })
}

it('collects what lost its owner while nothing ran, and keeps the rest', async () => {
  const owner = await configMap('owner')
  const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner' }
  await configMap('owned', { ownerReferences: [{ ...reference, uid: owner.metadata.uid ?? '' }] })
  await configMap('orphan', { ownerReferences: [{ ...reference, uid: 'u-1' }] })
  await configMap('plain')
  const client = await restart()
  const find = (name: string) => ifFound(client.get(Kinds.ConfigMap, name, { namespace }))
  await eventually('no orphan', async () => (await find('orphan')) === undefined)
  for (const name of ['owner', 'owned', 'plain']) expect(await find(name)).toBeDefined()
  await client.delete(Kinds.ConfigMap, 'owner', { namespace, propagationPolicy: 'Background' })
  await eventually('nothing owned', async () => (await find('owned')) === undefined)
  expect(await find('plain')).toBeDefined()
})

it('ends a deletion that waited for its dependents when everything stopped', async () => {
  const owner = await configMap('owner')
  const uid = owner.metadata.uid ?? ''
  const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid, blockOwnerDeletion: true }
  await configMap('dependent', { ownerReferences: [reference] })
  await api.client.delete(Kinds.ConfigMap, 'owner', { namespace, propagationPolicy: 'Foreground' })
  const client = await restart()
  for (const name of ['dependent', 'owner'])
    await eventually(
      `no ${name}`,
      async () => (await ifFound(client.get(Kinds.ConfigMap, name, { namespace }))) === undefined,
    )
})

it('counts for a quota what was there before, and what comes', async () => {
  await configMap('first')
  const quota: ResourceQuota = {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'few', namespace },
    spec: { hard: { 'count/configmaps': '9', 'count/secrets': '9' } },
  }
  await api.client.create(Kinds.ResourceQuota, quota)
  const client = await restart()
  const used = async () => (await client.get(Kinds.ResourceQuota, 'few', { namespace })).status?.used
  const there = (await client.list(Kinds.ConfigMap, { namespace })).items.length
  await eventually('all to be counted', async () => (await used())?.['count/configmaps'] === String(there))
  await configMap('second')
  await eventually('one more', async () => (await used())?.['count/configmaps'] === String(there + 1))
})

it('takes away what holds a token of an account that went while nothing ran', async () => {
  const secret: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/service-account-token',
    metadata: {
      name: 'token',
      namespace,
      annotations: {
        'kubernetes.io/service-account.name': 'robot',
        'kubernetes.io/service-account.uid': 'u-1',
      },
    },
  }
  await api.client.create(Kinds.Secret, secret)
  await api.client.create(Kinds.Secret, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'plain', namespace },
  })
  const client = await restart()
  const find = (name: string) => ifFound(client.get(Kinds.Secret, name, { namespace }))
  await eventually('no token without its account', async () => (await find('token')) === undefined)
  expect(await find('plain')).toBeDefined()
})
