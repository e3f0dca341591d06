import type { Deployment, Node, Pod, ReplicaSet } from '../../../src/kube/index.ts'

/** Builders of whole objects from the few fields that a test is about. */

export function deployment(
  spec: Partial<NonNullable<Deployment['spec']>> = {},
  rest: { readonly metadata?: object; readonly status?: object } = {},
): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'web',
      namespace: 'shop',
      uid: 'd',
      generation: 1,
      resourceVersion: '1',
      ...rest.metadata,
    },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      template: template('v1'),
      ...spec,
    },
    ...(rest.status === undefined ? {} : { status: rest.status }),
  }
}

export function template(image: string) {
  return { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image }] } }
}

export interface ReplicaSetFacts {
  readonly image: string
  readonly replicas: number
  readonly available?: number
  readonly revision?: number
  readonly desired?: number
  readonly max?: number
  readonly created?: string
}

export function replicaSet(name: string, facts: ReplicaSetFacts): ReplicaSet {
  const { image, replicas, available = replicas, revision = 1, desired, max } = facts
  const { created = '2026-01-01T00:00:00Z' } = facts
  const plain = template(image)
  const labels = { ...plain.metadata.labels, 'pod-template-hash': name }
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name,
      namespace: 'shop',
      uid: name,
      generation: 1,
      resourceVersion: '1',
      creationTimestamp: created,
      labels,
      annotations: {
        'deployment.kubernetes.io/revision': String(revision),
        ...(desired === undefined ? {} : { 'deployment.kubernetes.io/desired-replicas': String(desired) }),
        ...(max === undefined ? {} : { 'deployment.kubernetes.io/max-replicas': String(max) }),
      },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'd', controller: true },
      ],
    },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { ...plain, metadata: { labels } },
    },
    status: {
      replicas,
      readyReplicas: available,
      availableReplicas: available,
      observedGeneration: 1,
    },
  }
}

export interface PodFacts {
  readonly node?: string
  readonly phase?: NonNullable<Pod['status']>['phase']
  readonly readySince?: string
  readonly created?: string
  readonly restarts?: number
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly controller?: string
  readonly spec?: Partial<NonNullable<Pod['spec']>>
}

export function pod(name: string, facts: PodFacts = {}): Pod {
  const { node, phase = 'Running', readySince, restarts = 0, controller } = facts
  const { created = '2026-01-01T00:00:00Z', labels = { app: 'web' } } = facts
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'shop',
      uid: name,
      resourceVersion: '1',
      creationTimestamp: created,
      labels,
      ...(facts.annotations === undefined ? {} : { annotations: facts.annotations }),
      ...(controller === undefined
        ? {}
        : {
            ownerReferences: [
              {
                apiVersion: 'apps/v1',
                kind: 'ReplicaSet',
                name: controller,
                uid: controller,
                controller: true,
              },
            ],
          }),
    },
    spec: {
      containers: [{ name: 'web', image: 'v1' }],
      ...(node === undefined ? {} : { nodeName: node }),
      ...facts.spec,
    },
    status: {
      phase,
      ...(readySince === undefined
        ? {}
        : { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: readySince }] }),
      containerStatuses: [{ name: 'web', image: 'v1', imageID: '', ready: true, restartCount: restarts }],
    },
  }
}

export interface NodeFacts {
  readonly cpu?: string
  readonly memory?: string
  readonly pods?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly taints?: NonNullable<Node['spec']>['taints']
  readonly unschedulable?: boolean
  readonly ready?: 'True' | 'False' | 'Unknown'
}

export function node(name: string, facts: NodeFacts = {}): Node {
  const { cpu = '4', memory = '8Gi', pods = '110', ready = 'True' } = facts
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      uid: name,
      resourceVersion: '1',
      labels: { 'kubernetes.io/hostname': name, ...facts.labels },
    },
    spec: {
      ...(facts.taints === undefined ? {} : { taints: facts.taints }),
      ...(facts.unschedulable ? { unschedulable: true } : {}),
    },
    status: {
      allocatable: { cpu, memory, pods, 'ephemeral-storage': '10Gi' },
      conditions: [{ type: 'Ready', status: ready }],
    },
  }
}
