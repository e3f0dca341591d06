import { BowlineError, backoffMs, type Clock, hasCode, isAborted, messageOf } from '../base/index.ts'
import type { Client } from '../client/index.ts'
import type { Change } from '../diff/index.ts'
import {
  describeRef,
  isConflict,
  isCustomKind,
  isForbidden,
  isNotFound,
  isTransient,
  type Kind,
  type KubeObject,
  type ObjectRef,
  StatusError,
} from '../kube/index.ts'
import { describeFailure } from './describe-failure.ts'
import type { Outcome } from './outcome.ts'

/** The one field manager by which Bowline writes what Git declares. */
export const FIELD_MANAGER = 'bowline'

/** Attempts at one write before it counts as failed, and the waits between them. */
const ATTEMPTS = 5
const RETRY = { initialMs: 100, maxMs: 2_000 }

/** How long an object of the same name, or its namespace, may take to end before the new one counts as failed. */
const ENDING_MS = 120_000

/** How long a definition may take to be established before its objects count as failed. */
const ESTABLISHING_MS = 30_000

export interface ChangeOptions {
  readonly desired: (ref: ObjectRef) => KubeObject | undefined
  readonly live: (ref: ObjectRef) => KubeObject | undefined
  /** The kind of an object that the plan names. */
  readonly kindOf: (ref: ObjectRef) => Kind | undefined
  readonly client: Client
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Another change of the same plan failed: nothing is deleted any more. */
  readonly isAfterFailure: boolean
  readonly dryRun?: boolean
}

type Ending = Omit<Outcome, 'ref' | 'action' | 'at'>

/** Carries one change out, again and again while that may help. Never throws. */
export async function applyChange(change: Change, options: ChangeOptions): Promise<Outcome> {
  const { ref, action } = change
  const ending = await endOf(change, options)
  return { ref, action, at: new Date(options.clock.now()).toISOString(), ...ending }
}

async function endOf(change: Change, options: ChangeOptions): Promise<Ending> {
  const { clock, signal } = options
  if (change.action === 'delete' && options.isAfterFailure)
    return { outcome: 'skipped', message: 'another change of this commit failed' }
  const patience = clock.now() + ENDING_MS
  const patienceForKind = clock.now() + ESTABLISHING_MS
  for (let attempt = 1; ; attempt += 1) {
    if (signal.aborted) return skipped(signal)
    try {
      return await write(change, options)
    } catch (error) {
      if (signal.aborted && isAborted(error)) return skipped(signal)
      const isEarly = isNotServedYet(change, error, options)
      const isWaiting =
        (isStillEnding(error) && clock.now() < patience) || (isEarly && clock.now() < patienceForKind)
      const retryable = isStillEnding(error) || isEarly || mayRetry(error)
      // A quota or a policy may let it pass later; that takes somebody to change them.
      const mayPassLater = retryable || isForbidden(error)
      if (!isWaiting && (!retryable || attempt >= ATTEMPTS))
        return {
          outcome: 'failed',
          message: describeFailure(change.ref, error),
          retryable: mayPassLater,
        }
      await clock.sleep(backoffMs(attempt, RETRY), signal).catch(() => undefined)
    }
  }
}

function skipped({ reason }: AbortSignal): Ending {
  return { outcome: 'skipped', message: messageOf(reason) }
}

function write(change: Change, options: ChangeOptions): Promise<Ending> {
  return change.action === 'delete' ? remove(change, options) : apply(change, options)
}

async function apply({ action, ref }: Change, options: ChangeOptions): Promise<Ending> {
  const kind = requiredKind(ref, options)
  const body = options.desired(ref)
  if (body === undefined)
    throw new BowlineError(
      'internal',
      `Cannot apply ${describeRef(ref)}: the plan names an object that the revision lacks`,
    )
  // A write to what is on its way out would be lost with it.
  if (options.live(ref)?.metadata.deletionTimestamp !== undefined)
    throw new BowlineError('conflict', `Cannot apply ${describeRef(ref)}: it is still being deleted`, {
      retryable: true,
      data: { stillEnding: true },
    })
  const { metadata } = await options.client.patch(
    kind,
    ref.name,
    { type: 'apply', body, force: true },
    { ...placeOf(ref), ...dryRunOf(options), fieldManager: FIELD_MANAGER, signal: options.signal },
  )
  return {
    outcome: action === 'create' ? 'created' : 'configured',
    ...(metadata.resourceVersion === undefined ? {} : { resourceVersion: metadata.resourceVersion }),
  }
}

async function remove({ ref }: Change, options: ChangeOptions): Promise<Ending> {
  const uid = options.live(ref)?.metadata.uid
  if (uid === undefined) return { outcome: 'unchanged' }
  try {
    await options.client.delete(requiredKind(ref, options), ref.name, {
      ...placeOf(ref),
      ...dryRunOf(options),
      propagationPolicy: 'Background',
      preconditions: { uid },
      signal: options.signal,
    })
  } catch (error) {
    if (isNotFound(error)) return { outcome: 'unchanged' }
    throw error
  }
  return { outcome: 'deleted' }
}

function placeOf({ namespace }: ObjectRef): { readonly namespace?: string } {
  return namespace === undefined ? {} : { namespace }
}

function dryRunOf({ dryRun = false }: ChangeOptions): { readonly dryRun?: true } {
  return dryRun ? { dryRun } : {}
}

function requiredKind(ref: ObjectRef, { kindOf }: ChangeOptions): Kind {
  const kind = kindOf(ref)
  if (kind === undefined)
    throw new BowlineError(
      'unsupported',
      `Cannot apply ${describeRef(ref)}: this server does not serve ${ref.apiVersion}`,
    )
  return kind
}

/** The definition of the object's kind was made a moment ago, by this plan or another app's, and is not established yet. */
function isNotServedYet({ action, ref }: Change, error: unknown, { kindOf }: ChangeOptions): boolean {
  const kind = kindOf(ref)
  return action !== 'delete' && kind !== undefined && isCustomKind(kind) && isKindNotFound(error)
}

/** A NotFound of an object names it. */
function isKindNotFound(error: unknown): boolean {
  return error instanceof StatusError && error.reason === 'NotFound' && error.details.name === undefined
}

/** A conflict on a forced apply is a race with another writer, so the same write may succeed. */
function mayRetry(error: unknown): boolean {
  return isTransient(error) || isConflict(error) || hasCode(error, 'unavailable') || hasCode(error, 'timeout')
}

/** The object, or the namespace that it goes to, has to be gone before it can be made anew. */
function isStillEnding(error: unknown): boolean {
  if (error instanceof BowlineError) return error.data.stillEnding === true
  return (
    error instanceof StatusError &&
    error.details.causes?.some(({ reason }) => reason === 'NamespaceTerminating') === true
  )
}
