import { CUSTOM_RESOURCE_CLEANUP, withCondition } from '../../../kinds/index.ts'
import {
  type CustomResourceDefinition,
  formatTime,
  type Kind,
  Kinds,
  type KubeObject,
  type Pod,
  parseTime,
} from '../../../kube/index.ts'
import type { DeletionOptions } from '../contract.ts'

const ORPHAN = 'orphan'
const FOREGROUND = 'foregroundDeletion'
/** What a pod gets when neither it nor the request says how long it may take. */
const DEFAULT_GRACE_SECONDS = 30
/** 68 years: a template may name more than a time can say. */
const MAX_GRACE_SECONDS = 2 ** 31 - 1

/**
 * What a delete request leads to: the object as it stays while it ends (for its grace period, for its finalizers, for what its
 * namespace holds), or undefined when it goes at once. Upstream: apiserver `registry/rest/delete.go` `BeforeDelete`,
 * `registry/generic/registry/store.go` `Delete`, and the pods' and namespaces' own.
 */
export function deletionOf(
  kind: Kind,
  object: KubeObject,
  options: Pick<DeletionOptions, 'propagationPolicy' | 'gracePeriodSeconds'>,
  nowMs: number,
): KubeObject | undefined {
  const finalizers = finalizersFor(object.metadata.finalizers ?? [], options.propagationPolicy)
  if (isNamespace(kind)) {
    const holds = (object as { spec?: { finalizers?: readonly string[] } }).spec?.finalizers ?? []
    if (holds.length === 0 && finalizers.length === 0) return undefined
    const ending = ended(object, finalizers, 0, nowMs)
    return {
      ...ending,
      status: { ...(object as { status?: object }).status, phase: 'Terminating' },
    } as KubeObject
  }
  if (isDefinition(kind)) return endedDefinition(object as CustomResourceDefinition, finalizers, nowMs)
  const grace = graceOf(kind, object, options.gracePeriodSeconds)
  if (grace === 0 && finalizers.length === 0) return undefined
  return ended(object, finalizers, grace, nowMs)
}

/** Whether an update of an ending object removed the last thing that kept it. */
export function endsWithUpdate(kind: Kind, object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds > 0 || finalizers.length > 0) return false
  if (!isNamespace(kind)) return true
  return ((object as { spec?: { finalizers?: readonly string[] } }).spec?.finalizers ?? []).length === 0
}

function finalizersFor(
  finalizers: readonly string[],
  policy: DeletionOptions['propagationPolicy'],
): readonly string[] {
  if (policy === '') return finalizers
  const others = finalizers.filter(finalizer => finalizer !== ORPHAN && finalizer !== FOREGROUND)
  if (policy === 'Background') return others
  return [...others, policy === 'Orphan' ? ORPHAN : FOREGROUND]
}

/** Only pods that a node runs take time to end. */
function graceOf(kind: Kind, object: KubeObject, requested: number | undefined): number {
  if (kind.group !== '' || kind.kind !== Kinds.Pod.kind) return 0
  const { spec, status } = object as Pod
  const isOver = status?.phase === 'Succeeded' || status?.phase === 'Failed'
  if (!spec?.nodeName || isOver) return 0
  const seconds = requested ?? spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS
  return seconds < 0 ? 1 : Math.min(Math.floor(seconds), MAX_GRACE_SECONDS)
}

/** The object as ending; a second request can only make it shorter. */
function ended(object: KubeObject, finalizers: readonly string[], grace: number, nowMs: number): KubeObject {
  const {
    deletionTimestamp,
    deletionGracePeriodSeconds = 0,
    generation,
    finalizers: _,
    ...metadata
  } = object.metadata
  const isEnding = deletionTimestamp !== undefined
  const seconds = isEnding ? Math.min(grace, deletionGracePeriodSeconds) : grace
  const started = isEnding
    ? (parseTime(deletionTimestamp) ?? nowMs) - deletionGracePeriodSeconds * 1000
    : nowMs
  const bumped = !isEnding && generation !== undefined && generation > 0 ? generation + 1 : generation
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(bumped === undefined ? {} : { generation: bumped }),
      ...(finalizers.length === 0 ? {} : { finalizers }),
      deletionTimestamp: formatTime(started + seconds * 1000),
      deletionGracePeriodSeconds: seconds,
    },
  }
}

/** A definition first lets its objects go: a controller removes them, and then the finalizer. */
function endedDefinition(
  definition: CustomResourceDefinition,
  finalizers: readonly string[],
  nowMs: number,
): KubeObject | undefined {
  if (definition.metadata.deletionTimestamp !== undefined)
    return finalizers.length === 0 ? undefined : ended(definition, finalizers, 0, nowMs)
  const held = [...new Set([...finalizers, CUSTOM_RESOURCE_CLEANUP])]
  const conditions = withCondition(
    definition.status?.conditions ?? [],
    {
      type: 'Terminating',
      status: 'True',
      reason: 'InstanceDeletionPending',
      message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
    },
    formatTime(nowMs),
  )
  const ending = ended(definition, held, 0, nowMs)
  return { ...ending, status: { ...definition.status, conditions } } as KubeObject
}

function isDefinition(kind: Kind): boolean {
  return (
    kind.group === Kinds.CustomResourceDefinition.group && kind.kind === Kinds.CustomResourceDefinition.kind
  )
}

function isNamespace(kind: Kind): boolean {
  return kind.group === '' && kind.kind === Kinds.Namespace.kind
}
