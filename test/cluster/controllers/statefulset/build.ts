import type { PersistentVolumeClaim, Pod, StatefulSet } from '../../../../src/kube/index.ts'

/** Builders of StatefulSets and of their pods from the few fields that a test is about. */

export function statefulSet(
  spec: Partial<NonNullable<StatefulSet['spec']>> = {},
  rest: { readonly metadata?: object; readonly status?: Partial<NonNullable<StatefulSet['status']>> } = {},
): StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: {
      name: 'db',
      namespace: 'shop',
      uid: 'set',
      generation: 1,
      resourceVersion: '1',
      ...rest.metadata,
    },
    spec: {
      replicas: 3,
      serviceName: 'db',
      selector: { matchLabels: { app: 'db' } },
      podManagementPolicy: 'OrderedReady',
      revisionHistoryLimit: 10,
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      template: template('db:1'),
      ...spec,
    },
    ...(rest.status === undefined ? {} : { status: { replicas: 0, ...rest.status } }),
  }
}

export function template(image: string) {
  return { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'db', image }] } }
}

export function claimTemplate(name: string): PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, labels: { tier: 'data' } },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  }
}

/**
 * A pod in one word: `db-0@a` is the ready pod of ordinal 0 and revision a. Behind it, in any order: `!` not ready, `-` being deleted,
 * `?` pending, `x` failed, `~` ready only since now, `#` its container waits in a back-off, `%` unschedulable.
 */
export function pod(word: string): Pod {
  const [, name = '', ordinal = '', revision = '', marks = ''] = /^(\w+-(\d+))@(\w)(.*)$/.exec(word) ?? []
  const has = (mark: string) => marks.includes(mark)
  const isReady = !['!', '?', 'x', '#', '%'].some(has)
  const phase = has('x') ? 'Failed' : has('?') || has('%') ? 'Pending' : 'Running'
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'shop',
      uid: word,
      labels: {
        app: 'db',
        'controller-revision-hash': revision,
        'statefulset.kubernetes.io/pod-name': name,
        'apps.kubernetes.io/pod-index': ordinal,
      },
      ...(has('-') ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: { containers: [{ name: 'db', image: 'db:1' }] },
    status: {
      phase,
      conditions: [
        {
          type: 'Ready',
          status: isReady ? 'True' : 'False',
          lastTransitionTime: has('~') ? '2026-01-01T01:00:00Z' : '2026-01-01T00:00:00Z',
        },
        ...(has('%') ? [{ type: 'PodScheduled', status: 'False' as const, reason: 'Unschedulable' }] : []),
      ],
      containerStatuses: [
        {
          name: 'db',
          image: 'db:1',
          imageID: '',
          ready: isReady,
          restartCount: 0,
          ...(has('#') ? { state: { waiting: { reason: 'CrashLoopBackOff' } } } : {}),
        },
      ],
    },
  }
}

/** When what `~` says became ready. */
export const NOW: number = Date.parse('2026-01-01T01:00:00Z')
