import { type ChainHead, type ChainReport, verifyChain } from '../audit/index.ts'
import { BowlineError } from '../base/index.ts'
import type { Client, HttpsClient } from '../client/index.ts'
import { isNotFound, Kinds, type RecordObject } from '../kube/index.ts'
import { durationText } from './duration-text.ts'
import { EXIT } from './exit-code.ts'
import { changeLine, countsText, fieldLines, nameWidth, shortId } from './plan-text.ts'
import { hang, printable } from './printable.ts'
import { table } from './table.ts'
import type { Terminal } from './terminal.ts'

const COLOURS: Readonly<Record<string, 'green' | 'red' | 'yellow' | 'cyan' | 'gray'>> = {
  Healthy: 'green',
  Failed: 'red',
  Deadline: 'red',
  Interrupted: 'red',
  Held: 'yellow',
  Superseded: 'gray',
  Open: 'cyan',
}

/** Prints what every commit did, newest first. */
export async function showHistory(
  client: Client,
  terminal: Terminal,
  { app, limit, output }: { readonly app?: string; readonly limit: number; readonly output: 'text' | 'json' },
): Promise<number> {
  const records = newestFirst(await listRecords(client, app)).slice(0, limit)
  if (app !== undefined && records.length === 0) await requireApp(client, app)
  if (output === 'json') {
    terminal.print(JSON.stringify(records, null, 2))
    return EXIT.ok
  }
  const { paint } = terminal
  const rows = printable(records).map(({ metadata, spec, status }) => [
    metadata.name ?? '',
    paint('yellow', shortId(spec.commit.id)),
    spec.trigger === 'drift' ? `drift by ${spec.actor ?? 'unknown'}` : spec.trigger,
    paint(COLOURS[status?.state ?? 'Open'] ?? 'gray', status?.state ?? 'Open'),
    countsText(spec.plan.counts),
    status?.durationMs === undefined ? '' : durationText(status.durationMs),
    spec.openedAt.slice(0, 19).replace('T', ' '),
    spec.commit.author.name,
    spec.commit.subject,
  ])
  for (const line of table(
    ['RECORD', 'COMMIT', 'TRIGGER', 'STATE', 'CHANGES', 'TOOK', 'AT (UTC)', 'AUTHOR', 'SUBJECT'],
    rows,
  ))
    terminal.print(line)
  return EXIT.ok
}

/** Nobody takes a mistyped name for an app without history. */
async function requireApp(client: Client, app: string): Promise<void> {
  try {
    await client.get(Kinds.App, app)
  } catch (error) {
    if (!isNotFound(error)) throw error
    throw new BowlineError('not-found', `Cannot find records of ${app}: there is no such app`, {
      data: { next: '`bowline status` lists the apps' },
    })
  }
}

export interface ShowOptions {
  /** The name of a record, the beginning of a commit's id, or what `resolve` knows. */
  readonly wanted: string
  /** The commit that a branch, a tag or the like names here; undefined when it names none. */
  readonly resolve: (revision: string) => Promise<string | undefined>
  readonly output: 'text' | 'json'
}

/** Prints the records of a commit (or one record by name) in full. */
export async function showRecords(
  client: Client,
  terminal: Terminal,
  { wanted, resolve, output }: ShowOptions,
): Promise<number> {
  const all = await listRecords(client)
  const named = all.filter(
    ({ metadata, spec }) =>
      metadata.name === wanted || (/^[0-9a-f]{4,}$/.test(wanted) && spec.commit.id.startsWith(wanted)),
  )
  const commit = named.length === 0 ? await resolve(wanted) : undefined
  const records = commit === undefined ? named : all.filter(({ spec }) => spec.commit.id === commit)
  if (records.length === 0) throw noRecord(wanted, commit)
  if (output === 'json') terminal.print(JSON.stringify(records, null, 2))
  else for (const record of printable(records.toSorted(byOpening))) printRecord(record, terminal)
  return EXIT.ok
}

function noRecord(wanted: string, commit: string | undefined): BowlineError {
  const state =
    commit === undefined
      ? 'no record of such a commit or name'
      : `no record of ${shortId(commit)}: it changed nothing, or the server has not seen it`
  return new BowlineError('not-found', `Cannot show ${wanted}: ${state}`, {
    data: { next: '`bowline history` lists the records' },
  })
}

/** Where a server tells the ends of its chains. */
const CHAINS_PATH = '/apis/bowline.dev/v1alpha1/recordchains'

/** Checks every chain. 0 when all hold, 1 when one is broken. */
export async function verifyRecords(
  client: HttpsClient,
  terminal: Terminal,
  app: string | undefined,
): Promise<number> {
  const { chains } = (await client.rawGet(CHAINS_PATH)) as { readonly chains: readonly ChainHead[] }
  const records = await listRecords(client, app)
  const heads = new Map(chains.map(head => [head.app, head]))
  if (app !== undefined && records.length === 0 && !heads.has(app))
    throw new BowlineError(
      'not-found',
      `Cannot verify the records of ${app}: there are none, nor were there any`,
      {
        data: { next: '`bowline audit verify` checks every app that has some' },
      },
    )
  const names = app === undefined ? [...records.map(({ spec }) => spec.app), ...heads.keys()] : [app]
  let broken = false
  for (const name of [...new Set(names)].sort()) {
    const report = verifyChain(
      name,
      records.filter(({ spec }) => spec.app === name),
      heads.get(name) ?? null,
    )
    broken ||= report.faults.length > 0
    printReport(report, terminal)
  }
  return broken ? EXIT.failed : EXIT.ok
}

function printReport({ app, records, open, hash, faults }: ChainReport, { print, paint }: Terminal): void {
  for (const { record, message } of faults) print(`${paint('red', '✗')} ${app}: ${record} ${message}`)
  if (faults.length > 0) return
  const count = records === 1 ? '1 record' : `${records} records`
  print(
    `${paint('green', '✓')} ${app}: ${count}, chain intact up to ${hash.slice(0, 16)}${open ? ', the newest is open' : ''}`,
  )
}

/** Prints every record as one JSON line, oldest first: what an archive or an auditor takes away. */
export async function exportRecords(
  client: Client,
  terminal: Terminal,
  app: string | undefined,
): Promise<number> {
  const records = await listRecords(client, app)
  if (app !== undefined && records.length === 0) await requireApp(client, app)
  for (const record of records.toSorted(byOpening)) terminal.print(JSON.stringify(record))
  return EXIT.ok
}

function printRecord({ metadata, spec, status }: RecordObject, { print, paint }: Terminal): void {
  const state = status?.state ?? 'Open'
  print(
    `${paint('bold', metadata.name ?? '')}  ${paint(COLOURS[state] ?? 'gray', state)}  ${hang(status?.health?.message ?? '', '    ')}`,
  )
  print(`  commit     ${spec.commit.id}`)
  print(`  subject    ${spec.commit.subject}`)
  print(`  author     ${spec.commit.author.name} <${spec.commit.author.email}>  ${spec.commit.author.time}`)
  print(
    `  committer  ${spec.commit.committer.name} <${spec.commit.committer.email}>  ${spec.commit.committer.time}`,
  )
  print(`  trigger    ${spec.trigger}${spec.actor === undefined ? '' : ` by ${spec.actor}`}`)
  if (spec.skipped.length > 0) print(`  skipped    ${spec.skipped.map(shortId).join(' ')}`)
  const took = status?.durationMs === undefined ? 'open' : durationText(status.durationMs)
  print(`  time       ${spec.openedAt} (${took})`)
  print(`  plan       ${countsText(spec.plan.counts)}`)
  const width = nameWidth(spec.plan.changes.map(change => ({ app: spec.app, change })))
  for (const change of spec.plan.changes) {
    print(`  ${changeLine(spec.app, change, paint, width)}`)
    for (const line of fieldLines(change, paint)) print(line)
  }
  if (spec.plan.hold !== undefined) print(`  held       ${hang(spec.plan.hold.message, '             ')}`)
  for (const { ref, outcome, message, at } of status?.changes ?? [])
    print(
      `  ${at.slice(11, 23)}  ${outcome} ${ref.kind} ${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.name}${message === undefined ? '' : `: ${hang(message, '                ')}`}`,
    )
  for (const { action, node, pod, container, at, reason } of status?.containers ?? [])
    print(
      `  ${at.slice(11, 23).padEnd(12)}  ${action} ${pod}/${container} on ${node}${reason === undefined ? '' : `: ${reason}`}`,
    )
  print(`  hash       ${status?.hash ?? 'not sealed yet'}`)
  print(`  previous   ${spec.previousHash}`)
}

async function listRecords(client: Client, app?: string): Promise<readonly RecordObject[]> {
  const { items } = await client.list(
    Kinds.Record,
    app === undefined ? {} : { labelSelector: `bowline.dev/app=${app}` },
  )
  return items
}

function newestFirst(records: readonly RecordObject[]): readonly RecordObject[] {
  return records.toSorted((a, b) => byOpening(b, a))
}

function byOpening(a: RecordObject, b: RecordObject): number {
  return a.spec.openedAt.localeCompare(b.spec.openedAt) || a.spec.sequence - b.spec.sequence
}
