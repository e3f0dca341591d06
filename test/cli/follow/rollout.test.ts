import { describe, expect, it } from 'vitest'
import { rolloutOfRef, rolloutsIn } from '../../../src/cli/follow/rollout.ts'
import type { View } from '../../../src/cli/follow/view.ts'
import type { Deployment, KubeObject, Pod, ReplicaSet, StatefulSet } from '../../../src/kube/index.ts'

const DB = { kind: 'StatefulSet', namespace: 'shop', name: 'db' }

function statefulSet(partition: number): StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db', namespace: 'shop', uid: 'u1' },
    spec: {
      replicas: 3,
      updateStrategy: { rollingUpdate: { partition } },
      template: { spec: { containers: [{ name: 'db', image: 'db:2' }] } },
    },
    status: { replicas: 3, updateRevision: 'db-new' },
  } as unknown as StatefulSet
}

/** A ready pod of the set, or of another one with the same name before it. */
function pod(ordinal: number, revision: 'new' | 'old', uid = 'u1'): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `db-${ordinal}`,
      namespace: 'shop',
      labels: { 'controller-revision-hash': `db-${revision}` },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid, controller: true }],
    },
    spec: {
      nodeName: `host-${ordinal}`,
      containers: [{ name: 'db', image: revision === 'new' ? 'db:2' : 'db:1' }],
    },
    status: {
      conditions: [
        { type: 'Ready', status: 'True', lastTransitionTime: `2026-01-01T00:00:0${9 - ordinal}Z` },
      ],
    },
  } as unknown as Pod
}

function viewOf(set: StatefulSet, pods: readonly Pod[]): View {
  const lister = (objects: readonly KubeObject[]) => ({
    get: (key: string) => objects.find(({ metadata }) => `${metadata.namespace}/${metadata.name}` === key),
    list: () => objects,
  })
  return {
    ...{ apps: lister([]), records: lister([]), deployments: lister([]), replicaSets: lister([]) },
    ...{ statefulSets: lister([set]), pods: lister(pods) },
  } as unknown as View
}

describe('rolloutOfRef() of a StatefulSet', () => {
  it('names the hosts of the new pods as they became ready, and the old version that still serves', () => {
    const view = viewOf(statefulSet(0), [pod(0, 'old'), pod(1, 'new'), pod(2, 'new'), pod(1, 'new', 'u0')])
    expect(rolloutOfRef(DB, view)).toEqual({
      name: 'db',
      version: '2',
      wanted: 3,
      ready: ['host-2', 'host-1'],
      serving: { version: '1', available: 1 },
    })
  })

  it('counts the old pods below the partition', () => {
    const [rollout] = rolloutsIn(
      'shop',
      viewOf(statefulSet(2), [pod(0, 'old'), pod(1, 'old'), pod(2, 'new')]),
    )
    expect(rollout).toMatchObject({ ready: ['host-2', 'host-1', 'host-0'], serving: undefined })
  })
})

describe('rolloutOfRef() of a Deployment', () => {
  const REVISION = 'deployment.kubernetes.io/revision'

  function paused(updatedReplicas?: number): Deployment {
    return {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'shop', uid: 'u1', annotations: { [REVISION]: '1' } },
      spec: {
        replicas: 1,
        paused: true,
        template: { spec: { containers: [{ name: 'web', image: 'web:2' }] } },
      },
      status: { replicas: 1, ...(updatedReplicas === undefined ? {} : { updatedReplicas }) },
    } as unknown as Deployment
  }

  const replicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      ...{ name: 'web-1', namespace: 'shop', uid: 'u2', annotations: { [REVISION]: '1' } },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'u1', controller: true },
      ],
    },
    spec: { template: { spec: { containers: [{ name: 'web', image: 'web:1' }] } } },
    status: { availableReplicas: 1 },
  } as unknown as ReplicaSet

  it('counts no pod of a paused Deployment for its template while all are of an older one', () => {
    const view = viewOf(statefulSet(0), [{ ...pod(0, 'old', 'u2') }])
    const lister = <T extends KubeObject>(object: T) => ({ get: () => object, list: () => [object] })
    const of = (deployment: Deployment) =>
      rolloutOfRef({ kind: 'Deployment', namespace: 'shop', name: 'web' }, {
        ...view,
        deployments: lister(deployment),
        replicaSets: lister(replicaSet),
      } as unknown as View)
    expect(of(paused())).toMatchObject({ ready: [], serving: { version: '1', available: 1 } })
    expect(of(paused(1))).toMatchObject({ ready: ['host-0'], serving: undefined })
  })
})
