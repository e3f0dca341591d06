import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  Kinds,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  type PodSpec,
} from '../../../../src/kube/index.ts'
import { until } from '../../../agents/support/test-agent.ts'
import { startTestCluster, type TestCluster } from '../test-cluster.ts'
import { claim, fresh, storageClass, volume } from './build.ts'

const NAMESPACE = { namespace: 'default' }

let cluster: TestCluster

beforeEach(async () => {
  cluster = await startTestCluster()
})
afterEach(() => cluster.close())

function createClaim(
  name: string,
  spec: Parameters<typeof claim>[1] = {},
  metadata: object = {},
): Promise<PersistentVolumeClaim> {
  return cluster.client.create(Kinds.PersistentVolumeClaim, fresh(claim(name, spec, { metadata })), NAMESPACE)
}

function createVolume(name: string, spec: Parameters<typeof volume>[1] = {}): Promise<PersistentVolume> {
  return cluster.client.create(Kinds.PersistentVolume, fresh(volume(name, spec)))
}

function createPod(name: string, claims: readonly string[], spec: Partial<PodSpec> = {}): Promise<Pod> {
  return cluster.client.create(
    Kinds.Pod,
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: {
        containers: [{ name: 'app', image: 'app' }],
        volumes: claims.map(claimName => ({ name: claimName, persistentVolumeClaim: { claimName } })),
        ...spec,
      },
    },
    NAMESPACE,
  )
}

const getClaim = (name: string) => cluster.client.get(Kinds.PersistentVolumeClaim, name, NAMESPACE)
const getVolume = (name: string) => cluster.client.get(Kinds.PersistentVolume, name)
const getPod = (name: string) => cluster.client.get(Kinds.Pod, name, NAMESPACE)

async function isGone(read: Promise<unknown>): Promise<boolean> {
  return read.then(
    () => false,
    error => (error as { reason?: string }).reason === 'NotFound',
  )
}

const claimIn = (name: string, phase: string) =>
  until(`claim ${name} is ${phase}`, async () => {
    const found = await getClaim(name)
    return found.status?.phase === phase ? found : undefined
  })

const volumeIn = (name: string, phase: string) =>
  until(`volume ${name} is ${phase}`, async () => {
    const found = await getVolume(name)
    return found.status?.phase === phase ? found : undefined
  })

const running = (name: string) =>
  until(`pod ${name} runs`, async () => {
    const pod = await getPod(name)
    return pod.status?.phase === 'Running' ? pod : undefined
  })

const waiting = (name: string, text: string) =>
  until(`pod ${name} waits: ${text}`, async () => {
    const { conditions = [] } = (await getPod(name)).status ?? {}
    return conditions.some(({ type, message }) => type === 'PodScheduled' && message?.includes(text))
  })

const reasonsOf = async (name: string) =>
  (await cluster.client.list(Kinds.Event, NAMESPACE)).items
    .filter(({ involvedObject }) => involvedObject?.name === name)
    .map(({ reason }) => reason)

const messageOf = async (name: string, reason: string) =>
  (await cluster.client.list(Kinds.Event, NAMESPACE)).items.find(
    event => event.involvedObject?.name === name && event.reason === reason,
  )?.message

describe('VolumeBinder', () => {
  it('binds a claim and a volume on both sides, with capacity and modes', async () => {
    await createVolume('large', { capacity: { storage: '9Gi' } })
    await createVolume('small', { capacity: { storage: '2Gi' } })
    await volumeIn('small', 'Available')
    await volumeIn('large', 'Available')
    await createClaim('data', { storageClassName: '' })
    const bound = await claimIn('data', 'Bound')
    expect(bound.spec?.volumeName).toBe('small')
    expect(bound.status).toEqual({
      phase: 'Bound',
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '2Gi' },
    })
    const { spec } = await volumeIn('small', 'Bound')
    expect(spec?.claimRef).toMatchObject({ namespace: 'default', name: 'data', uid: bound.metadata.uid })
    expect((await getVolume('large')).status?.phase).toBe('Available')
  })

  it('goes on with a binding that was cut off after its first half', async () => {
    await createClaim('data', { storageClassName: '' })
    const { metadata } = await claimIn('data', 'Pending')
    await createVolume('half', {
      claimRef: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        ...NAMESPACE,
        name: 'data',
        uid: metadata.uid!,
      },
    })
    expect((await claimIn('data', 'Bound')).spec?.volumeName).toBe('half')
  })

  it('gives a claim without a class the default one, and takes `` for none', async () => {
    await createClaim('any', {})
    await createClaim('none', { storageClassName: '' })
    expect((await getClaim('any')).spec?.storageClassName).toBe('local')
    expect((await getClaim('none')).spec?.storageClassName).toBe('')
  })

  it('makes a folder on the host of the first pod, and keeps its pods there', async () => {
    for (const name of ['host-1', 'host-2', 'host-3']) await cluster.addNode(name)
    await createClaim('data')
    await until('the claim says what it waits for', async () =>
      (await reasonsOf('data')).includes('WaitForFirstConsumer'),
    )
    await createPod('first', ['data'])
    const node = (await running('first')).spec?.nodeName ?? ''
    const bound = await claimIn('data', 'Bound')
    const name = bound.spec?.volumeName ?? ''
    expect([...cluster.volumeHosts.folders.keys()]).toEqual([`${node}/${name}`])
    expect((await getVolume(name)).spec).toMatchObject({
      csi: { driver: 'local.bowline.dev', volumeHandle: name, volumeAttributes: { node } },
      persistentVolumeReclaimPolicy: 'Retain',
    })
    // Fuller than the others by far, and still the only one.
    await createPod('second', ['data'])
    expect((await running('second')).spec?.nodeName).toBe(node)
    cluster.loseNode(node)
    await cluster.client.patch(Kinds.Node, node, { type: 'merge', body: { spec: { unschedulable: true } } })
    await createPod('third', ['data'])
    await waiting(
      'third',
      `The pod waits for host ${node}, which is cordoned: the data of its claim "data" is there.`,
    )
    await waiting('third', '2 node(s) had volume node affinity conflict')
  })

  it('says that a claim waits which is larger than its host, and makes nothing', async () => {
    await cluster.addNode('host-1')
    cluster.volumeHosts.room.set('host-1', 2 ** 30)
    await createClaim('huge', { resources: { requests: { storage: '2Gi' } } })
    await createPod('first', ['huge'])
    await until('the claim says why', async () =>
      (await messageOf('huge', 'ProvisioningFailed'))?.includes('in all'),
    )
    expect((await getClaim('huge')).status?.phase).toBe('Pending')
    expect(cluster.volumeHosts.folders.size).toBe(0)
  })

  it('lets a claim of folders grow as far as its host could hold, and never shrink', async () => {
    await cluster.addNode('host-1')
    cluster.volumeHosts.room.set('host-1', 4 * 2 ** 30)
    await createClaim('data', { resources: { requests: { storage: '1Gi' } } })
    await createPod('first', ['data'])
    const { spec } = await claimIn('data', 'Bound')
    const request = (storage: string) =>
      cluster.client.patch(
        Kinds.PersistentVolumeClaim,
        'data',
        { type: 'merge', body: { spec: { resources: { requests: { storage } } } } },
        NAMESPACE,
      )
    await request('3Gi')
    await until('it has grown', async () => (await getClaim('data')).status?.capacity?.storage === '3Gi')
    expect((await getVolume(spec?.volumeName ?? '')).spec?.capacity).toEqual({ storage: '3Gi' })
    await expect(request('2Gi')).rejects.toThrow('field can not be less than status.capacity')
    await request('9Gi')
    await until('it says why not', async () =>
      (await messageOf('data', 'VolumeResizeFailed'))?.includes('in all'),
    )
    expect((await getClaim('data')).status).toMatchObject({ phase: 'Bound', capacity: { storage: '3Gi' } })
  })

  it('spreads pods that come at once, each with a claim of its own', async () => {
    for (const name of ['host-1', 'host-2', 'host-3']) await cluster.addNode(name)
    const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'db', controller: true }
    for (const index of [0, 1, 2]) await createClaim(`data-${index}`)
    for (const index of [0, 1, 2])
      await cluster.client.create(
        Kinds.Pod,
        {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: `db-${index}`, ownerReferences: [owner], finalizers: ['test/keep'] },
          spec: {
            containers: [{ name: 'app', image: 'app' }],
            volumes: [{ name: 'data', persistentVolumeClaim: { claimName: `data-${index}` } }],
          },
        },
        NAMESPACE,
      )
    // The garbage collector removes what has no owner; the finalizer keeps it long enough to be looked at.
    const hosts = await Promise.all(
      [0, 1, 2].map(index =>
        until(
          `db-${index} has a host`,
          async () => (await claimIn(`data-${index}`, 'Bound')).spec?.volumeName,
        ).then(async name => (await getVolume(name)).spec?.csi?.volumeAttributes?.node),
      ),
    )
    expect([...new Set(hosts)].sort()).toEqual(['host-1', 'host-2', 'host-3'])
  })

  it('waits for a host that cannot be reached, and lets another be chosen when it is removed', async () => {
    await cluster.addNode('host-1')
    cluster.volumeHosts.away.add('host-1')
    await createClaim('data')
    await createPod('app', ['data'])
    await until('the claim says that it waits', async () =>
      (await reasonsOf('data')).includes('ProvisioningFailed'),
    )
    expect((await getClaim('data')).status?.phase).toBe('Pending')
    await cluster.addNode('host-2')
    await cluster.client.delete(Kinds.Node, 'host-1')
    await cluster.client.patch(
      Kinds.PersistentVolumeClaim,
      'data',
      { type: 'merge', body: { metadata: { labels: { touched: 'yes' } } } },
      NAMESPACE,
    )
    expect((await running('app')).spec?.nodeName).toBe('host-2')
  })

  it('lets another host be chosen when the first is lost before it made anything', async () => {
    await cluster.addNode('host-1')
    cluster.volumeHosts.away.add('host-1')
    await createClaim('data')
    await createPod('app', ['data'])
    await until('the claim says that it waits', async () =>
      (await reasonsOf('data')).includes('ProvisioningFailed'),
    )
    await cluster.addNode('host-2')
    const body = { status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } }
    await cluster.client.patch(Kinds.Node, 'host-1', { type: 'strategic', body }, { subresource: 'status' })
    await until('the claim is looked at again', async () => {
      const touch = { metadata: { labels: { touched: String(Math.random()) } } }
      await cluster.client.patch(
        Kinds.PersistentVolumeClaim,
        'data',
        { type: 'merge', body: touch },
        NAMESPACE,
      )
      return (await getPod('app')).spec?.nodeName === 'host-2'
    })
    await running('app')
  })

  it('lets the scheduler choose a volume that is there before one is made', async () => {
    await cluster.addNode('host-1')
    await cluster.addNode('host-2')
    await cluster.client.create(
      Kinds.StorageClass,
      storageClass('disks', { provisioner: 'kubernetes.io/no-provisioner' }),
    )
    await createVolume('disk', {
      storageClassName: 'disks',
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['host-2'] }] },
          ],
        },
      },
    })
    await volumeIn('disk', 'Available')
    await createClaim('data', { storageClassName: 'disks' })
    await createPod('app', ['data'])
    expect((await running('app')).spec?.nodeName).toBe('host-2')
    expect((await getClaim('data')).spec?.volumeName).toBe('disk')
    await createClaim('more', { storageClassName: 'disks' })
    await createPod('late', ['more'])
    await waiting('late', "2 node(s) didn't find available persistent volumes to bind")
  })

  it.each([
    ['is not there', async () => {}, 'persistentvolumeclaim "data" not found'],
    [
      'has no volume',
      async () => void (await createClaim('data', { storageClassName: '' })),
      'pod has unbound immediate PersistentVolumeClaims',
    ],
    [
      'is held',
      async () =>
        void (await createClaim('data', {}, { annotations: { 'volume.bowline.dev/held': 'it moves' } })),
      'persistentvolumeclaim "data" is held: it moves',
    ],
  ])('a pod waits, and says why, while its claim %s', async (_, prepare, message) => {
    await cluster.addNode('host-1')
    await prepare()
    await createPod('app', ['data'])
    await waiting('app', `0/1 nodes are available: ${message}.`)
  })

  it('starts a pod as soon as its claim is no longer held', async () => {
    await cluster.addNode('host-1')
    await createClaim('data', {}, { annotations: { 'volume.bowline.dev/held': 'it moves' } })
    await createPod('app', ['data'])
    await waiting('app', 'it moves')
    const body = { metadata: { annotations: { 'volume.bowline.dev/held': null } } }
    await cluster.client.patch(Kinds.PersistentVolumeClaim, 'data', { type: 'merge', body }, NAMESPACE)
    await running('app')
  })

  it('gives a ReadWriteOncePod claim to one pod at a time', async () => {
    await cluster.addNode('host-1')
    await createClaim('data', { accessModes: ['ReadWriteOncePod'] })
    await createPod('first', ['data'])
    await running('first')
    await createPod('second', ['data'])
    await waiting('second', 'ReadWriteOncePod access mode')
    await cluster.client.delete(Kinds.Pod, 'first', { ...NAMESPACE, gracePeriodSeconds: 0 })
    await running('second')
  })

  it('keeps a claim while a pod uses it, and a volume while it is bound', async () => {
    await cluster.addNode('host-1')
    await createClaim('data')
    await createPod('app', ['data'])
    await running('app')
    const name = (await getClaim('data')).spec?.volumeName ?? ''
    await cluster.client.delete(Kinds.PersistentVolume, name)
    await cluster.client.delete(Kinds.PersistentVolumeClaim, 'data', NAMESPACE)
    expect((await getClaim('data')).metadata.deletionTimestamp).toBeDefined()
    expect((await getVolume(name)).metadata.finalizers).toContain('kubernetes.io/pv-protection')
    await cluster.client.delete(Kinds.Pod, 'app', NAMESPACE)
    await until(
      'both are gone',
      async () => (await isGone(getClaim('data'))) && (await isGone(getVolume(name))),
    )
    // The policy of the class says so: whoever deletes the objects has not deleted the data.
    expect(cluster.volumeHosts.trash).toEqual([])
    expect([...cluster.volumeHosts.folders.keys()]).toEqual([`host-1/${name}`])
  })

  it('Retain leaves a released volume and its folder as they are', async () => {
    await cluster.addNode('host-1')
    await createClaim('data')
    await createPod('app', ['data'])
    const { spec } = await claimIn('data', 'Bound')
    await cluster.client.delete(Kinds.Pod, 'app', { ...NAMESPACE, gracePeriodSeconds: 0 })
    await cluster.client.delete(Kinds.PersistentVolumeClaim, 'data', NAMESPACE)
    await volumeIn(spec?.volumeName ?? '', 'Released')
    expect(cluster.volumeHosts.trash).toEqual([])
    // A new claim of the name is another claim: it gets a volume of its own.
    await createClaim('data')
    await createPod('again', ['data'])
    expect((await claimIn('data', 'Bound')).spec?.volumeName).not.toBe(spec?.volumeName)
  })

  it('Delete has the host put the folder aside, and only then lets the volume go', async () => {
    await cluster.client.create(Kinds.StorageClass, storageClass('scratch', { reclaimPolicy: 'Delete' }))
    await cluster.addNode('host-1')
    await createClaim('data', { storageClassName: 'scratch' })
    await createPod('app', ['data'])
    const name = (await claimIn('data', 'Bound')).spec?.volumeName ?? ''
    await cluster.client.delete(Kinds.Pod, 'app', { ...NAMESPACE, gracePeriodSeconds: 0 })
    cluster.volumeHosts.away.add('host-1')
    await cluster.client.delete(Kinds.PersistentVolumeClaim, 'data', NAMESPACE)
    await volumeIn(name, 'Released')
    cluster.volumeHosts.away.clear()
    const body = { metadata: { labels: { touched: 'yes' } } }
    await cluster.client.patch(Kinds.PersistentVolume, name, { type: 'merge', body })
    await until('the volume is gone', () => isGone(getVolume(name)))
    expect(cluster.volumeHosts.trash).toEqual([`host-1/${name}`])
  })

  it('deletes nothing that it did not make', async () => {
    await createVolume('theirs', { persistentVolumeReclaimPolicy: 'Delete' })
    await volumeIn('theirs', 'Available')
    await createClaim('data', { storageClassName: '' })
    await claimIn('data', 'Bound')
    await cluster.client.delete(Kinds.PersistentVolumeClaim, 'data', NAMESPACE)
    const failed = await volumeIn('theirs', 'Failed')
    expect(failed.status?.message).toBe(
      'only folders that a class made are ever deleted; this volume stays as it is',
    )
  })

  it('says that a claim is lost when its volume is gone, and finds it again when it is back', async () => {
    const made = await createVolume('v')
    await volumeIn('v', 'Available')
    await createClaim('data', { storageClassName: '' })
    const { metadata } = await claimIn('data', 'Bound')
    await cluster.client.patch(Kinds.PersistentVolume, 'v', {
      type: 'merge',
      body: { metadata: { finalizers: [] } },
    })
    await cluster.client.delete(Kinds.PersistentVolume, 'v')
    const bound = { ...NAMESPACE, apiVersion: 'v1', kind: 'PersistentVolumeClaim', name: 'data' }
    await until('the volume is gone or ends', async () => {
      const found = await getVolume('v').catch(() => undefined)
      if (found === undefined) return true
      await cluster.client.patch(Kinds.PersistentVolume, 'v', {
        type: 'merge',
        body: { metadata: { finalizers: [] } },
      })
      return false
    })
    await claimIn('data', 'Lost')
    await createVolume('v', { ...made.spec, claimRef: { ...bound, uid: metadata.uid! } })
    await claimIn('data', 'Bound')
  })

  it('makes the claim of an ephemeral volume, which goes with its pod', async () => {
    await cluster.client.create(Kinds.StorageClass, storageClass('scratch', { reclaimPolicy: 'Delete' }))
    await cluster.addNode('host-1')
    const volumeClaimTemplate = {
      spec: {
        storageClassName: 'scratch',
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Gi' } },
      },
    }
    await createPod('app', [], { volumes: [{ name: 'cache', ephemeral: { volumeClaimTemplate } }] })
    await running('app')
    await claimIn('app-cache', 'Bound')
    await cluster.client.delete(Kinds.Pod, 'app', NAMESPACE)
    await until('the claim is gone', () => isGone(getClaim('app-cache')))
    await until('the folder is put aside', () => cluster.volumeHosts.trash.length === 1)
  })
})
