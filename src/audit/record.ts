import { createHash } from 'node:crypto'
import { breathe, canonicalPieces } from '../base/index.ts'
import { countActions, type Plan } from '../diff/index.ts'
import { apiVersionOf, Kinds, type ObjectRef, type RecordObject } from '../kube/index.ts'

export type RecordSpec = RecordObject['spec']
export type RecordStatus = NonNullable<RecordObject['status']>
export type RecordState = RecordStatus['state']
export type Trigger = RecordSpec['trigger']
export type RecordCommit = RecordSpec['commit']
export type RecordedChange = NonNullable<RecordStatus['changes']>[number]
export type RecordedContainer = NonNullable<RecordStatus['containers']>[number]

/** How deep the single changes lie in a record, of which there may be thousands: `spec.plan.changes[0]`. */
const CHANGE_DEPTH = 4

/** The hash before the first record of a chain. */
export const CHAIN_START: string = '0'.repeat(64)

/** What is known when an attempt begins; times are RFC 3339. */
export interface RecordOpening {
  readonly app: string
  readonly sequence: number
  readonly commit: RecordCommit
  readonly trigger: Trigger
  /** Commits between the last attempt and this one that were never attempted, oldest first. */
  readonly skipped: readonly string[]
  /** Masked already, as every `Plan` is. */
  readonly plan: Plan
  /** Who made the drift that this attempt repairs: an API user, or `unknown`. */
  readonly actor?: string
  readonly openedAt: string
  readonly previousHash: string
  readonly uid: string
}

/** How an attempt ended. */
export interface RecordClosing {
  readonly state: Exclude<RecordState, 'Open'>
  readonly changes: readonly RecordedChange[]
  readonly containers: readonly RecordedContainer[]
  /** One sentence: what is healthy, or what is not and why. */
  readonly message: string
  /** When everything was healthy, where it was. */
  readonly healthyAt?: string
  readonly closedAt: string
}

/** How far an attempt has come. */
export type RecordProgress = Pick<RecordClosing, 'changes' | 'containers' | 'healthyAt'> & {
  /** Why it counts as healthy already, while what was replaced is still ending. */
  readonly message?: string
}

/** `shop-000012`: padded, so that the API's order by name is the order of the chain. */
export function recordName(app: string, sequence: number): string {
  return `${app}-${String(sequence).padStart(6, '0')}`
}

/** The record of an attempt that begins now. */
export function openRecord(opening: RecordOpening): RecordObject {
  const { app, sequence, commit, plan } = opening
  return {
    apiVersion: apiVersionOf(Kinds.Record) as RecordObject['apiVersion'],
    kind: 'Record',
    metadata: {
      name: recordName(app, sequence),
      uid: opening.uid,
      creationTimestamp: opening.openedAt.replace(/\.\d+Z$/, 'Z'),
      labels: { 'bowline.dev/app': app, 'bowline.dev/commit': commit.id },
    },
    spec: {
      app,
      sequence,
      commit,
      trigger: opening.trigger,
      skipped: [...opening.skipped],
      plan: recordPlan(plan),
      ...(opening.actor === undefined ? {} : { actor: opening.actor }),
      openedAt: opening.openedAt,
      previousHash: opening.previousHash,
    },
    status: { state: 'Open', changes: [], containers: [] },
  }
}

/** The open record with what has happened so far. */
export function noteProgress(record: RecordObject, progress: RecordProgress): RecordObject {
  const { changes, containers, message, healthyAt } = progress
  const status: RecordStatus = {
    state: 'Open',
    changes: [...changes],
    containers: [...containers],
    ...(message === undefined ? {} : { health: healthOf(message, healthyAt) }),
  }
  return { ...record, status }
}

/** The record with its end written and sealed by its hash. Of a large one that is made a turn of the event loop at a time. */
export async function closeRecord(record: RecordObject, closing: RecordClosing): Promise<RecordObject> {
  const { state, changes, containers, message, healthyAt, closedAt } = closing
  const status: RecordStatus = {
    state,
    changes: [...changes],
    containers: [...containers],
    health: healthOf(message, healthyAt),
    closedAt,
    durationMs: Math.max(0, Date.parse(closedAt) - Date.parse(record.spec.openedAt)),
  }
  const closed: RecordObject = { ...record, status }
  const hash = createHash('sha256')
  for (const piece of hashedPieces(closed)) {
    hash.update(piece)
    await breathe()
  }
  return { ...closed, status: { ...status, hash: hash.digest('hex') } }
}

/**
 * SHA-256, in hex, of all that a record says: everything but the hash itself and the resourceVersion, which the store gives it
 * afterwards. The spec holds the hash of the record before it, which is what makes the chain.
 */
export function hashRecord(record: RecordObject): string {
  const hash = createHash('sha256')
  for (const piece of hashedPieces(record)) hash.update(piece)
  return hash.digest('hex')
}

function hashedPieces(record: RecordObject): Iterable<string> {
  const { resourceVersion: _version, ...metadata } = record.metadata
  const { hash: _hash, ...status } = record.status ?? {}
  return canonicalPieces({ ...record, metadata, status }, CHANGE_DEPTH)
}

/** A reference as records write it. */
export function recordRef(ref: ObjectRef): RecordedChange['ref'] {
  const { apiVersion, kind, namespace, name } = ref
  return { apiVersion, kind, ...(namespace === undefined ? {} : { namespace }), name }
}

function healthOf(message: string, at: string | undefined): NonNullable<RecordStatus['health']> {
  return { message, ...(at === undefined ? {} : { at }) }
}

function recordPlan(plan: Plan): RecordSpec['plan'] {
  const changes = plan.changes
    .filter(change => change.action !== 'keep')
    .map(change => ({
      action: change.action,
      ref: recordRef(change.ref),
      ...(change.source === undefined ? {} : { source: { ...change.source } }),
      fields: change.fields.map(field => ({ ...field })),
    }))
  return {
    counts: { ...countActions(plan) },
    changes,
    ...(plan.hold === undefined ? {} : { hold: { ...plan.hold } }),
  }
}
