import { describe, expect, it } from 'vitest'
import { healthOf } from '../../../src/kinds/health/health.ts'
import type { KubeObject } from '../../../src/kube/object.ts'

describe('healthOf() a Deployment', () => {
  const complete = { observedGeneration: 2, replicas: 3, updatedReplicas: 3, availableReplicas: 3 }
  it.each([
    ['healthy', '3 of 3 replicas are available', complete],
    ['progressing', 'generation 2 is not observed yet', { ...complete, observedGeneration: 1 }],
    ['progressing', 'generation 2 is not observed yet', undefined],
    ['progressing', '1 of 3 replicas are updated', { ...complete, updatedReplicas: 1 }],
    ['progressing', '1 old replica is ending', { ...complete, replicas: 4 }],
    ['progressing', '2 of 3 replicas are available', { ...complete, availableReplicas: 2 }],
    [
      'progressing',
      '0 of 3 replicas are updated: pods "web" is forbidden',
      {
        observedGeneration: 2,
        conditions: [{ type: 'ReplicaFailure', status: 'True', message: 'pods "web" is forbidden' }],
      },
    ],
    [
      'failed',
      'ReplicaSet "web-1" has timed out progressing.',
      {
        ...complete,
        updatedReplicas: 1,
        conditions: [
          {
            type: 'Progressing',
            status: 'False',
            reason: 'ProgressDeadlineExceeded',
            message: 'ReplicaSet "web-1" has timed out progressing.',
          },
        ],
      },
    ],
  ])('is %s: %s', (state, reason, status) => {
    const object = make('apps/v1', 'Deployment', { spec: { replicas: 3 }, ...(status ? { status } : {}) })
    expect(healthOf(object)).toEqual({ state, reason })
  })

  it('is healthy with no replicas wanted, and when paused', () => {
    const spec = { replicas: 0 }
    const status = { observedGeneration: 2 }
    expect(healthOf(make('apps/v1', 'Deployment', { spec, status })).state).toBe('healthy')
    expect(healthOf(make('apps/v1', 'Deployment', { spec: { replicas: 2, paused: true }, status }))).toEqual({
      state: 'healthy',
      reason: 'is paused',
    })
  })
})

describe('healthOf() a paused Deployment', () => {
  it.each([
    [2, 0, 'is paused: 2 pods are as before until it is resumed'],
    [3, 2, 'is paused: 1 pod is as before until it is resumed'],
    [2, 2, undefined],
  ])(
    'tells of the pods that are not as it says: of %s replicas %s are updated',
    (replicas, updatedReplicas, caveat) => {
      const status = { observedGeneration: 2, replicas, updatedReplicas, availableReplicas: replicas }
      const object = make('apps/v1', 'Deployment', { spec: { replicas, paused: true }, status })
      expect(healthOf(object)).toEqual({ state: 'healthy', reason: 'is paused', caveat })
    },
  )
})

describe('healthOf() a StatefulSet', () => {
  const complete = { observedGeneration: 2, replicas: 3, updatedReplicas: 3, availableReplicas: 3 }
  it.each<[string, string, object, object]>([
    ['healthy', '3 of 3 replicas are available', {}, complete],
    ['progressing', 'generation 2 is not observed yet', {}, { ...complete, observedGeneration: 1 }],
    ['progressing', '1 of 3 replicas are updated', {}, { ...complete, updatedReplicas: 1 }],
    ['progressing', '1 replica is ending', {}, { ...complete, replicas: 4 }],
    ['progressing', '2 of 3 replicas are available', {}, { ...complete, availableReplicas: 2 }],
    [
      'healthy',
      '3 of 3 replicas are available, 2 of them old below the partition',
      { rollingUpdate: { partition: 2 } },
      { ...complete, updatedReplicas: 1 },
    ],
    [
      'progressing',
      '0 of 1 replicas are updated',
      { rollingUpdate: { partition: 2 } },
      { ...complete, updatedReplicas: 0 },
    ],
    [
      'healthy',
      '3 of 3 replicas are available, 3 of them old until they are deleted',
      { type: 'OnDelete' },
      { ...complete, updatedReplicas: 0 },
    ],
  ])('is %s: %s', (state, reason, updateStrategy, status) => {
    const object = make('apps/v1', 'StatefulSet', { spec: { replicas: 3, updateStrategy }, status })
    expect(healthOf(object)).toEqual({ state, reason })
  })
})

describe('healthOf() a Service', () => {
  it.each<[string, string, object, object]>([
    ['healthy', '', { type: 'ClusterIP' }, {}],
    [
      'progressing',
      'waits for the address of a load balancer',
      { type: 'LoadBalancer' },
      { loadBalancer: {} },
    ],
    [
      'progressing',
      'waits for the address of a load balancer of class example.com/lb',
      { type: 'LoadBalancer', loadBalancerClass: 'example.com/lb' },
      {},
    ],
    [
      'healthy',
      'is reached at 192.0.2.1, lb.example.com',
      { type: 'LoadBalancer' },
      { loadBalancer: { ingress: [{ ip: '192.0.2.1' }, { hostname: 'lb.example.com' }] } },
    ],
  ])('is %s: %s', (state, reason, spec, status) => {
    expect(healthOf(make('v1', 'Service', { spec, status }))).toEqual({ state, reason })
  })
})

describe('healthOf() a PersistentVolumeClaim', () => {
  it.each([
    ['healthy', 'is bound to pv-1', 'Bound'],
    ['progressing', 'waits for a volume', 'Pending'],
    ['failed', 'has lost its volume pv-1', 'Lost'],
  ])('is %s: %s', (state, reason, phase) => {
    const object = make('v1', 'PersistentVolumeClaim', { spec: { volumeName: 'pv-1' }, status: { phase } })
    expect(healthOf(object)).toEqual({ state, reason })
  })
})

describe('healthOf() a ReplicaSet', () => {
  it.each([
    ['healthy', { observedGeneration: 2, replicas: 2, availableReplicas: 2 }],
    ['progressing', { observedGeneration: 2, replicas: 2, availableReplicas: 1 }],
    ['progressing', { observedGeneration: 2, replicas: 3, availableReplicas: 3 }],
    ['progressing', { observedGeneration: 1, replicas: 2, availableReplicas: 2 }],
  ])('is %s with status %j', (state, status) => {
    expect(healthOf(make('apps/v1', 'ReplicaSet', { spec: { replicas: 2 }, status })).state).toBe(state)
  })
})

describe('healthOf() a Pod', () => {
  const waiting = (reason: string, message?: string): object => ({
    phase: 'Pending',
    containerStatuses: [
      {
        name: 'web',
        ready: false,
        restartCount: 3,
        state: { waiting: { reason, ...(message ? { message } : {}) } },
      },
    ],
  })
  it.each([
    ['progressing', 'is not scheduled yet', { phase: 'Pending' }],
    [
      'progressing',
      '0/1 nodes are available: 1 Insufficient cpu.',
      {
        phase: 'Pending',
        conditions: [
          {
            type: 'PodScheduled',
            status: 'False',
            reason: 'Unschedulable',
            message: '0/1 nodes are available: 1 Insufficient cpu.',
          },
        ],
      },
    ],
    ['progressing', 'container web is waiting: ContainerCreating', waiting('ContainerCreating')],
    [
      'progressing',
      'container web is not ready',
      {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'False' }],
        containerStatuses: [{ name: 'web', ready: false, restartCount: 0, state: { running: {} } }],
      },
    ],
    ['healthy', 'is ready', { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }],
    ['healthy', 'has completed', { phase: 'Succeeded' }],
    ['failed', 'The node was low on memory', { phase: 'Failed', message: 'The node was low on memory' }],
    [
      'failed',
      'container web: exit 3',
      { phase: 'Failed', containerStatuses: [{ name: 'web', state: { terminated: { exitCode: 3 } } }] },
    ],
    [
      'failed',
      'container web: ImagePullBackOff: no such image',
      waiting('ImagePullBackOff', 'no such image'),
    ],
    ['failed', 'container web: ErrImagePull', waiting('ErrImagePull')],
    [
      'failed',
      'container web: CreateContainerConfigError: secret "db" not found',
      waiting('CreateContainerConfigError', 'secret "db" not found'),
    ],
    [
      'failed',
      'container web: CrashLoopBackOff: exit 1, restarted 3 times',
      {
        phase: 'Running',
        containerStatuses: [
          {
            name: 'web',
            restartCount: 3,
            state: { waiting: { reason: 'CrashLoopBackOff' } },
            lastState: { terminated: { exitCode: 1 } },
          },
        ],
      },
    ],
  ])('is %s: %s', (state, reason, status) => {
    expect(healthOf(make('v1', 'Pod', { spec: {}, status }))).toEqual({ state, reason })
  })
})

describe('healthOf()', () => {
  it('calls every other kind healthy as soon as it is there, and nothing that is being deleted', () => {
    expect(healthOf(make('v1', 'ConfigMap', {}))).toEqual({ state: 'healthy', reason: '' })
    expect(healthOf(make('v1', 'Namespace', { status: { phase: 'Active' } })).state).toBe('healthy')
    expect(healthOf(make('v1', 'Namespace', { status: { phase: 'Terminating' } })).state).toBe('progressing')
    const ending = make('v1', 'ConfigMap', {})
    const metadata = { ...ending.metadata, deletionTimestamp: '2024-01-01T00:00:00Z' }
    expect(healthOf({ ...ending, metadata })).toEqual({ state: 'progressing', reason: 'is being deleted' })
  })
})

function make(apiVersion: string, kind: string, parts: object): KubeObject {
  return { apiVersion, kind, metadata: { name: 'web', generation: 2 }, ...parts } as KubeObject
}
