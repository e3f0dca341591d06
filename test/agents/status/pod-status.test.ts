import { describe, expect, it } from 'vitest'
import type { PodView } from '../../../src/agents/pods/view.ts'
import { podStatus } from '../../../src/agents/status/pod-status.ts'
import { statusPatch } from '../../../src/agents/status/status-patch.ts'
import { applyStrategicMergePatch, schemaFor } from '../../../src/kinds/index.ts'
import { Kinds, type Pod, type PodStatus } from '../../../src/kube/index.ts'
import { container, exited, NOW, notes, pod, running, sandbox, view, well } from '../support/pod-view.ts'

const facts = { runtimeName: 'docker', hostIP: '192.0.2.7' }

function statusOf(given: Partial<PodView>): PodStatus {
  return podStatus(view(given), facts)
}

function conditionsOf({ conditions = [] }: PodStatus): Record<string, string> {
  return Object.fromEntries(
    conditions.map(({ type, status, reason }) => [type, reason ? `${status} ${reason}` : status]),
  )
}

const deleted = { metadata: { deletionTimestamp: '2026-01-31T12:00:30Z' } }
const initPod = pod({ initContainers: [container('one')] })

describe('podStatus()', () => {
  it.each<[string, Partial<PodView>, string, string, string]>([
    ['with nothing yet', { sandboxes: [] }, 'Pending', 'False ContainersNotReady', 'True'],
    ['being created', {}, 'Pending', 'False ContainersNotReady', 'True'],
    ['before its probe', { containers: [running('app')] }, 'Running', 'False ContainersNotReady', 'True'],
    [
      'ready',
      { containers: [running('app')], notes: notes({ app: well('app') }) },
      'Running',
      'True',
      'True',
    ],
    [
      'with one of two containers',
      { pod: pod({ containers: [container('app'), container('b')] }), containers: [running('app')] },
      'Pending',
      'False ContainersNotReady',
      'True',
    ],
    ['between two runs', { containers: [exited('app', 1)] }, 'Running', 'False ContainersNotReady', 'True'],
    [
      'initializing',
      { pod: initPod, containers: [running('one')] },
      'Pending',
      'False ContainersNotReady',
      'False ContainersNotInitialized',
    ],
    [
      'initialized',
      { pod: initPod, containers: [exited('one', 0)] },
      'Pending',
      'False ContainersNotReady',
      'True',
    ],
    [
      'that succeeded',
      { pod: pod({ restartPolicy: 'Never' }), containers: [exited('app', 0)] },
      'Succeeded',
      'False PodCompleted',
      'True PodCompleted',
    ],
    [
      'that failed',
      { pod: pod({ restartPolicy: 'Never' }), containers: [exited('app', 1)] },
      'Failed',
      'False PodFailed',
      'True',
    ],
    [
      'that is to be tried again',
      { pod: pod({ restartPolicy: 'OnFailure' }), containers: [exited('app', 1)] },
      'Running',
      'False ContainersNotReady',
      'True',
    ],
    [
      'whose init container failed for good',
      {
        pod: pod({ restartPolicy: 'Never', initContainers: [container('one')] }),
        containers: [exited('one', 1)],
      },
      'Failed',
      'False PodFailed',
      'False ContainersNotInitialized',
    ],
    [
      'that is ending',
      { pod: pod({}, deleted), containers: [running('app')] },
      'Running',
      'False ContainersNotReady',
      'True',
    ],
    [
      'that ended badly when deleted',
      { pod: pod({}, deleted), containers: [exited('app', 143)] },
      'Failed',
      'False PodFailed',
      'True',
    ],
    [
      'that ended well when deleted',
      { pod: pod({}, deleted), containers: [exited('app', 0)] },
      'Succeeded',
      'False PodCompleted',
      'True PodCompleted',
    ],
    ['deleted before it started', { pod: pod({}, deleted) }, 'Failed', 'False PodFailed', 'True'],
  ])('podStatus() of a pod %s', (_, given, phase, ready, initialized) => {
    const status = statusOf(given)
    expect(status.phase).toBe(phase)
    expect(conditionsOf(status)).toMatchObject({
      Ready: ready,
      ContainersReady: ready,
      Initialized: initialized,
    })
    expect(conditionsOf(status)).not.toHaveProperty('PodScheduled')
    expect(podStatus(view(given), facts)).toEqual(status)
  })

  it('podStatus() shows addresses while there is a sandbox', () => {
    expect(statusOf({})).toMatchObject({
      hostIP: '192.0.2.7',
      hostIPs: [{ ip: '192.0.2.7' }],
      podIP: '10.1.0.2',
      podIPs: [{ ip: '10.1.0.2' }],
      qosClass: 'BestEffort',
    })
    const without = statusOf({ sandboxes: [sandbox({ state: 'not-ready' })] })
    expect(without).not.toHaveProperty('podIP')
    expect(conditionsOf(without).PodReadyToStartContainers).toBe('False')
  })

  it('podStatus() waits in the words of kubelet', () => {
    const state = (given: Partial<PodView>) => statusOf(given).containerStatuses?.[0]?.state
    expect(state({})).toEqual({ waiting: { reason: 'ContainerCreating' } })
    expect(state({ pod: initPod, containers: [running('one')] })).toEqual({
      waiting: { reason: 'PodInitializing' },
    })
    const waiting = { reason: 'ErrImagePull', message: 'not found' }
    expect(state({ notes: notes({ app: { waiting } }) })).toEqual({ waiting })
    expect(
      state({
        containers: [exited('app', 1, { attempt: 2, finishedAt: NOW - 1000 })],
        notes: notes({ app: { starts: 4, startedAt: NOW - 2000 } }),
      }),
    ).toEqual({
      waiting: {
        reason: 'CrashLoopBackOff',
        message: 'back-off 1m20s restarting failed container=app pod=web_shop(uid-1)',
      },
    })
  })

  it('podStatus() tells how the run before ended', () => {
    const containers = [exited('app', 1), running('app', { attempt: 1 })]
    const [status] =
      statusOf({ containers, lastWords: new Map([['app-0', 'no database']]) }).containerStatuses ?? []
    expect(status).toMatchObject({ restartCount: 1, containerID: 'docker://app-1', state: { running: {} } })
    expect(status?.lastState).toEqual({
      terminated: {
        exitCode: 1,
        reason: 'Error',
        message: 'no database',
        startedAt: '2026-01-31T11:59:10Z',
        finishedAt: '2026-01-31T11:59:59Z',
        containerID: 'docker://app-0',
      },
    })
  })

  it('podStatus() keeps the transition time of a condition that did not change', () => {
    const conditions = [
      { type: 'Ready', status: 'True' as const, lastTransitionTime: '2020-01-01T00:00:00Z' },
      { type: 'ContainersReady', status: 'False' as const, lastTransitionTime: '2020-01-01T00:00:00Z' },
    ]
    const status = statusOf({
      pod: pod({}, { status: { conditions } }),
      containers: [running('app')],
      notes: notes({ app: well('app') }),
    })
    const since = Object.fromEntries(
      (status.conditions ?? []).map(condition => [condition.type, condition.lastTransitionTime]),
    )
    expect(since).toMatchObject({ Ready: '2020-01-01T00:00:00Z', ContainersReady: '2026-01-31T12:00:00Z' })
  })

  it('podStatus() is not ready before its readiness gates are', () => {
    const given = { containers: [running('app')], notes: notes({ app: well('app') }) }
    const readinessGates = [{ conditionType: 'example.com/gate' }]
    expect(conditionsOf(statusOf({ ...given, pod: pod({ readinessGates }) }))).toMatchObject({
      Ready: 'False ReadinessGatesNotReady',
      ContainersReady: 'True',
    })
    const conditions = [{ type: 'example.com/gate', status: 'True' as const }]
    const open = pod({ readinessGates }, { status: { conditions } })
    expect(conditionsOf(statusOf({ ...given, pod: open })).Ready).toBe('True')
  })
})

describe('statusPatch()', () => {
  const ready = { containers: [running('app')], notes: notes({ app: well('app') }) }

  function applied(owner: Pod, wanted: PodStatus): Pod {
    const patch = statusPatch(owner, wanted)
    if (patch === undefined) return owner
    const { status } = patch
    return applyStrategicMergePatch(schemaFor(Kinds.Pod), owner, { status }) as Pod
  }

  it('statusPatch() brings the published status to the wanted one, and then has nothing to say', () => {
    const foreign = {
      type: 'PodScheduled',
      status: 'True' as const,
      lastTransitionTime: '2020-01-01T00:00:00Z',
    }
    const before = pod({}, { status: { phase: 'Pending', conditions: [foreign] } })
    let live: Pod = before
    for (const given of [{ sandboxes: [] }, {}, ready, { containers: [exited('app', 1)] }, ready]) {
      const wanted = statusOf({ ...given, pod: live as PodView['pod'] })
      live = applied(live, wanted)
      expect(statusPatch(live, statusOf({ ...given, pod: live as PodView['pod'] }))).toBeUndefined()
      expect(live.status?.conditions).toContainEqual(foreign)
    }
  })

  it('statusPatch() lets no old address stay beside the new one', () => {
    const first = applied(pod(), statusOf(ready))
    const moved = statusOf({
      ...ready,
      pod: first as PodView['pod'],
      sandboxes: [sandbox({ ip: '10.1.0.9' })],
    })
    expect(applied(first, moved).status?.podIPs).toEqual([{ ip: '10.1.0.9' }])
  })

  it('statusPatch() clears what a condition and the pod no longer say', () => {
    const first = applied(pod(), statusOf({ failure: { reason: 'Bad', message: 'very' } }))
    expect(first.status).toMatchObject({ reason: 'Bad', message: 'very' })
    const waiting = applied(pod(), statusOf({}))
    const nowReady = applied(waiting, statusOf({ ...ready, pod: waiting as PodView['pod'] }))
    const condition = nowReady.status?.conditions?.find(({ type }) => type === 'Ready')
    expect(condition).toEqual({ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-31T12:00:00Z' })
  })

  it('statusPatch() names the uid, so that it fits no other pod of the name', () => {
    expect(statusPatch(pod(), statusOf({}))).toMatchObject({ metadata: { uid: 'uid-1' } })
  })

  it('tells of no containers where the host refused the pod, so that its reason is what is shown', () => {
    const failure = { reason: 'HostAccessDenied', message: 'no' }
    const refused = statusOf({ failure, sandboxes: [], pod: initPod })
    expect(refused).toMatchObject({ phase: 'Failed', ...failure })
    expect(refused).not.toHaveProperty('containerStatuses')
    expect(refused).not.toHaveProperty('initContainerStatuses')
    const published = applied(initPod, refused)
    const later = statusOf({ pod: published as PodView['pod'], sandboxes: [] })
    expect(later).toMatchObject({ phase: 'Failed', ...failure })
    expect(later).not.toHaveProperty('containerStatuses')
    expect(statusOf({ failure, containers: [exited('app', 137)] }).containerStatuses).toHaveLength(1)
  })
})
