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
