import { beforeEach, describe, expect, it } from 'vitest'
import { type KubeObject, type ObjectRef, type Pod, refKey, refOf } from '../../../src/kube/index.ts'
import { type Root, WorkloadPods } from '../../../src/pipeline/live/workload-pods.ts'

describe('WorkloadPods', () => {
  let known: Map<string, KubeObject>
  let pods: WorkloadPods

  beforeEach(() => {
    known = new Map([REPLICA_SET, DEPLOYMENT].map(object => [refKey(refOf(object)), object]))
    pods = new WorkloadPods(climb)
  })

  /** One step up at a time, as long as the owner is known. */
  function climb(object: KubeObject): Root {
    const owner = object.metadata.ownerReferences?.[0]
    if (owner === undefined) return { ref: refOf(object), isKnown: true }
    const ref = { apiVersion: owner.apiVersion, kind: owner.kind, namespace: 'shop', name: owner.name }
    const next = known.get(refKey(ref))
    return next === undefined ? { ref, isKnown: false } : climb(next)
  }

  it('podsOf() gives the pods of a Deployment, and of a pod itself', () => {
    const bare = { ...pod('bare'), metadata: { name: 'bare', namespace: 'shop', uid: 'bare' } } as Pod
    for (const one of [pod('a'), pod('b'), bare]) pods.keep(one)
    expect(names(pods.podsOf(WEB))).toEqual(['a', 'b'])
    expect(names(pods.podsOf(refOf(bare)))).toEqual(['bare'])
    pods.forget(pod('a'))
    expect(names(pods.podsOf(WEB))).toEqual(['b'])
  })

  it('rootOf() remembers on whose behalf a pod ends when its owners are gone before it', () => {
    pods.keep(pod('a'))
    known.clear()
    const ending = {
      ...pod('a'),
      metadata: { ...pod('a').metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
    }
    expect(pods.rootOf(ending)).toEqual(WEB)
    pods.keep(ending)
    expect(names(pods.podsOf(WEB))).toEqual(['a'])
  })

  it('settle() finds the root of a pod that was seen before its owner', () => {
    known.clear()
    pods.keep(pod('a'))
    expect(pods.podsOf(WEB)).toEqual([])
    known.set(refKey(refOf(REPLICA_SET)), REPLICA_SET)
    known.set(refKey(refOf(DEPLOYMENT)), DEPLOYMENT)
    pods.settle(refOf(REPLICA_SET))
    expect(names(pods.podsOf(WEB))).toEqual(['a'])
    expect(pods.rootOf(pod('a'))).toEqual(WEB)
  })

  it('keep() judges a pod of the same name anew when it is another one', () => {
    pods.keep(pod('a'))
    const other = { ...pod('a'), metadata: { name: 'a', namespace: 'shop', uid: 'another' } } as Pod
    pods.keep(other)
    expect(pods.podsOf(WEB)).toEqual([])
    // What is told of the one before does not concern it.
    pods.forget(pod('a'))
    expect(names(pods.podsOf(refOf(other)))).toEqual(['a'])
  })
})

const WEB: ObjectRef = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'web' }

const DEPLOYMENT: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'shop', uid: 'deployment' },
}

const REPLICA_SET: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: {
    name: 'web-1',
    namespace: 'shop',
    uid: 'replicaset',
    ownerReferences: [
      { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'deployment', controller: true },
    ],
  },
}

function pod(name: string): Pod {
  const owner = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    name: 'web-1',
    uid: 'replicaset',
    controller: true,
  }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', uid: `uid-${name}`, ownerReferences: [owner] },
    spec: { containers: [] },
  }
}

function names(found: readonly Pod[]): readonly (string | undefined)[] {
  return found.map(({ metadata }) => metadata.name)
}
