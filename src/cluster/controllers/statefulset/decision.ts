import type { Pod, StatefulSet, StatefulSetStatus } from '../../../kube/index.ts'
import { BURST, creatablePods } from '../pod-burst.ts'
import { availableAt, isPodReady, isPodTerminal } from '../pod-state.ts'
import { positiveCounts } from '../positive-counts.ts'
import { isWantedOrdinal, missingLabels, missingOrdinals, ordinalOf, podRevision } from './identity.ts'
import { isStuck } from './stuck-pod.ts'

/** One thing to do. Steps are taken in order; in a set that is not Parallel the first that fails ends the round. */
export type StatefulSetStep =
  /** Make the pod of this ordinal, and first its claims. */
  | { readonly do: 'create'; readonly ordinal: number; readonly revision: string }
  | { readonly do: 'delete'; readonly pod: Pod; readonly why: DeletionReason }
  /** See to it that the claims of a pod are there and are owned as the policy says. */
  | { readonly do: 'claims'; readonly pod: Pod }
  | { readonly do: 'label'; readonly pod: Pod; readonly labels: Readonly<Record<string, string>> }

/** `stuck`: it is of a revision that is not wanted any more and does not come up. */
export type DeletionReason = 'ended' | 'scaled-down' | 'outdated' | 'stuck'

export interface StatefulSetInput {
  readonly set: StatefulSet
  /** The set's own pods. */
  readonly pods: readonly Pod[]
  /** The names of the revision that the pods had when the last update was complete, and of the one that they should have. */
  readonly currentRevision: string
  readonly updateRevision: string
  readonly collisionCount: number
  readonly now: number
}

export interface StatefulSetDecision {
  readonly steps: readonly StatefulSetStep[]
  readonly status: StatefulSetStatus
  /** When the next ready pod will have been ready long enough, in ms from now; undefined when none waits for that. */
  readonly recheckMs: number | undefined
}

/**
 * What a set does next (kubernetes `pkg/controller/statefulset`, updateStatefulSet): missing pods first, then those that are too many,
 * then those that are outdated. Unless it is Parallel, one pod at a time: upwards only over available pods, downwards from the
 * highest.
 *
 * In one case it does what upstream leaves to a person: see {@link isStuck}.
 */
export function decideStatefulSet(input: StatefulSetInput): StatefulSetDecision {
  const { set, now } = input
  const view = viewOf(input)
  const steps = stepsOf(view)
  return {
    steps,
    status: nextStatus(view, steps),
    recheckMs: recheckMs(view.pods, minReadySeconds(set), now),
  }
}

/** A place of a set: an ordinal, and the pod that is there. */
interface Slot {
  readonly ordinal: number
  readonly pod: Pod | undefined
}

interface View extends StatefulSetInput {
  /** By ordinal: every pod that is there, and the first places that have none. */
  readonly replicas: readonly Slot[]
  /** Pods of ordinals that are too many, the highest first. */
  readonly condemned: readonly Pod[]
  readonly isAvailable: (pod: Pod | undefined) => boolean
}

function viewOf(input: StatefulSetInput): View {
  const { set, now } = input
  const byOrdinal = new Map<number, Pod>()
  for (const pod of input.pods) {
    const ordinal = ordinalOf(set, pod)
    if (ordinal !== undefined) byOrdinal.set(ordinal, pod)
  }
  const known = [...byOrdinal].sort(([a], [b]) => a - b)
  const living = known.filter(([ordinal]) => isWantedOrdinal(set, ordinal))
  const missing = missingOrdinals(set, byOrdinal, BURST)
  const replicas = [
    ...living.map(([ordinal, pod]): Slot => ({ ordinal, pod })),
    ...missing.map((ordinal): Slot => ({ ordinal, pod: undefined })),
  ].sort((a, b) => a.ordinal - b.ordinal)
  const condemned = known
    .filter(([ordinal]) => !isWantedOrdinal(set, ordinal))
    .map(([, pod]) => pod)
    .reverse()
  const isAvailable = (pod: Pod | undefined) =>
    pod !== undefined && !isEnding(pod) && isRunningAvailable(pod, minReadySeconds(set), now)
  return { ...input, replicas, condemned, isAvailable }
}

function stepsOf(view: View): readonly StatefulSetStep[] {
  const isParallel = view.set.spec?.podManagementPolicy === 'Parallel'
  const living = isParallel ? everyReplica(view) : nextReplica(view)
  const kept = view.condemned.map((pod): StatefulSetStep => ({ do: 'claims', pod }))
  if (living.waits) return living.steps
  const leaving = isParallel ? everyCondemned(view) : nextCondemned(view)
  const steps = [...living.steps, ...kept, ...leaving.steps]
  return leaving.waits ? steps : [...steps, ...nextOutdated(view)]
}

/** What a stage does, and whether all that comes after has to wait for it. */
interface Stage {
  readonly steps: readonly StatefulSetStep[]
  readonly waits: boolean
}

function nextReplica(view: View): Stage {
  const steps: StatefulSetStep[] = []
  for (const slot of view.replicas) {
    steps.push(...careFor(view, slot))
    if (isStuckOutdated(view, slot)) steps.push({ do: 'delete', pod: slot.pod, why: 'stuck' })
    if (!view.isAvailable(slot.pod)) return { steps, waits: true }
  }
  return { steps, waits: false }
}

function everyReplica(view: View): Stage {
  const steps = view.replicas.flatMap(slot => careFor(view, slot))
  const creations = steps.filter(step => step.do === 'create')
  const made = new Set(creations.slice(0, creatablePods(creations.length, view.pods)))
  return { steps: steps.filter(step => step.do !== 'create' || made.has(step)), waits: false }
}

/** What one pod needs, whatever the others do. */
function careFor(view: View, { ordinal, pod }: Slot): readonly StatefulSetStep[] {
  if (pod === undefined) return [{ do: 'create', ordinal, revision: revisionFor(view, ordinal) }]
  if (isPodTerminal(pod)) return isEnding(pod) ? [] : [{ do: 'delete', pod, why: 'ended' }]
  if (isEnding(pod)) return []
  const labels = missingLabels(view.set, pod)
  return [{ do: 'claims', pod }, ...(labels === undefined ? [] : [{ do: 'label' as const, pod, labels }])]
}

/** Below the partition a new pod is what the others there are. */
function revisionFor({ set, currentRevision, updateRevision }: View, ordinal: number): string {
  return ordinal < firstUpdated(set) ? currentRevision : updateRevision
}

function nextCondemned(view: View): Stage {
  const [pod] = view.condemned
  if (pod === undefined) return { steps: [], waits: false }
  const firstUnavailable = view.condemned.findLast(one => !view.isAvailable(one))
  const isFree = !isEnding(pod) && (view.isAvailable(pod) || pod === firstUnavailable)
  return { steps: isFree ? [{ do: 'delete', pod, why: 'scaled-down' }] : [], waits: true }
}

function everyCondemned({ condemned }: View): Stage {
  const leaving = condemned.filter(pod => !isEnding(pod))
  return { steps: leaving.map(pod => ({ do: 'delete', pod, why: 'scaled-down' })), waits: false }
}

/** The highest pod that is outdated, when all above it are available. */
function nextOutdated(view: View): readonly StatefulSetStep[] {
  const { set, updateRevision } = view
  if (set.spec?.updateStrategy?.type === 'OnDelete') return []
  for (const { ordinal, pod } of view.replicas.toReversed()) {
    if (ordinal < firstUpdated(set)) return []
    if (pod !== undefined && !isEnding(pod) && podRevision(pod) !== updateRevision)
      return isPodTerminal(pod) ? [] : [{ do: 'delete', pod, why: 'outdated' }]
    if (!view.isAvailable(pod)) return []
  }
  return []
}

function isStuckOutdated(view: View, slot: Slot): slot is Slot & { readonly pod: Pod } {
  const { set, currentRevision, updateRevision } = view
  const { ordinal, pod } = slot
  if (pod === undefined || set.spec?.updateStrategy?.type === 'OnDelete') return false
  if (ordinal < firstUpdated(set) || isEnding(pod) || isPodTerminal(pod)) return false
  return podRevision(pod) !== updateRevision && isStuck(pod, podRevision(pod) !== currentRevision)
}

/** The lowest ordinal that an update reaches. */
function firstUpdated({ spec }: StatefulSet): number {
  const { type, rollingUpdate } = spec?.updateStrategy ?? {}
  const start = spec?.ordinals?.start ?? 0
  return type === 'OnDelete' ? start : start + (rollingUpdate?.partition ?? 0)
}

function nextStatus(view: View, steps: readonly StatefulSetStep[]): StatefulSetStatus {
  const { set, currentRevision, updateRevision, collisionCount, now } = view
  // Those that are about to go are counted no more as of their revision, but as there.
  const leaving = new Set(
    steps.flatMap(step => (step.do === 'delete' && step.why === 'outdated' ? [step.pod] : [])),
  )
  const known = [...view.replicas.flatMap(({ pod }) => pod ?? []), ...view.condemned]
  const staying = known.filter(pod => !isEnding(pod) && !leaving.has(pod))
  const ready = known.filter(isRunningReady)
  const ofRevision = (name: string) => staying.filter(pod => podRevision(pod) === name).length
  const replicas = known.length
  const updatedReplicas = ofRevision(updateRevision)
  const isComplete =
    set.spec?.updateStrategy?.type !== 'OnDelete' &&
    [updatedReplicas, ready.length, replicas].every(count => count === (set.spec?.replicas ?? 1))
  return {
    ...positiveCounts({
      observedGeneration: set.metadata.generation ?? 0,
      readyReplicas: ready.length,
      currentReplicas: isComplete ? updatedReplicas : ofRevision(currentRevision),
      updatedReplicas,
    }),
    replicas,
    availableReplicas: ready.filter(pod => isRunningAvailable(pod, minReadySeconds(set), now)).length,
    currentRevision: isComplete ? updateRevision : currentRevision,
    updateRevision,
    collisionCount,
  }
}

function recheckMs(pods: readonly Pod[], seconds: number, now: number): number | undefined {
  const later = pods
    .map(pod => availableAt(pod, seconds))
    .filter(time => time !== undefined)
    .filter(time => time > now)
  return later.length === 0 ? undefined : Math.min(...later) - now
}

function minReadySeconds({ spec }: StatefulSet): number {
  return spec?.minReadySeconds ?? 0
}

function isEnding({ metadata }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined
}

function isRunningReady(pod: Pod): boolean {
  return pod.status?.phase === 'Running' && isPodReady(pod)
}

function isRunningAvailable(pod: Pod, seconds: number, now: number): boolean {
  return isRunningReady(pod) && (availableAt(pod, seconds) ?? Number.POSITIVE_INFINITY) <= now
}
