import { describe, expect, it } from 'vitest'
import {
  decideStatefulSet,
  type StatefulSetStep,
} from '../../../../src/cluster/controllers/statefulset/decision.ts'
import type { StatefulSet } from '../../../../src/kube/index.ts'
import { SeededRandom } from '../../../chaos/random.ts'
import { NOW, pod, statefulSet } from './build.ts'

type Spec = Partial<NonNullable<StatefulSet['spec']>>

const PARALLEL: Spec = { podManagementPolicy: 'Parallel' }
const ON_DELETE: Spec = { updateStrategy: { type: 'OnDelete' } }
const partition = (count: number): Spec => ({
  updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: count } },
})

/** `current>update`, or one revision that is both; then the pods. */
function decide(spec: Spec, revisions: string, words: string) {
  const [current = '', update = current] = revisions.split('>')
  const pods = words.split(' ').filter(Boolean).map(pod)
  const set = statefulSet(spec)
  return decideStatefulSet({
    set,
    pods,
    currentRevision: current,
    updateRevision: update,
    collisionCount: 0,
    now: NOW,
  })
}

/** What is done besides looking after claims: `+1@a` makes a pod, `-db-1 why` deletes one. */
function words(steps: readonly StatefulSetStep[]): string {
  return steps
    .filter(step => step.do !== 'claims')
    .map(wordOf)
    .join(', ')
}

function wordOf(step: StatefulSetStep): string {
  switch (step.do) {
    case 'create':
      return `+${step.ordinal}@${step.revision}`
    case 'delete':
      return `-${step.pod.metadata.name} ${step.why}`
    default:
      return `${step.do} ${step.pod.metadata.name}`
  }
}

describe('decideStatefulSet()', () => {
  it.each<[string, Spec, string, string, string]>([
    ['makes the first pod', {}, 'a', '', '+0@a'],
    ['waits for a pod that is not ready', {}, 'a', 'db-0@a?', ''],
    ['makes the next when those before are ready', {}, 'a', 'db-0@a', '+1@a'],
    ['fills a gap before it goes on', {}, 'a', 'db-0@a db-2@a', '+1@a'],
    ['waits with a gap for a pod before it', {}, 'a', 'db-0@a! db-2@a', ''],
    ['does nothing when all are there', {}, 'a', 'db-0@a db-1@a db-2@a', ''],
    ['waits until a pod has been ready long enough', { minReadySeconds: 10 }, 'a', 'db-0@a~', ''],
    ['goes on when it has', { minReadySeconds: 10 }, 'a', 'db-0@a', '+1@a'],
    ['waits for a pod that ends', {}, 'a', 'db-0@a db-1@a-', ''],
    ['deletes a pod that has ended, to make it anew', {}, 'a', 'db-0@a db-1@ax', '-db-1 ended'],
    ['waits for one that has ended and is being deleted', {}, 'a', 'db-0@a db-1@ax-', ''],
    ['starts at its first ordinal', { ordinals: { start: 5 }, replicas: 2 }, 'a', 'db-5@a', '+6@a'],
    ['leaves pods alone whose names are not its own', {}, 'a', 'other-0@a db-0@a', '+1@a'],

    ['takes the highest away', { replicas: 1 }, 'a', 'db-0@a db-1@a db-2@a', '-db-2 scaled-down'],
    [
      'takes what is below its first ordinal away',
      { ordinals: { start: 1 }, replicas: 1 },
      'a',
      'db-0@a db-1@a',
      '-db-0 scaled-down',
    ],
    ['waits for the highest to be gone', { replicas: 1 }, 'a', 'db-0@a db-1@a db-2@a-', ''],
    [
      'waits to scale down until those that stay are ready',
      { replicas: 1 },
      'a',
      'db-0@a! db-1@a db-2@a',
      '',
    ],
    [
      'takes the one away that is not ready',
      { replicas: 1 },
      'a',
      'db-0@a db-1@a db-2@a!',
      '-db-2 scaled-down',
    ],
    ['waits for a lower one that is not ready', { replicas: 1 }, 'a', 'db-0@a db-1@a! db-2@a!', ''],
    [
      'takes a ready one away above one that is not',
      { replicas: 1 },
      'a',
      'db-0@a db-1@a! db-2@a',
      '-db-2 scaled-down',
    ],
    ['takes all away', { replicas: 0 }, 'a', 'db-0@a', '-db-0 scaled-down'],

    ['updates the highest first', {}, 'a>b', 'db-0@a db-1@a db-2@a', '-db-2 outdated'],
    ['makes it anew of the new revision', {}, 'a>b', 'db-0@a db-1@a', '+2@b'],
    ['waits for the updated one', {}, 'a>b', 'db-0@a db-1@a db-2@b!', ''],
    [
      'waits until it has been ready long enough',
      { minReadySeconds: 10 },
      'a>b',
      'db-0@a db-1@a db-2@b~',
      '',
    ],
    ['updates the next', {}, 'a>b', 'db-0@a db-1@a db-2@b', '-db-1 outdated'],
    ['updates the last', {}, 'a>b', 'db-0@a db-1@b db-2@b', '-db-0 outdated'],
    ['scales before it updates', { replicas: 2 }, 'a>b', 'db-0@a db-1@a db-2@a', '-db-2 scaled-down'],
    ['makes new pods of the new revision at once', { replicas: 4 }, 'a>b', 'db-0@a db-1@a db-2@a', '+3@b'],
    ['waits for an outdated pod that ends', {}, 'a>b', 'db-0@a db-1@a db-2@a-', ''],
    ['does not update while another pod is not ready', {}, 'a>b', 'db-0@a! db-1@a db-2@a', ''],

    ['updates from the partition on', partition(2), 'a>b', 'db-0@a db-1@a db-2@a', '-db-2 outdated'],
    ['leaves what is below the partition', partition(2), 'a>b', 'db-0@a db-1@a db-2@b', ''],
    [
      'makes what is below the partition of the current revision',
      partition(2),
      'a>b',
      'db-0@a db-2@b',
      '+1@a',
    ],
    ['makes what is above it of the new one', partition(2), 'a>b', 'db-0@a db-1@a', '+2@b'],
    ['updates nothing beyond all pods', partition(9), 'a>b', 'db-0@a db-1@a db-2@a', ''],
    [
      'counts the partition from the first ordinal',
      { ...partition(1), ordinals: { start: 5 }, replicas: 2 },
      'a>b',
      'db-5@a db-6@a',
      '-db-6 outdated',
    ],
    [
      'leaves the first ordinal below the partition',
      { ...partition(1), ordinals: { start: 5 }, replicas: 2 },
      'a>b',
      'db-5@a db-6@b',
      '',
    ],

    ['OnDelete: deletes nothing that is outdated', ON_DELETE, 'a>b', 'db-0@a db-1@a db-2@a', ''],
    ['OnDelete: makes what was deleted of the new revision', ON_DELETE, 'a>b', 'db-0@a db-2@a', '+1@b'],
    ['OnDelete: leaves a failing pod to its owner', ON_DELETE, 'a>b', 'db-0@a# db-1@a db-2@a', ''],

    ['Parallel: makes all at once', PARALLEL, 'a', '', '+0@a, +1@a, +2@a'],
    ['Parallel: waits for none', PARALLEL, 'a', 'db-0@a? db-1@a-', '+2@a'],
    [
      'Parallel: takes all away at once',
      { ...PARALLEL, replicas: 1 },
      'a',
      'db-0@a! db-1@a! db-2@a',
      '-db-2 scaled-down, -db-1 scaled-down',
    ],
    [
      'Parallel: updates one after the other all the same',
      PARALLEL,
      'a>b',
      'db-0@a db-1@a db-2@a',
      '-db-2 outdated',
    ],
    ['Parallel: waits for the updated one', PARALLEL, 'a>b', 'db-0@a db-1@a db-2@b!', ''],
    [
      'Parallel: replaces an outdated one that is not ready',
      PARALLEL,
      'a>b',
      'db-0@a db-1@a db-2@a!',
      '-db-2 outdated',
    ],
    ['Parallel: makes and replaces ended ones at once', PARALLEL, 'a', 'db-0@ax db-2@a', '-db-0 ended, +1@a'],

    // An update that was wrong, and taken back: the pod that never came up is in the way.
    [
      'replaces the broken pod of an update that was taken back',
      {},
      'a',
      'db-0@a db-1@a db-2@b!',
      '-db-2 stuck',
    ],
    ['also when it was the last to be updated', {}, 'a', 'db-0@b! db-1@b db-2@b', '-db-0 stuck'],
    ['and goes back from there', {}, 'a', 'db-0@a db-1@b db-2@b', '-db-2 outdated'],
    [
      'replaces it too when the mistake is mended by another update',
      {},
      'a>c',
      'db-0@a db-1@a db-2@b?',
      '-db-2 stuck',
    ],
    ['waits when it is on its way out', {}, 'a', 'db-0@a db-1@a db-2@b!-', ''],
    [
      'is blocked by a broken pod of the wanted revision, as upstream',
      {},
      'a>b',
      'db-0@a db-1@a db-2@b#',
      '',
    ],
    [
      'replaces a failing pod of the current revision by the update that mends it',
      {},
      'a>b',
      'db-0@a db-1@a# db-2@a',
      '-db-1 stuck',
    ],
    ['and one that cannot be scheduled', {}, 'a>b', 'db-0@a%', '-db-0 stuck'],
    ['leaves one that is only not ready yet the time to become it', {}, 'a>b', 'db-0@a db-1@a! db-2@a', ''],
    ['leaves a failing pod below the partition', partition(2), 'a>b', 'db-0@a# db-1@a db-2@a', ''],
    ['touches no pod behind the stuck one', {}, 'a', 'db-0@a db-1@b! db-2@b!', '-db-1 stuck'],
  ])('%s', (_, spec, revisions, pods, expected) => {
    expect(words(decide(spec, revisions, pods).steps)).toBe(expected)
  })

  it('looks at no more places than it has pods and will make, where there may be two billion', () => {
    const replicas = 2 ** 31 - 1
    expect(words(decide({ replicas }, 'a', 'db-0@a').steps)).toBe('+1@a')
    const { steps, status } = decide({ ...PARALLEL, replicas }, 'a', 'db-0@a db-2@a db-2000000000@a')
    const made = steps.flatMap(step => (step.do === 'create' ? [step.ordinal] : []))
    expect([made.length, ...made.slice(0, 3)]).toEqual([500, 1, 3, 4])
    expect([status.replicas, status.currentRevision]).toEqual([3, 'a'])
    const waiting = Array.from({ length: 2_000 }, (_, index) => `db-${index}@a?`).join(' ')
    expect(words(decide({ ...PARALLEL, replicas }, 'a', waiting).steps)).toBe('')
    expect(words(decide({ replicas: 1 }, 'a', 'db-0@a db-2000000000@a').steps)).toBe(
      '-db-2000000000 scaled-down',
    )
  })

  it('looks after the claims of all pods, of those too that are too many', () => {
    const { steps } = decide({ replicas: 2 }, 'a', 'db-0@a db-1@a db-2@a')
    expect(steps.flatMap(step => (step.do === 'claims' ? [step.pod.metadata.name] : []))).toEqual([
      'db-0',
      'db-1',
      'db-2',
    ])
  })

  it('gives a pod back the labels of its identity', () => {
    const adopted = { ...pod('db-0@a'), metadata: { ...pod('db-0@a').metadata, labels: { app: 'db' } } }
    const { steps } = decideStatefulSet({
      set: statefulSet({ replicas: 1, ...ON_DELETE }),
      pods: [adopted],
      currentRevision: 'a',
      updateRevision: 'a',
      collisionCount: 0,
      now: NOW,
    })
    expect(steps).toContainEqual({
      do: 'label',
      pod: adopted,
      labels: { 'statefulset.kubernetes.io/pod-name': 'db-0', 'apps.kubernetes.io/pod-index': '0' },
    })
  })

  const status = (spec: Spec, revisions: string, pods: string) => {
    const found = decide(spec, revisions, pods).status
    const { replicas, readyReplicas, availableReplicas, currentReplicas, updatedReplicas } = found
    return [
      [replicas, readyReplicas, availableReplicas, currentReplicas, updatedReplicas]
        .map(count => count ?? '-')
        .join(' '),
      [found.currentRevision, found.updateRevision].join('>'),
    ].join(' ')
  }
  it.each<[string, Spec, string, string, string]>([
    ['nothing there', {}, 'a', '', '0 - 0 - - a>a'],
    ['some there', {}, 'a', 'db-0@a db-1@a?', '2 1 1 2 2 a>a'],
    ['all there', {}, 'a', 'db-0@a db-1@a db-2@a', '3 3 3 3 3 a>a'],
    ['not long enough', { minReadySeconds: 10 }, 'a', 'db-0@a db-1@a~', '2 2 1 2 2 a>a'],
    ['one of them ends', {}, 'a', 'db-0@a db-1@a db-2@a-', '3 3 3 2 2 a>a'],
    ['an update begins', {}, 'a>b', 'db-0@a db-1@a db-2@a', '3 3 3 2 - a>b'],
    ['an update goes on', {}, 'a>b', 'db-0@a db-1@a db-2@b!', '3 2 2 2 1 a>b'],
    ['an update is complete', {}, 'a>b', 'db-0@b db-1@b db-2@b', '3 3 3 3 3 b>b'],
    ['an update waits for the last', {}, 'a>b', 'db-0@b! db-1@b db-2@b', '3 2 2 - 3 a>b'],
    ['an update up to the partition', partition(2), 'a>b', 'db-0@a db-1@a db-2@b', '3 3 3 2 1 a>b'],
    ['OnDelete is never complete', ON_DELETE, 'a>b', 'db-0@b db-1@b db-2@b', '3 3 3 - 3 a>b'],
    ['too many', { replicas: 1 }, 'a', 'db-0@a db-1@a', '2 2 2 2 2 a>a'],
  ])('tells the status: %s', (_, spec, revisions, pods, expected) => {
    expect(status(spec, revisions, pods)).toBe(expected)
  })

  it('looks again when the next pod will have been ready long enough', () => {
    expect(decide({ minReadySeconds: 10 }, 'a', 'db-0@a db-1@a~').recheckMs).toBe(10_000)
    expect(decide({}, 'a', 'db-0@a db-1@a~').recheckMs).toBeUndefined()
  })

  it.each([1, 2, 3, 4])('keeps the order whatever happens, and comes to rest (seed %i)', seed => {
    const random = new SeededRandom(seed)
    let replicas = 3
    let update = 'a'
    let current = 'a'
    const world = new Map<number, string>()
    for (let round = 0; round < 400; round++) {
      const isQuiet = round > 300
      if (!isQuiet && random.between(0, 15) === 0) replicas = random.between(0, 5)
      if (!isQuiet && random.between(0, 15) === 0) update = random.pick(['a', 'b', 'c'])
      // What the hosts do: pods end, become ready, fail to.
      for (const [ordinal, marks] of world)
        if (marks.endsWith('-')) world.delete(ordinal)
        else if (isQuiet) world.set(ordinal, marks.slice(0, 1))
        else world.set(ordinal, `${marks.slice(0, 1)}${random.pick(['', '', '!', '#', '?'])}`)
      const before = [...world].map(([ordinal, marks]) => `db-${ordinal}@${marks}`).join(' ')
      const { steps, status: next } = decide({ replicas }, `${current}>${update}`, before)
      const acts = steps.filter(step => step.do === 'create' || step.do === 'delete')
      expect(acts.length).toBeLessThanOrEqual(1)
      for (const step of acts) {
        const ordinal = step.do === 'create' ? step.ordinal : Number(step.pod.metadata.name?.split('-')[1])
        const others = [...world].filter(([one]) => one !== ordinal && one < replicas)
        const isHealthy = (one: readonly [number, string]) => one[1].length === 1
        if (step.do === 'create') {
          expect(others.filter(([one]) => one < ordinal).every(isHealthy)).toBe(true)
          world.set(ordinal, `${step.revision}?`)
        } else {
          // A healthy pod goes only while all others are healthy.
          if (step.why === 'outdated') expect(others.every(isHealthy)).toBe(true)
          if (step.why === 'stuck') expect(world.get(ordinal)?.length).toBeGreaterThan(1)
          world.set(ordinal, `${world.get(ordinal)?.slice(0, 1)}-`)
        }
      }
      current = next.currentRevision ?? current
    }
    expect([...world].sort(([a], [b]) => a - b)).toEqual(
      Array.from({ length: replicas }, (_, ordinal) => [ordinal, update]),
    )
    expect(current).toBe(update)
  })
})
