import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Client } from '../../../../src/client/index.ts'
import {
  type ControllerRevision,
  isNotFound,
  type Kind,
  Kinds,
  type Pod,
  type StatefulSet,
  StatusError,
} from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { startTestCluster, type TestCluster } from '../test-cluster.ts'
import { claimTemplate, statefulSet, template } from './build.ts'

const namespace = 'default'
let cluster: TestCluster
/** Throws what a controller's patch meets. */
let refusePatch: (kind: Kind, body: unknown) => void

beforeEach(async () => {
  refusePatch = () => {}
  const wrapClient = (client: Client): Client => ({
    ...client,
    patch: async (kind, name, patch, options) => {
      refusePatch(kind, patch.body)
      return client.patch(kind, name, patch, options)
    },
  })
  cluster = await startTestCluster({ wrapClient })
  await cluster.addNode('n1')
})
afterEach(() => cluster.close())

function make(spec: Partial<NonNullable<StatefulSet['spec']>> = {}): Promise<StatefulSet> {
  const { metadata: _, ...set } = statefulSet(spec)
  return cluster.client.create(Kinds.StatefulSet, { ...set, metadata: { name: 'db', namespace } })
}

async function change(spec: object): Promise<void> {
  await cluster.client.patch(Kinds.StatefulSet, 'db', { type: 'merge', body: { spec } }, { namespace })
}

async function setImage(image: string): Promise<void> {
  await change({ template: template(image) })
}

function set(): Promise<StatefulSet> {
  return cluster.client.get(Kinds.StatefulSet, 'db', { namespace })
}

/** Each pod and its image, in order. */
async function images(): Promise<string> {
  const pods = (await cluster.pods('app=db')).toSorted((a, b) =>
    (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1,
  )
  return pods.map(({ metadata, spec }) => `${metadata.name}:${spec?.containers[0]?.image}`).join(' ')
}

async function untilRolledOut(image: string, replicas: number): Promise<StatefulSet> {
  return await eventually(`${replicas} pods of ${image}`, async () => {
    const { metadata, status, ...rest } = await set()
    if (status?.observedGeneration !== metadata.generation) return false
    if (status?.updatedReplicas !== replicas || status?.readyReplicas !== replicas) return false
    if (status.currentRevision !== status.updateRevision) return false
    const found = (await images()).split(' ')
    return (
      found.length === replicas &&
      found.every(one => one.endsWith(`:${image}`)) && { metadata, status, ...rest }
    )
  })
}

async function revisions(): Promise<readonly ControllerRevision[]> {
  const { items } = await cluster.client.list(Kinds.ControllerRevision, { namespace })
  return items.toSorted((a, b) => a.revision - b.revision)
}

async function claims(): Promise<readonly string[]> {
  const { items } = await cluster.client.list(Kinds.PersistentVolumeClaim, { namespace })
  return items.map(({ metadata }) => metadata.name ?? '').sort()
}

async function reasons(): Promise<readonly string[]> {
  const { items } = await cluster.client.list(Kinds.Event, { namespace })
  return items.filter(one => one.involvedObject.kind === 'StatefulSet').map(({ reason }) => reason ?? '')
}

function pod(name: string): Promise<Pod> {
  return cluster.client.get(Kinds.Pod, name, { namespace })
}

describe('StatefulSetController', () => {
  it('makes the pods in order, each when those before it are ready', async () => {
    cluster.stuck.add('db-1')
    await make()
    await eventually('the second', async () => (await images()) === 'db-0:db:1 db-1:db:1')
    const { metadata, spec } = await pod('db-1')
    expect(spec).toMatchObject({ hostname: 'db-1', subdomain: 'db' })
    expect(metadata.labels).toMatchObject({
      'statefulset.kubernetes.io/pod-name': 'db-1',
      'apps.kubernetes.io/pod-index': '1',
      'controller-revision-hash': (await set()).status?.updateRevision,
    })
    cluster.stuck.clear()
    const body = { metadata: { annotations: { touched: 'yes' } } }
    await cluster.client.patch(Kinds.Pod, 'db-1', { type: 'merge', body }, { namespace })
    const { status } = await untilRolledOut('db:1', 3)
    expect(status).toMatchObject({ replicas: 3, availableReplicas: 3, currentReplicas: 3 })
    expect(await reasons()).toContain('SuccessfulCreate')
  })

  it('updates from the highest down, keeps the history, and goes back to an earlier revision', async () => {
    await make({ replicas: 2, revisionHistoryLimit: 1 })
    await untilRolledOut('db:1', 2)
    await setImage('db:2')
    const second = await untilRolledOut('db:2', 2)
    expect((await revisions()).map(({ revision }) => revision)).toEqual([1, 2])
    await setImage('db:1')
    const third = await untilRolledOut('db:1', 2)
    expect((await revisions()).map(({ revision }) => revision)).toEqual([2, 3])
    expect(third.status?.updateRevision).not.toBe(second.status?.updateRevision)
    await setImage('db:4')
    await untilRolledOut('db:4', 2)
    await setImage('db:5')
    await untilRolledOut('db:5', 2)
    await eventually('the limit', async () => (await revisions()).length === 2)
  })

  it('stops an update at its partition, and goes on when that moves', async () => {
    await make({ replicas: 3, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } })
    await untilRolledOut('db:1', 3)
    await setImage('db:2')
    await eventually('the last updated', async () => (await images()) === 'db-0:db:1 db-1:db:1 db-2:db:2')
    await cluster.client.delete(Kinds.Pod, 'db-0', { namespace })
    await eventually('the first is back', async () => {
      const { status } = await set()
      return status?.readyReplicas === 3 && (await images()) === 'db-0:db:1 db-1:db:1 db-2:db:2'
    })
    await change({ updateStrategy: { rollingUpdate: { partition: 0 } } })
    await untilRolledOut('db:2', 3)
  })

  it('OnDelete: replaces what somebody deletes', async () => {
    await make({ replicas: 2, updateStrategy: { type: 'OnDelete' } })
    await eventually('both', async () => (await set()).status?.readyReplicas === 2)
    await setImage('db:2')
    await eventually('it is seen', async () => {
      const { status } = await set()
      return status?.updateRevision !== status?.currentRevision
    })
    await cluster.client.delete(Kinds.Pod, 'db-0', { namespace })
    await eventually('one is new', async () => (await images()) === 'db-0:db:2 db-1:db:1')
  })

  it('replaces the pod of an update that never came up when the update is taken back', async () => {
    await make({ replicas: 2 })
    await untilRolledOut('db:1', 2)
    cluster.brokenImages.add('db:broken')
    await setImage('db:broken')
    await eventually('it is stuck', async () => (await images()) === 'db-0:db:1 db-1:db:broken')
    await setImage('db:1')
    await untilRolledOut('db:1', 2)
    expect(await reasons()).toContain('ReplacingStuckPod')
  })

  it('does not replace a pod on a host that is lost before its object is gone', async () => {
    await make({ replicas: 1 })
    await untilRolledOut('db:1', 1)
    const before = await pod('db-0')
    await cluster.addNode('n2')
    cluster.loseNode('n1')
    await cluster.client.delete(Kinds.Pod, 'db-0', { namespace })
    await change({ replicas: 2 })
    await eventually('the set is seen', async () => {
      const { metadata, status } = await set()
      return status?.observedGeneration === metadata.generation
    })
    expect((await pod('db-0')).metadata.uid).toBe(before.metadata.uid)
    expect(await images()).toBe('db-0:db:1')
    await cluster.client.delete(Kinds.Pod, 'db-0', { namespace, gracePeriodSeconds: 0 })
    await cluster.client.patch(Kinds.Node, 'n1', { type: 'merge', body: { spec: { unschedulable: true } } })
    const after = await eventually('its replacement', async () => {
      try {
        return await pod('db-0')
      } catch (error) {
        if (isNotFound(error)) return false
        throw error
      }
    })
    expect(after.metadata.uid).not.toBe(before.metadata.uid)
  })

  it('makes a pod anew that has ended', async () => {
    await make({ replicas: 1 })
    await untilRolledOut('db:1', 1)
    const { metadata } = await pod('db-0')
    const body = { status: { phase: 'Failed' } }
    await cluster.client.patch(
      Kinds.Pod,
      'db-0',
      { type: 'merge', body },
      { namespace, subresource: 'status' },
    )
    await eventually('another', async () => {
      const found = (await cluster.pods('app=db'))[0]
      return found !== undefined && found.metadata.uid !== metadata.uid && found.status?.phase === 'Running'
    })
    expect(await reasons()).toContain('RecreatingFailedPod')
  })

  it('gives each pod claims of its own, and keeps them when it scales down and goes', async () => {
    await make({
      replicas: 2,
      podManagementPolicy: 'Parallel',
      volumeClaimTemplates: [claimTemplate('data')],
    })
    await eventually('both pods', async () => (await images()) === 'db-0:db:1 db-1:db:1')
    expect(await claims()).toEqual(['data-db-0', 'data-db-1'])
    expect((await pod('db-1')).spec?.volumes?.[0]).toEqual({
      name: 'data',
      persistentVolumeClaim: { claimName: 'data-db-1' },
    })
    await change({ replicas: 0 })
    await eventually('no pod', async () => (await images()) === '')
    await cluster.client.delete(Kinds.StatefulSet, 'db', { namespace })
    await eventually('no revision', async () => (await revisions()).length === 0)
    expect(await claims()).toEqual(['data-db-0', 'data-db-1'])
  })

  /** A set whose claims go with its pods is made with two of them, and loses one pod with its claim. */
  async function scaleAway(): Promise<void> {
    await make({
      replicas: 2,
      podManagementPolicy: 'Parallel',
      volumeClaimTemplates: [claimTemplate('data')],
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Delete' },
    })
    await eventually('both pods', async () => (await images()) === 'db-0:db:1 db-1:db:1')
    await change({ replicas: 1 })
    await eventually('one claim', async () => (await claims()).join() === 'data-db-0')
  }

  it('lets claims go with the pods that are scaled away, and with the set, where the policy says so', async () => {
    await scaleAway()
    await change({ replicas: 2 })
    await eventually('both pods again', async () => (await images()) === 'db-0:db:1 db-1:db:1')
    expect(await claims()).toEqual(['data-db-0', 'data-db-1'])
    await cluster.client.delete(Kinds.StatefulSet, 'db', { namespace })
    await eventually('no claim', async () => (await claims()).length === 0)
    await eventually('no pod', async () => (await images()) === '')
  })

  it('scales a pod away only once the claims that go with it are its own', async () => {
    let refusals = 0
    refusePatch = (kind, body) => {
      if (kind !== Kinds.PersistentVolumeClaim || !JSON.stringify(body).includes('"kind":"Pod"')) return
      refusals += 1
      if (refusals <= 2) throw new StatusError('Conflict', 'somebody else wrote it')
    }
    await scaleAway()
    expect(refusals).toBeGreaterThan(2)
  })

  it('adopts the pods and revisions that a former set left', async () => {
    await make({ replicas: 2 })
    const former = await untilRolledOut('db:1', 2)
    const uids = (await cluster.pods('app=db')).map(({ metadata }) => metadata.uid).sort()
    await cluster.client.delete(Kinds.StatefulSet, 'db', { namespace, propagationPolicy: 'Orphan' })
    await eventually('it is gone', async () => {
      const { items } = await cluster.client.list(Kinds.StatefulSet, { namespace })
      return items.length === 0
    })
    const { metadata } = await make({ replicas: 2 })
    const next = await untilRolledOut('db:1', 2)
    expect(next.status?.updateRevision).toBe(former.status?.updateRevision)
    expect((await cluster.pods('app=db')).map(one => one.metadata.uid).sort()).toEqual(uids)
    const owners = (await cluster.pods('app=db')).map(one => one.metadata.ownerReferences?.[0]?.uid)
    expect(owners).toEqual([metadata.uid, metadata.uid])
  })

  it("says that a pod's name is taken by somebody else's", async () => {
    await cluster.client.create(Kinds.Pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'db-0', namespace, labels: { app: 'other' } },
      spec: { containers: [{ name: 'x', image: 'x' }] },
    })
    await make({ replicas: 1 })
    await eventually('the event', async () => (await reasons()).includes('FailedCreate'))
    expect((await pod('db-0')).metadata.labels).toEqual({ app: 'other' })
  })
})
