import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Deployment, Kinds, type Pod } from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { deployment, template } from '../build.ts'
import { startTestCluster, type TestCluster } from '../test-cluster.ts'

let cluster: TestCluster

beforeEach(async () => {
  cluster = await startTestCluster()
  await cluster.client.create(Kinds.Namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop' },
  })
  for (const name of ['n1', 'n2', 'n3']) await cluster.addNode(name)
})

afterEach(() => cluster.close())

const namespace = 'shop'

function fresh(spec: Parameters<typeof deployment>[0] = {}): Deployment {
  const object = deployment(spec)
  return { ...object, metadata: { name: 'web', namespace } }
}

const get = () => cluster.client.get(Kinds.Deployment, 'web', { namespace })
const replicaSets = async () => (await cluster.client.list(Kinds.ReplicaSet, { namespace })).items

async function change(spec: object): Promise<void> {
  await cluster.client.patch(Kinds.Deployment, 'web', { type: 'merge', body: { spec } }, { namespace })
}

async function complete(): Promise<Deployment> {
  return await eventually('a complete roll-out', async () => {
    const { metadata, spec, status = {} } = await get()
    const wanted = spec?.replicas ?? 1
    const done =
      status.observedGeneration === metadata.generation &&
      (status.replicas ?? 0) === wanted &&
      (status.updatedReplicas ?? 0) === wanted &&
      (status.availableReplicas ?? 0) === wanted
    return done && (await get())
  })
}

function images(pods: readonly Pod[]): string[] {
  return pods.map(pod => pod.spec?.containers[0]?.image ?? '').sort()
}

describe('DeploymentController', () => {
  it('brings a Deployment up, one pod a node, and says so', async () => {
    await cluster.client.create(Kinds.Deployment, fresh())
    const { metadata, status } = await complete()
    expect(metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1')
    expect(
      status?.conditions?.map(({ type, status, reason }) => `${type}=${status} ${reason}`).sort(),
    ).toEqual(['Available=True MinimumReplicasAvailable', 'Progressing=True NewReplicaSetAvailable'])
    const pods = await cluster.pods()
    expect(pods.map(pod => pod.spec?.nodeName).sort()).toEqual(['n1', 'n2', 'n3'])
    const events = await eventually('the event', async () => {
      const { items } = await cluster.client.list(Kinds.Event, { namespace })
      const own = items.filter(event => event.involvedObject?.kind === 'Deployment')
      return own.length > 0 && own
    })
    const [set] = await replicaSets()
    expect(events.map(event => `${event.reason}: ${event.message}`)).toEqual([
      `ScalingReplicaSet: Scaled up replica set ${set?.metadata.name} from 0 to 3`,
    ])
  })

  it('rolls a new template out without ever falling below the budget', async () => {
    await cluster.client.create(
      Kinds.Deployment,
      fresh({
        replicas: 6,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      }),
    )
    await complete()
    const pods = cluster.informers.of(Kinds.Pod)
    let least = Number.POSITIVE_INFINITY
    let most = 0
    const count = () => {
      const alive = pods.list('shop').filter(pod => pod.metadata.deletionTimestamp === undefined)
      const ready = alive.filter(pod =>
        pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
      )
      least = Math.min(least, ready.length)
      most = Math.max(most, alive.length)
    }
    const unsubscribe = pods.subscribe({ added: count, updated: count, deleted: count })
    least = Number.POSITIVE_INFINITY
    await change({ template: template('v2') })
    await complete()
    unsubscribe()
    expect(images((await cluster.pods()).filter(pod => !pod.metadata.deletionTimestamp))).toEqual(
      Array(6).fill('v2'),
    )
    expect(least).toBeGreaterThanOrEqual(6)
    expect(most).toBeLessThanOrEqual(7)
    const sets = await replicaSets()
    expect(
      sets
        .map(set => [set.metadata.annotations?.['deployment.kubernetes.io/revision'], set.spec?.replicas])
        .sort(),
    ).toEqual([
      ['1', 0],
      ['2', 6],
    ])
  })

  it('a broken revision stops within the budget, and going back needs no new ReplicaSet', async () => {
    await cluster.client.create(Kinds.Deployment, fresh({ replicas: 4 }))
    await complete()
    const first = (await replicaSets())[0]?.metadata.name ?? ''
    const before = (await get()).spec!.template
    cluster.stuck.add('web-')
    await change({ template: template('broken') })
    await eventually(
      'the broken pods',
      async () => images(await cluster.pods()).filter(one => one === 'broken').length === 2,
    )
    const serving = (await cluster.pods()).filter(pod => pod.status?.phase === 'Running')
    expect(serving.length).toBeGreaterThanOrEqual(3)
    cluster.stuck.clear()
    await cluster.client.patch(
      Kinds.Deployment,
      'web',
      { type: 'json', body: [{ op: 'replace', path: '/spec/template', value: before }] },
      { namespace },
    )
    const { metadata } = await complete()
    expect(metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('3')
    const sets = await replicaSets()
    expect(sets).toHaveLength(2)
    expect(sets.find(set => set.metadata.name === first)?.metadata.annotations).toMatchObject({
      'deployment.kubernetes.io/revision-history': '1',
    })
  })

  it('scales, pauses and resumes', async () => {
    await cluster.client.create(Kinds.Deployment, fresh())
    await complete()
    await change({ paused: true, replicas: 5, template: template('v2') })
    await eventually('five old pods', async () => images(await cluster.pods()).join() === 'v1,v1,v1,v1,v1')
    expect(await replicaSets()).toHaveLength(1)
    await change({ paused: false })
    await complete()
    expect(images((await cluster.pods()).filter(pod => !pod.metadata.deletionTimestamp))).toEqual(
      Array(5).fill('v2'),
    )
    await change({ replicas: 0 })
    await eventually('no pods', async () => (await cluster.pods()).length === 0)
  })

  it('Recreate never runs two templates at once', async () => {
    await cluster.client.create(Kinds.Deployment, fresh({ strategy: { type: 'Recreate' } }))
    await complete()
    const pods = cluster.informers.of(Kinds.Pod)
    let mixed = false
    const look = () => {
      mixed ||= new Set(images(pods.list('shop'))).size > 1
    }
    const unsubscribe = pods.subscribe({ added: look, updated: look, deleted: look })
    await change({ template: template('v2') })
    await complete()
    unsubscribe()
    expect(mixed).toBe(false)
    expect(images(await cluster.pods())).toEqual(['v2', 'v2', 'v2'])
  })

  it('replaces a pod that is deleted, and one that fails', async () => {
    await cluster.client.create(Kinds.Deployment, fresh())
    await complete()
    const [deleted, failed] = await cluster.pods()
    await cluster.client.delete(Kinds.Pod, deleted!.metadata.name!, { namespace })
    await cluster.client.patch(
      Kinds.Pod,
      failed!.metadata.name!,
      { type: 'merge', body: { status: { phase: 'Failed' } } },
      { namespace, subresource: 'status' },
    )
    await eventually('three running pods of which two are new', async () => {
      const running = (await cluster.pods()).filter(pod => pod.status?.phase === 'Running')
      const old = running.filter(pod => [deleted, failed].some(one => one?.metadata.uid === pod.metadata.uid))
      return running.length === 3 && old.length === 0
    })
  })

  it('adopts a matching pod and lets go of one whose labels change', async () => {
    await cluster.client.create(Kinds.Deployment, fresh({ replicas: 2 }))
    await complete()
    const [strayed] = await cluster.pods()
    const name = strayed!.metadata.name!
    await cluster.client.patch(
      Kinds.Pod,
      name,
      { type: 'merge', body: { metadata: { labels: { app: 'mine' } } } },
      { namespace },
    )
    await eventually('a third pod', async () => (await cluster.pods('app=web')).length === 2)
    const released = await eventually('the release', async () => {
      const found = await cluster.client.get(Kinds.Pod, name, { namespace })
      return (found.metadata.ownerReferences ?? []).length === 0 && found
    })
    await cluster.client.patch(
      Kinds.Pod,
      name,
      { type: 'merge', body: { metadata: { labels: { app: 'web' } } } },
      { namespace },
    )
    // Adopted again it is one too many: someone has to go, and two remain.
    await eventually('two pods of the ReplicaSet', async () => {
      const pods = (await cluster.pods('app=web')).filter(pod => !pod.metadata.deletionTimestamp)
      return pods.length === 2 && pods.every(pod => pod.metadata.ownerReferences?.length === 1)
    })
    expect(released.metadata.uid).toBe(strayed!.metadata.uid)
  })

  it('deleting it takes its ReplicaSets and pods along', async () => {
    await cluster.client.create(Kinds.Deployment, fresh())
    await complete()
    await cluster.client.delete(Kinds.Deployment, 'web', { namespace })
    await eventually(
      'nothing left',
      async () => (await replicaSets()).length + (await cluster.pods()).length === 0,
    )
  })
})
