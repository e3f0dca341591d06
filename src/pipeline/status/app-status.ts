import { type App, type AppStatus, formatTime } from '../../kube/index.ts'
import type { Commit, Revision } from '../../sync/index.ts'
import { describeDiagnostics } from '../source/app-target.ts'
import type { LaneReport } from './lane-report.ts'

type Phase = NonNullable<AppStatus['phase']>
type Diagnostics = Revision['diagnostics']

/** What the source of a root App has given. */
export interface SourceReport {
  readonly commit: Commit
  /** Mistakes that belong to no app. */
  readonly diagnostics: Diagnostics
  readonly total: number
  /** The names of the apps that the commit touches; undefined when that is known from before the start. */
  readonly affected: readonly string[] | undefined
}

/** All that is said of one App object. */
export interface Sayings {
  readonly lane: LaneReport | undefined
  readonly source: SourceReport | undefined
  /** Why the source cannot be read at present. */
  readonly problem: string | undefined
  /** The apps that its `bowline.yaml` made of it. */
  readonly children: readonly App[]
  /** How many objects Git owns through it. */
  readonly objects: number
}

/** Mistakes that a status lists; the rest is counted. An object has a limit, and a status that is too large would never be written. */
const MAX_DIAGNOSTICS = 100

/** From the one that needs a person most to the one that needs nobody. */
const SEVERITY: readonly Phase[] = ['Failed', 'Held', 'Progressing', 'Pending', 'Healthy']

/** The status that an App gets by all that is said of it. What nobody says anything about stays as it was. */
export function composeStatus(app: App, sayings: Sayings, nowMs: number): AppStatus {
  const before = app.status ?? {}
  const { source } = sayings
  const isWaiting = waitsForLane(app, sayings)
  // What the lane says of an earlier commit is not so of the one that is observed.
  const lane = isWaiting ? undefined : sayings.lane
  const { hold: _hold, changes: _changes, ...kept } = before
  const commit = source?.commit ?? lane?.commit
  const verdict = verdictOf(app, sayings)
  const appliedRevision = sayings.lane?.appliedRevision ?? before.appliedRevision
  const record = sayings.lane?.record ?? before.lastRecord
  return {
    ...(lane === undefined && source === undefined ? before : kept),
    observedGeneration: app.metadata.generation ?? 1,
    phase: verdict.phase,
    message: verdict.message,
    ...(commit === undefined ? {} : commitStatus(commit)),
    ...(appliedRevision === undefined ? {} : { appliedRevision }),
    objects: objectsOf(sayings),
    ...(lane === undefined && source === undefined ? {} : { diagnostics: diagnosticsOf(lane, source) }),
    ...(isWaiting ? {} : changesOf(lane, before)),
    ...(lane?.hold === undefined ? {} : { hold: { ...lane.hold } }),
    ...(record === undefined ? {} : { lastRecord: record }),
    ...(source === undefined ? {} : { apps: fanOut(source, before) }),
    conditions: [...conditionsOf(before, { ...sayings, lane }, verdict, nowMs)],
  }
}

interface Verdict {
  readonly phase: Phase
  readonly message: string
}

/** The lane has not looked at the newest commit yet, which touches its app. */
function waitsForLane({ metadata }: App, { lane, source }: Sayings): boolean {
  const isTouched = source?.affected?.includes(metadata.name ?? '') === true
  return isTouched && source.commit.id !== lane?.commit.id
}

function verdictOf(app: App, sayings: Sayings): Verdict {
  const { lane, source, problem, children } = sayings
  const { phase = 'Pending', message = '' } = app.status ?? {}
  if (problem !== undefined) return { phase: 'Failed', message: problem }
  if (source !== undefined && source.diagnostics.length > 0)
    return { phase: 'Held', message: describeDiagnostics(source.diagnostics) }
  if (children.length > 0) return rollUp(children, lane)
  if (waitsForLane(app, sayings))
    return { phase: 'Pending', message: `waits for ${source?.commit.id.slice(0, 7)}` }
  return lane ?? { phase, message }
}

/** A root with children is as well as the worst of them. */
function rollUp(children: readonly App[], own: LaneReport | undefined): Verdict {
  const phases = children.map(({ status }) => status?.phase ?? 'Pending')
  if (own !== undefined) phases.push(own.phase)
  const counts = new Map<Phase, number>()
  for (const phase of phases) counts.set(phase, (counts.get(phase) ?? 0) + 1)
  const present = SEVERITY.filter(phase => counts.has(phase))
  const words = present.map(phase => `${counts.get(phase)} ${phase.toLowerCase()}`)
  return { phase: present[0] ?? 'Pending', message: `${phases.length} apps: ${words.join(', ')}` }
}

function commitStatus({ id, subject, author, committer }: Commit | LaneReport['commit']): Partial<AppStatus> {
  const commit = { id, subject, author: author.name, committedAt: committer.time }
  return { observedRevision: id, commit }
}

/** What the plan of the commit came to; that nothing is left to do when it is looked at again says nothing of it. */
function changesOf(lane: LaneReport | undefined, before: AppStatus): Pick<AppStatus, 'changes'> {
  const kept = before.changes === undefined ? {} : { changes: before.changes }
  if (lane?.counts === undefined) return kept
  const { create, configure, delete: deletes } = lane.counts
  const isSecondLook = before.observedRevision === lane.commit.id && before.changes !== undefined
  return isSecondLook && create + configure + deletes === 0 ? kept : { changes: { ...lane.counts } }
}

function objectsOf({ objects, children }: Sayings): number {
  return children.reduce((sum, { status }) => sum + (status?.objects ?? 0), objects)
}

function diagnosticsOf(
  lane: LaneReport | undefined,
  source: SourceReport | undefined,
): NonNullable<AppStatus['diagnostics']> {
  const all = [...(source?.diagnostics ?? []), ...(lane?.diagnostics ?? [])]
  const shown = all.slice(0, MAX_DIAGNOSTICS).map(({ file, line, column, code, message, excerpt, hint }) => ({
    ...{ file, line, column, code, message },
    ...(excerpt === undefined ? {} : { excerpt }),
    ...(hint === undefined ? {} : { hint }),
  }))
  const next = all[MAX_DIAGNOSTICS]
  if (next === undefined) return shown
  const { file, line, column } = next
  const message = `${all.length - MAX_DIAGNOSTICS} more problems follow`
  return [...shown, { file, line, column, code: 'too-many-problems', message }]
}

function fanOut({ total, affected }: SourceReport, before: AppStatus): NonNullable<AppStatus['apps']> {
  return { total, affected: [...(affected ?? before.apps?.affected ?? [])] }
}

type Condition = NonNullable<AppStatus['conditions']>[number]

function conditionsOf(
  before: AppStatus,
  { lane, problem }: Sayings,
  { phase, message }: Verdict,
  nowMs: number,
): readonly Condition[] {
  const isSynced = problem === undefined && (lane?.isSynced ?? phase === 'Healthy')
  const reason = problem === undefined ? phase : 'SourceUnreadable'
  const now = { before, nowMs }
  return [
    conditionOf('Ready', phase === 'Healthy', { reason: phase, message }, now),
    conditionOf('Synced', isSynced, isSynced ? { reason: 'Applied', message: '' } : { reason, message }, now),
  ]
}

function conditionOf(
  type: string,
  isTrue: boolean,
  why: { readonly reason: string; readonly message: string },
  { before, nowMs }: { readonly before: AppStatus; readonly nowMs: number },
): Condition {
  const status = isTrue ? 'True' : 'False'
  const old = before.conditions?.find(condition => condition.type === type)
  const since = old?.status === status ? old.lastTransitionTime : undefined
  return { type, status, ...why, lastTransitionTime: since ?? formatTime(nowMs) }
}
