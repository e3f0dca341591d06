import { describe, expect, it } from 'vitest'
import { type KubeObject, type ObjectRef, type Pod, refKey, refOf } from '../../../src/kube/index.ts'
import { healthOfLive } from '../../../src/pipeline/live/workload-health.ts'

const REVISION = 'deployment.kubernetes.io/revision'

describe('healthOfLive()', () => {
  it('fails a Deployment whose current pods crash again and again, with the words of the container', () => {
    const live = liveWith({ generation: 2, observed: 2, revision: '2' }, [crashing('new', 'web-2')])
    expect(healthOfLive(live, WEB)).toEqual({
      state: 'failed',
      reason: 'new/web on host-1: exit 1, restarted 3 times: DATABASE_URL is not set',
    })
  })

  it('does not judge a new template by the crashing pods of the one that it replaces', () => {
    const crash = crashing('old', 'web-1')
    const unseen = liveWith({ generation: 2, observed: 1, revision: '1' }, [crash])
    expect(healthOfLive(unseen, WEB).state).toBe('progressing')
    const seen = liveWith({ generation: 2, observed: 2, revision: '2' }, [crash])
    expect(healthOfLive(seen, WEB).state).toBe('progressing')
    const without = liveWith({ generation: 2, observed: 2, revision: undefined }, [crash])
    expect(healthOfLive(without, WEB).state).toBe('progressing')
  })
})

describe('healthOfLive() of a StatefulSet', () => {
  const SET: ObjectRef = { apiVersion: 'apps/v1', kind: 'StatefulSet', namespace: 'shop', name: 'db' }

  function set(status: object, partition = 0): KubeObject {
    return object('apps/v1', 'StatefulSet', 'db', {
      spec: { replicas: 2, updateStrategy: { rollingUpdate: { partition } } },
      status: { replicas: 2, updateRevision: 'db-2', ...status },
    })
  }

  function ready(name: string, revision: string): Pod {
    const labels = { 'controller-revision-hash': revision }
    return {
      ...object('v1', 'Pod', name, { status: { conditions: [{ type: 'Ready', status: 'True' }] } }),
      metadata: { name, namespace: 'shop', labels },
    } as Pod
  }

  it('counts the old pods below its partition, and none that is not ready', () => {
    const live = liveOf(
      [set({ updatedReplicas: 1, availableReplicas: 2 }, 1)],
      [ready('db-0', 'db-1'), ready('db-1', 'db-2')],
    )
    expect(healthOfLive(live, SET).state).toBe('healthy')
    const one = liveOf([set({ updatedReplicas: 2, availableReplicas: 2 })], [ready('db-0', 'db-2')])
    expect(healthOfLive(one, SET)).toEqual({ state: 'progressing', reason: '1 of 2 pods are ready' })
  })

  it('fails by the pods of its newest revision alone', () => {
    const crash = crashing('db-1', 'db')
    const of = (revision: string): Pod => ({
      ...crash,
      metadata: { ...crash.metadata, labels: { 'controller-revision-hash': revision } },
    })
    const status = { updatedReplicas: 1, availableReplicas: 1 }
    expect(healthOfLive(liveOf([set(status)], [of('db-1')]), SET).state).toBe('progressing')
    expect(healthOfLive(liveOf([set(status)], [of('db-2')]), SET)).toEqual({
      state: 'failed',
      reason: 'db-1/web on host-1: exit 1, restarted 3 times: DATABASE_URL is not set',
    })
  })
})

describe('healthOfLive() of a claim', () => {
  const CLAIM: ObjectRef = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    namespace: 'shop',
    name: 'data',
  }
  const claim = object('v1', 'PersistentVolumeClaim', 'data', {
    spec: { storageClassName: 'local' },
    status: { phase: 'Pending' },
  })
  const { namespace: _, ...clusterWide } = object('', '', 'local', {}).metadata
  const storageClass = (volumeBindingMode: string): KubeObject =>
    ({
      ...object('storage.k8s.io/v1', 'StorageClass', 'local', { volumeBindingMode }),
      metadata: clusterWide,
    }) as KubeObject
  const user = object('v1', 'Pod', 'web', {
    spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] },
  }) as Pod

  it('is well while nobody uses it, where its class waits for the first pod', () => {
    const waiting = storageClass('WaitForFirstConsumer')
    expect(healthOfLive(liveOf([claim, waiting], []), CLAIM)).toEqual({
      state: 'healthy',
      reason: 'waits for the first pod that uses it',
    })
    expect(healthOfLive(liveOf([claim, waiting], [user]), CLAIM)).toEqual({
      state: 'progressing',
      reason: 'waits for a volume',
    })
    const over = { ...user, status: { phase: 'Succeeded' } } as Pod
    expect(healthOfLive(liveOf([claim, waiting], [over]), CLAIM).state).toBe('healthy')
    expect(healthOfLive(liveOf([claim, storageClass('Immediate')], []), CLAIM).state).toBe('progressing')
  })

  it('says that its class is not there', () => {
    expect(healthOfLive(liveOf([claim], []), CLAIM)).toEqual({
      state: 'progressing',
      reason: 'waits for a volume: there is no StorageClass local',
    })
  })
})

describe('healthOfLive() of an ingress', () => {
  const REF: ObjectRef = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    namespace: 'shop',
    name: 'web',
  }

  function live(controller: string | undefined, status: object = {}): Parameters<typeof healthOfLive>[0] {
    const ingress = object('networking.k8s.io/v1', 'Ingress', 'web', {
      spec: { ingressClassName: 'edge' },
      status,
    })
    const ingressClass = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: { name: 'edge' },
      spec: { controller },
    } as KubeObject
    return liveOf(controller === undefined ? [ingress] : [ingress, ingressClass], [])
  }

  it('waits for a host that serves it, where the hosts are to', () => {
    expect(healthOfLive(live('bowline.dev/ingress'), REF)).toEqual({
      state: 'progressing',
      reason: 'no host serves it yet',
    })
    const served = { loadBalancer: { ingress: [{ ip: '192.0.2.1' }, { ip: '192.0.2.2' }] } }
    expect(healthOfLive(live('bowline.dev/ingress', served), REF)).toEqual({
      state: 'healthy',
      reason: 'is served at 192.0.2.1, 192.0.2.2',
    })
  })

  it('leaves those of others to them, and says that a class is not there', () => {
    expect(healthOfLive(live('example.com/edge'), REF)).toEqual({
      state: 'healthy',
      reason: 'is left to example.com/edge',
    })
    expect(healthOfLive(live(undefined), REF)).toEqual({
      state: 'progressing',
      reason: 'no host serves it yet: there is no IngressClass edge',
    })
  })
})

function object(apiVersion: string, kind: string, name: string, fields: object): KubeObject {
  return { apiVersion, kind, metadata: { name, namespace: 'shop' }, ...fields } as KubeObject
}

function liveOf(objects: readonly KubeObject[], pods: readonly Pod[]): Parameters<typeof healthOfLive>[0] {
  const byRef = new Map(objects.map(one => [refKey(refOf(one)), one]))
  return { get: ref => byRef.get(refKey(ref)), pods: () => pods, podsOf: () => pods }
}

const WEB: ObjectRef = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'web' }

/** A Deployment with two ReplicaSets, `web-1` and `web-2`, of these revisions, and pods of theirs. */
function liveWith(
  state: { generation: number; observed: number; revision: string | undefined },
  pods: readonly Pod[],
): Parameters<typeof healthOfLive>[0] {
  const deployment: KubeObject = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'web',
      namespace: 'shop',
      generation: state.generation,
      annotations: state.revision === undefined ? {} : { [REVISION]: state.revision },
    },
    spec: { replicas: 1 },
    status: { observedGeneration: state.observed, replicas: 1, updatedReplicas: 0 },
  } as KubeObject
  const objects = new Map(
    [deployment, replicaSet('1'), replicaSet('2')].map(one => [refKey(refOf(one)), one]),
  )
  return {
    get: ref => objects.get(refKey(ref)),
    pods: () => pods,
    podsOf: () => pods,
  }
}

function replicaSet(revision: string): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: `web-${revision}`, namespace: 'shop', annotations: { [REVISION]: revision } },
  }
}

function crashing(name: string, owner: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'shop',
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner, controller: true },
      ],
    },
    spec: { nodeName: 'host-1', containers: [{ name: 'web', image: 'web' }] },
    status: {
      phase: 'Running',
      containerStatuses: [
        {
          ...{ name: 'web', image: 'web', imageID: '', ready: false, restartCount: 3 },
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { exitCode: 1, reason: 'Error', message: 'DATABASE_URL is not set\n' } },
        },
      ],
    },
  } as Pod
}
