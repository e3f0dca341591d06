import { type App, type AppStatus, describeRef, type RecordObject, refKey } from '../../kube/index.ts'
import { printable } from '../printable.ts'
import type { View } from './view.ts'

/** How an app ended under a commit. */
export interface AppEnd {
  /** `Unchanged`: the commit had nothing to do in it. */
  readonly phase: 'Healthy' | 'Failed' | 'Held' | 'Superseded' | 'Unchanged'
  readonly message: string
  readonly diagnostics: NonNullable<AppStatus['diagnostics']>
  /** For a held plan: how many objects it would delete. */
  readonly deletes: number | undefined
  readonly record: RecordObject | undefined
  /** From the opening of the record to health, or to its end. */
  readonly tookMs: number | undefined
}

/** The newest record of a commit in an app that is no repair. */
export function recordOf({ records }: View, app: string): RecordObject | undefined {
  const ofApp = records.list().filter(({ spec }) => spec.app === app && spec.trigger !== 'drift')
  return ofApp.toSorted((a, b) => b.spec.sequence - a.spec.sequence)[0]
}

/**
 * How an app ended under a commit; undefined while it has not. The record decides where there is one, for the app's own phase goes
 * on with whatever happens next; health ends it, though what was replaced may still be ending. Texts can be printed.
 */
export function endOf(view: View, name: string, commit: string): AppEnd | undefined {
  const app = view.apps.get(name)
  const current = app?.status?.observedRevision === commit ? printable(app.status) : undefined
  const record = recordOf(view, name)
  return record === undefined ? endWithout(current) : endBy(record, app, current)
}

/** Without a record of its own a commit changed nothing, or it is held and was so before. */
function endWithout(status: AppStatus | undefined): AppEnd | undefined {
  const { phase, message = '', diagnostics = [], hold } = status ?? {}
  if (phase === undefined || phase === 'Pending' || phase === 'Progressing') return undefined
  return {
    phase: phase === 'Healthy' ? 'Unchanged' : phase,
    ...{ message, diagnostics, deletes: hold?.deletes, record: undefined, tookMs: undefined },
  }
}

function endBy(
  record: RecordObject,
  app: App | undefined,
  current: AppStatus | undefined,
): AppEnd | undefined {
  const { state = 'Open', health, durationMs } = record.status ?? {}
  const tookMs =
    health?.at === undefined ? durationMs : Date.parse(health.at) - Date.parse(record.spec.openedAt)
  const told = {
    message: printable(health?.message ?? ''),
    diagnostics: [],
    deletes: undefined,
    record,
    tookMs,
  }
  if (state === 'Healthy' || health?.at !== undefined) return { ...told, phase: 'Healthy' }
  if (state === 'Open') return undefined
  if (state === 'Superseded') return { ...told, phase: 'Superseded' }
  // The server goes on with it when it is back, in a record of its own or by a look that finds nothing left to do.
  if (state === 'Interrupted')
    return current?.lastRecord === record.metadata.name ? endWithout(current) : undefined
  if (state !== 'Held') return { ...told, phase: 'Failed' }
  // What holds it is told by the app's status, which is written right after and then names the record, whatever else befalls the app; a
  // newer record or commit may have replaced that.
  const isTold = current?.lastRecord === record.metadata.name
  if (app !== undefined && !isTold && !isPast(app, record)) return undefined
  return {
    ...told,
    phase: 'Held',
    diagnostics: current?.diagnostics ?? [],
    deletes: current?.hold?.deletes ?? record.spec.plan.hold?.deletes,
  }
}

/** The app's status speaks of something newer than the record. */
function isPast({ status }: App, { metadata }: RecordObject): boolean {
  return sequenceOf(status?.lastRecord) > sequenceOf(metadata.name)
}

/** Records are named `<app>-<sequence>`; 0 for none. */
function sequenceOf(record: string | undefined): number {
  return Number(/-(\d+)$/.exec(record ?? '')?.[1] ?? 0)
}

/** What went wrong, a text each: writes that were refused, with the place of what they declare; else what is said of the app's health. */
export function failureLines({ record, message }: AppEnd): readonly string[] {
  // A repair may have mended what failed at first.
  const last = new Map((record?.status?.changes ?? []).map(change => [refKey(change.ref), change]))
  const failed = printable([...last.values()].filter(({ outcome }) => outcome === 'failed'))
  if (failed.length === 0) return message.split('; ')
  const planned = new Map(record?.spec.plan.changes.map(change => [refKey(change.ref), change]))
  return failed.map(({ ref, message: why = 'failed' }) => {
    const source = printable(planned.get(refKey(ref))?.source)
    const place = source === undefined ? '' : `${source.file}:${source.line}: `
    return `${place}${describeRef(ref)}: ${why}`
  })
}
