import { describe, expect, it } from 'vitest'
import {
  type DeploymentStep,
  decideDeployment,
} from '../../../../src/cluster/controllers/deployment/decision.ts'
import type { Deployment, ReplicaSet } from '../../../../src/kube/index.ts'
import { deployment, replicaSet, template } from '../build.ts'

const now = Date.parse('2026-01-02T00:00:00Z')

function decide(object: Deployment, replicaSets: readonly ReplicaSet[], hasOldPods = false) {
  return decideDeployment({ deployment: object, replicaSets, hasOldPods, now })
}

function describeSteps(steps: readonly DeploymentStep[]): string[] {
  return steps.map(step =>
    step.do === 'update' ? `${step.replicaSet.metadata.name} ${step.from}→${step.to}` : step.do,
  )
}

function rolling(replicas: number, maxSurge: number | string, maxUnavailable: number | string): Deployment {
  return deployment({
    replicas,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
    template: template('v2'),
  })
}

function conditionsOf(object: { conditions?: readonly { type: string; status: string; reason?: string }[] }) {
  return (object.conditions ?? []).map(({ type, status, reason }) => `${type}=${status} ${reason}`).sort()
}

describe('decideDeployment()', () => {
  it('creates the first ReplicaSet with hash, revision and counts', () => {
    const { steps, revision, status } = decide(deployment(), [])
    expect(revision).toBe(1)
    expect(steps).toHaveLength(1)
    const created = steps[0]?.replicaSet as ReplicaSet
    const hash = created.metadata.labels?.['pod-template-hash'] ?? ''
    expect(hash).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/)
    expect(created.metadata.name).toBe(`web-${hash}`)
    expect(created.metadata.annotations).toEqual({
      'deployment.kubernetes.io/revision': '1',
      'deployment.kubernetes.io/desired-replicas': '3',
      'deployment.kubernetes.io/max-replicas': '4',
    })
    expect(created.spec).toMatchObject({
      replicas: 3,
      selector: { matchLabels: { app: 'web', 'pod-template-hash': hash } },
      template: { metadata: { labels: { app: 'web', 'pod-template-hash': hash } } },
    })
    expect(conditionsOf(status)).toEqual([
      'Available=False MinimumReplicasUnavailable',
      'Progressing=True NewReplicaSetCreated',
    ])
  })

  it('names equal templates alike whatever the order of their keys, and another way after a collision', () => {
    const name = (object: Deployment) => decide(object, []).steps[0]?.replicaSet.metadata.name
    const turned = { spec: template('v1').spec, metadata: template('v1').metadata }
    expect(name(deployment({ template: turned }))).toBe(name(deployment()))
    expect(name(deployment({ template: template('v2') }))).not.toBe(name(deployment()))
    expect(name(deployment({}, { status: { collisionCount: 1 } }))).not.toBe(name(deployment()))
  })

  it.each([
    // replicas, surge, unavailable, the old one's replicas (available), the new one's, the steps
    [10, '25%', '25%', [10, 10], undefined, ['create 3']],
    [10, '25%', '25%', [10, 10], [3, 0], ['old 10→8']],
    [10, '25%', '25%', [8, 8], [3, 0], ['new 3→5']],
    [10, '25%', '25%', [8, 8], [5, 0], []],
    [10, '25%', '25%', [8, 8], [5, 5], ['old 8→3']],
    [10, '25%', '25%', [3, 3], [10, 10], ['old 3→0']],
    [10, 3, 0, [10, 10], [3, 1], ['old 10→9']],
    [10, 0, 2, [10, 10], undefined, ['create 0']],
    [10, 0, 2, [10, 10], [0, 0], ['old 10→8']],
    [10, 0, 2, [8, 8], [0, 0], ['new 0→2']],
    [1, 0, 0, [1, 1], [0, 0], ['old 1→0']],
    [1, '25%', '25%', [1, 1], [1, 0], []],
    [1, '25%', '25%', [1, 1], [1, 1], ['old 1→0']],
    // Old pods that serve nobody go first, and they go though the new ones are not there yet.
    [10, 0, 2, [10, 4], [0, 0], ['old 10→8']],
    // The status of the old one lags behind its spec: what was told to go does not count.
    [10, 3, 0, [7, 10], [6, 4], ['old 7→6']],
    // A broken revision never takes more than maxUnavailable.
    [10, 3, 2, [8, 8], [5, 0], []],
  ] as const)(
    'rolls %i with surge %s and unavailable %s: old %j, new %j → %j',
    (replicas, surge, unavailable, old, current, expected) => {
      const replicaSets = [
        replicaSet('old', { image: 'v1', replicas: old[0], available: old[1], desired: replicas }),
        ...(current === undefined
          ? []
          : [
              replicaSet('new', {
                image: 'v2',
                replicas: current[0],
                available: current[1],
                revision: 2,
                desired: replicas,
                created: '2026-01-01T01:00:00Z',
              }),
            ]),
      ]
      const { steps } = decide(rolling(replicas, surge, unavailable), replicaSets)
      const described = steps.map(step =>
        step.do === 'create' ? `create ${step.replicaSet.spec?.replicas}` : describeSteps([step])[0],
      )
      expect(described).toEqual(expected)
    },
  )

  it('takes the ReplicaSet of a template that comes back, with a new revision and its history', () => {
    const old = replicaSet('v1', { image: 'v1', replicas: 0, revision: 1, desired: 3, max: 4 })
    const current = replicaSet('v2', { image: 'v2', replicas: 3, revision: 2, desired: 3, max: 4 })
    const { steps, revision } = decide(deployment({ template: template('v1') }), [old, current])
    expect(revision).toBe(3)
    expect(steps).toHaveLength(1)
    expect(steps[0]?.replicaSet.metadata.annotations).toMatchObject({
      'deployment.kubernetes.io/revision': '3',
      'deployment.kubernetes.io/revision-history': '1',
    })
    expect(describeSteps(steps)).toEqual(['v1 0→1'])
  })

  it('Recreate: stops the old pods, waits until they are gone, then starts the new ones', () => {
    const recreate = deployment({ strategy: { type: 'Recreate' }, template: template('v2') })
    const running = replicaSet('old', { image: 'v1', replicas: 3, desired: 3 })
    const stopped = replicaSet('old', { image: 'v1', replicas: 0, desired: 3 })
    expect(describeSteps(decide(recreate, [running], true).steps)).toEqual(['old 3→0'])
    expect(describeSteps(decide(recreate, [stopped], true).steps)).toEqual([])
    const { steps } = decide(recreate, [stopped], false)
    expect(describeSteps(steps)).toEqual(['create'])
    expect(steps[0]?.replicaSet.spec?.replicas).toBe(3)
  })

  it('Recreate: a template that comes back waits for the old pods too', () => {
    const recreate = deployment({ strategy: { type: 'Recreate' }, template: template('v1') })
    const back = replicaSet('v1', { image: 'v1', replicas: 0, revision: 3, desired: 3 })
    const stopped = replicaSet('v2', { image: 'v2', replicas: 0, revision: 2, desired: 3 })
    expect(describeSteps(decide(recreate, [back, stopped], true).steps)).toEqual([])
    expect(describeSteps(decide(recreate, [back, stopped], false).steps)).toEqual(['v1 0→3'])
  })

  it('a paused Deployment scales but does not roll out, and its deadline stands still', () => {
    const paused = deployment({ paused: true, template: template('v2'), replicas: 5 })
    const { steps, status, recheckMs } = decide(paused, [
      replicaSet('old', { image: 'v1', replicas: 3, desired: 3, max: 4 }),
    ])
    expect(describeSteps(steps)).toEqual(['old 3→5'])
    expect(conditionsOf(status)).toContain('Progressing=Unknown DeploymentPaused')
    expect(recheckMs).toBeUndefined()
  })

  it('scales in the midst of a roll-out in proportion, and leaves none of the change out', () => {
    const grown = deployment({
      replicas: 20,
      template: template('v2'),
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } },
    })
    const { steps } = decide(grown, [
      replicaSet('old', { image: 'v1', replicas: 8, desired: 10, max: 13 }),
      replicaSet('new', {
        image: 'v2',
        replicas: 5,
        available: 0,
        revision: 2,
        desired: 10,
        max: 13,
        created: '2026-01-01T01:00:00Z',
      }),
    ])
    expect(describeSteps(steps).sort()).toEqual(['new 5→9', 'old 8→14'])
  })

  it('scaling to zero takes all pods of all revisions', () => {
    const { steps } = decide(deployment({ replicas: 0, template: template('v2') }), [
      replicaSet('old', { image: 'v1', replicas: 2, desired: 3, max: 4 }),
      replicaSet('new', { image: 'v2', replicas: 2, revision: 2, desired: 3, max: 4 }),
    ])
    expect(describeSteps(steps).sort()).toEqual(['new 2→0', 'old 2→0'])
  })

  it('deletes old ReplicaSets beyond the history limit once complete, but none with pods', () => {
    const old = [1, 2, 3].map(revision =>
      replicaSet(`v${revision}`, { image: `v${revision}`, replicas: revision === 2 ? 1 : 0, revision }),
    )
    const current = replicaSet('v4', { image: 'v4', replicas: 3, revision: 4, desired: 3, max: 4 })
    const complete = deployment({ template: template('v4'), revisionHistoryLimit: 0 })
    const rolled = old.map(one =>
      one.metadata.name === 'v2' ? replicaSet('v2', { image: 'v2', replicas: 0, revision: 2 }) : one,
    )
    const names = (steps: readonly DeploymentStep[]) =>
      steps.filter(step => step.do === 'delete').map(step => step.replicaSet.metadata.name)
    expect(names(decide(complete, [...rolled, current]).steps)).toEqual(['v1', 'v2', 'v3'])
    expect(
      names(
        decide({ ...complete, spec: { ...complete.spec!, revisionHistoryLimit: 2 } }, [...rolled, current])
          .steps,
      ),
    ).toEqual(['v1'])
    expect(names(decide(complete, [...old, current]).steps)).toEqual([])
  })

  it('writes nothing for a complete Deployment, and keeps the status that it gave', () => {
    const current = replicaSet('v1', { image: 'v1', replicas: 3, desired: 3, max: 4 })
    const first = decide(deployment(), [current])
    expect(first.steps).toEqual([])
    expect(first.status).toMatchObject({
      replicas: 3,
      updatedReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      observedGeneration: 1,
    })
    expect(conditionsOf(first.status)).toEqual([
      'Available=True MinimumReplicasAvailable',
      'Progressing=True NewReplicaSetAvailable',
    ])
    const later = decideDeployment({
      deployment: deployment({}, { status: first.status }),
      replicaSets: [current],
      hasOldPods: false,
      now: now + 60_000,
    })
    expect(later).toEqual(first)
  })

  it('reports progress, and a deadline that passed without any', () => {
    const current = replicaSet('v1', { image: 'v1', replicas: 3, available: 0, desired: 3, max: 4 })
    const first = decide(deployment(), [current])
    expect(conditionsOf(first.status)).toContain('Progressing=True ReplicaSetUpdated')
    expect(first.recheckMs).toBe(601_000)
    const at = (ms: number) =>
      decideDeployment({
        deployment: deployment({}, { status: first.status }),
        replicaSets: [current],
        hasOldPods: false,
        now: now + ms,
      }).status
    expect(conditionsOf(at(600_000))).toContain('Progressing=True ReplicaSetUpdated')
    expect(conditionsOf(at(601_000))).toContain('Progressing=False ProgressDeadlineExceeded')
  })

  it('shows that a ReplicaSet cannot make its pods', () => {
    const current = replicaSet('v1', { image: 'v1', replicas: 3, available: 0, desired: 3, max: 4 })
    const failing = {
      ...current,
      status: {
        ...current.status!,
        conditions: [
          { type: 'ReplicaFailure', status: 'True' as const, reason: 'FailedCreate', message: 'quota' },
        ],
      },
    }
    expect(conditionsOf(decide(deployment(), [failing]).status)).toContain('ReplicaFailure=True FailedCreate')
    expect(conditionsOf(decide(deployment(), [current]).status)).toHaveLength(2)
  })

  it('does nothing but count for a Deployment that is being deleted', () => {
    const ending = deployment({}, { metadata: { deletionTimestamp: '2026-01-02T00:00:00Z' } })
    expect(decide(ending, []).steps).toEqual([])
  })

  it('a whole roll-out never leaves the budget, whatever the sizes', () => {
    for (const replicas of [1, 2, 3, 7, 10])
      for (const [surge, unavailable] of [
        [0, 1],
        [1, 0],
        ['25%', '25%'],
        ['100%', 0],
        [2, 2],
      ] as const) {
        const object = rolling(replicas, surge, unavailable)
        let old = replicaSet('old', { image: 'v1', replicas, desired: replicas })
        let current: ReplicaSet | undefined
        for (let round = 0; round < 200; round++) {
          const sets = current === undefined ? [old] : [old, current]
          const { steps } = decide(object, sets)
          for (const step of steps) {
            if (step.do === 'create')
              current = { ...step.replicaSet, metadata: { ...step.replicaSet.metadata, uid: 'new' } }
            else if (step.do === 'update' && step.replicaSet.metadata.name === 'old') old = step.replicaSet
            else if (step.do === 'update') current = step.replicaSet
          }
          // The ReplicaSet controller follows, and pods become available one at a time.
          old = follow(old, 100)
          current = current && follow(current, 1)
          const available = (old.status?.availableReplicas ?? 0) + (current?.status?.availableReplicas ?? 0)
          const total = (old.spec?.replicas ?? 0) + (current?.spec?.replicas ?? 0)
          const share = (value: number | string, round: (n: number) => number) =>
            typeof value === 'number' ? value : round((Number.parseInt(value, 10) * replicas) / 100)
          const maxSurge = share(surge, Math.ceil)
          const down = share(unavailable, Math.floor)
          const maxUnavailable = maxSurge === 0 && down === 0 ? 1 : down
          expect(total).toBeLessThanOrEqual(replicas + maxSurge)
          expect(available).toBeGreaterThanOrEqual(replicas - maxUnavailable)
        }
        expect([old.spec?.replicas, current?.spec?.replicas]).toEqual([0, replicas])
      }
  })
})

function follow(one: ReplicaSet, step: number): ReplicaSet {
  const replicas = one.spec?.replicas ?? 0
  const before = Math.min(one.status?.availableReplicas ?? 0, replicas)
  const available = Math.min(replicas, before + step)
  return {
    ...one,
    status: { replicas, readyReplicas: available, availableReplicas: available, observedGeneration: 1 },
  }
}
