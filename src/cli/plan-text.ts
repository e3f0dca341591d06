import { type App, imageTag, type RecordObject } from '../kube/index.ts'
import { hang } from './printable.ts'
import type { Terminal } from './terminal.ts'

type Paint = Terminal['paint']
type PlannedChange = RecordObject['spec']['plan']['changes'][number]

const SIGNS = { create: '+', configure: '~', delete: '-', keep: ' ' } as const
const COLOURS = { create: 'green', configure: 'yellow', delete: 'red', keep: 'gray' } as const

/** Fields that one line names before it only counts the rest, and how much of their values. */
const INLINE_FIELDS = 2
const INLINE_TEXT = 28

/** The column of names: at least so wide, and no wider for the sake of one that is longer than this. */
const LEAST_NAME = 28
const MOST_NAME = 60

/** How much of a value is shown on a line of its own. */
const MOST_TEXT = 60

/** One line for a change: `  ~ shop/Deployment web   image 1.4.2 → 1.4.3   apps/shop/web.yaml:18`. `width` is that of the names. */
export function changeLine(
  app: string,
  change: PlannedChange,
  paint: Paint,
  width: number = LEAST_NAME,
): string {
  const { action, source } = change
  const where = source === undefined ? '' : `   ${paint('gray', `${source.file}:${source.line}`)}`
  const name = changedName(app, change).padEnd(width)
  return `  ${paint(COLOURS[action], SIGNS[action])} ${name} ${fieldSummary(change)}${where}`
}

/** The width of the names of changes, so that what is said of them begins in one column. */
export function nameWidth(
  changes: readonly { readonly app: string; readonly change: PlannedChange }[],
): number {
  const lengths = changes.map(({ app, change }) => changedName(app, change).length)
  return Math.max(LEAST_NAME, ...lengths.filter(length => length <= MOST_NAME))
}

function changedName(app: string, { ref }: PlannedChange): string {
  const place = ref.namespace === undefined || ref.namespace === app ? '' : `${ref.namespace}/`
  return `${app}/${ref.kind} ${place}${ref.name}`
}

/** Every field of a change on a line of its own, for `bowline plan` and `bowline show`. */
export function fieldLines(change: PlannedChange, paint: Paint): readonly string[] {
  return change.fields.map(({ path, before, after }) => {
    if (before === undefined) return `      ${paint('green', `+ ${path}: ${valueText(after)}`)}`
    if (after === undefined) return `      ${paint('red', `- ${path}: ${valueText(before)}`)}`
    return `      ${path}: ${paint('red', valueText(before))} → ${paint('green', valueText(after))}`
  })
}

/** `2 of 30 apps change: 2 configure, 0 delete`, without what is zero except deletions, which a reader looks for. */
export function countsText(counts: {
  readonly create: number
  readonly configure: number
  readonly delete: number
}): string {
  const parts = (['create', 'configure'] as const).flatMap(word =>
    counts[word] > 0 ? [`${counts[word]} ${word}`] : [],
  )
  return [...parts, `${counts.delete} delete`].join(', ')
}

/** A mistake in a manifest: where, what, the line itself, and what to do. */
export function diagnosticLines(
  diagnostic: NonNullable<NonNullable<App['status']>['diagnostics']>[number],
  revision: string,
  paint: Paint,
): readonly string[] {
  const { file, line, column, message, excerpt, hint } = diagnostic
  const at = `${file}:${line}:${column}@${shortId(revision)}`
  return [
    `  ${paint('red', '✗')} ${paint('bold', at)}: ${hang(message, '      ')}`,
    ...(excerpt === undefined ? [] : excerpt.split('\n').map(text => `      ${text}`)),
    ...(hint === undefined ? [] : [`      ${paint('cyan', `→ ${hint}`)}`]),
  ]
}

/** Whether an app is held by what another repository's app has, and not by a mistake. */
export function waitsForOthers(diagnostics: readonly { readonly code: string }[]): boolean {
  return diagnostics.length > 0 && diagnostics.every(({ code }) => code === 'foreign-object')
}

/** A commit as people write it. */
export function shortId(commit: string): string {
  return commit.slice(0, 7)
}

/** The image first: it is what most commits change. */
function fieldSummary({ fields }: PlannedChange): string {
  const isImage = ({ path }: PlannedChange['fields'][number]): boolean => path.endsWith('.image')
  const ordered = [...fields.filter(isImage), ...fields.filter(field => !isImage(field))]
  const shown = ordered.slice(0, INLINE_FIELDS).map(({ path, before, after }) => {
    const name = path.slice(path.lastIndexOf('.') + 1)
    if (name === 'image') return `image ${imageText(before, after)}`
    if (before === undefined) return `${name} ${valueText(after, INLINE_TEXT)}`
    if (after === undefined) return `${name} removed`
    return `${name} ${valueText(before, INLINE_TEXT)} → ${valueText(after, INLINE_TEXT)}`
  })
  const rest = fields.length - shown.length
  return `${shown.join(', ')}${rest > 0 ? `, ${rest} more` : ''}`
}

/** `1.4.2 → 1.4.3` where only the tag differs, which is how people call a version; else both images in full. */
function imageText(before: unknown, after: unknown): string {
  const [from, to] = [String(before ?? 'none'), String(after ?? 'none')]
  const [fromTag, toTag] = [imageTag(from), imageTag(to)]
  const isSameName = from.slice(0, -fromTag.length) === to.slice(0, -toTag.length)
  return fromTag !== '' && toTag !== '' && isSameName ? `${fromTag} → ${toTag}` : `${from} → ${to}`
}

function valueText(value: unknown, most = MOST_TEXT): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'none')
  return text.length > most ? `${text.slice(0, most - 3)}…` : text
}
