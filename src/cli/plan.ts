import { BowlineError } from '../base/index.ts'
import type { HttpsClient } from '../client/index.ts'
import { apiPath, isNotFound, Kinds } from '../kube/index.ts'
import type { PlanPreview } from '../pipeline/index.ts'
import { EXIT } from './exit-code.ts'
import {
  changeLine,
  countsText,
  diagnosticLines,
  fieldLines,
  nameWidth,
  shortId,
  waitsForOthers,
} from './plan-text.ts'
import { hang, printable } from './printable.ts'
import type { Terminal } from './terminal.ts'

/** Prints what a commit would change: 0 nothing, 2 something, 1 a mistake in the manifests. */
export async function showPlan(
  client: HttpsClient,
  terminal: Terminal,
  commit: string,
  output: 'text' | 'json',
): Promise<number> {
  const { items } = await client.list(Kinds.App)
  const roots = items.filter(({ metadata }) => !metadata.ownerReferences?.length)
  if (roots.length === 0)
    throw new BowlineError('not-found', 'Cannot plan: the server follows no repository', {
      data: { next: '`bowline up DIR` or `bowline server --repo` follows one' },
    })
  const previews: PlanPreview[] = []
  for (const { metadata } of roots) {
    const preview = await readPreview(client, metadata.name ?? '', commit)
    if (preview !== undefined) previews.push(preview)
  }
  if (previews.length === 0) {
    const state =
      roots.length === 1
        ? "the server's repository has no such commit"
        : "none of the server's repositories has such a commit"
    throw new BowlineError('not-found', `Cannot plan ${shortId(commit)}: ${state}`, {
      data: { next: 'push it first; a branch that the server does not follow will do' },
    })
  }
  if (output === 'json')
    terminal.print(JSON.stringify(previews.length === 1 ? previews[0] : previews, null, 2))
  else for (const preview of previews) printPreview(printable(preview), terminal)
  const apps = previews.flatMap(preview => preview.apps)
  const broken =
    previews.some(({ diagnostics }) => diagnostics.length > 0) || apps.some(app => app.diagnostics.length > 0)
  if (broken) return EXIT.failed
  return apps.some(app => app.changes.some(({ action }) => action !== 'keep')) ? EXIT.changes : EXIT.ok
}

/** Undefined: the repository of that app does not have the commit. */
async function readPreview(
  client: HttpsClient,
  app: string,
  commit: string,
): Promise<PlanPreview | undefined> {
  const path = `${apiPath(Kinds.App, undefined, app, 'plan')}?revision=${encodeURIComponent(commit)}`
  try {
    return (await client.rawGet(path)) as PlanPreview
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

function printPreview({ commit, apps, diagnostics }: PlanPreview, { print, paint }: Terminal): void {
  print(`${paint('yellow', shortId(commit.id))} "${commit.subject}"  <${commit.author}>`)
  const counts = { create: 0, configure: 0, delete: 0 }
  let changed = 0
  for (const app of apps) {
    const real = app.changes.filter(({ action }) => action !== 'keep')
    if (real.length > 0) changed += 1
    for (const { action } of real) if (action !== 'keep') counts[action] += 1
  }
  print(`${paint('bold', 'PLAN')}    ${changed} of ${apps.length} apps change: ${countsText(counts)}`)
  const width = nameWidth(
    apps.flatMap(({ app, changes }) =>
      changes.flatMap(change => (change.action === 'keep' ? [] : { app, change })),
    ),
  )
  for (const app of apps) {
    for (const change of app.changes) {
      if (change.action === 'keep') continue
      print(changeLine(app.app, change, paint, width))
      for (const line of fieldLines(change, paint)) print(line)
    }
    if (app.hold !== undefined)
      print(`  ${paint('yellow', '‖')} ${app.app} would be held: ${hang(app.hold.message, '      ')}`)
    if (app.diagnostics.length > 0) {
      const until = waitsForOthers(app.diagnostics) ? 'the other app lets go' : 'its files are correct'
      print(`  ${paint('yellow', '‖')} ${app.app} would be held: nothing of it changes until ${until}`)
    }
  }
  for (const diagnostic of [...diagnostics, ...apps.flatMap(app => app.diagnostics)])
    for (const line of diagnosticLines(diagnostic, commit.id, paint)) print(line)
}
