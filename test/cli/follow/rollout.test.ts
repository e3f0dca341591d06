import { describe, expect, it } from 'vitest'
import { rolloutOfRef, rolloutsIn } from '../../../src/cli/follow/rollout.ts'
import type { View } from '../../../src/cli/follow/view.ts'
import type { KubeObject, Pod, StatefulSet } from '../../../src/kube/index.ts'

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
