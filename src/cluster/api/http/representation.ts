import { type scaleTable, tableColumns, tableRow } from '../../../kinds/index.ts'
import { apiVersionOf, type Kind } from '../../../kube/index.ts'
import type { Entry, EntryEvent, EntryList } from '../contract.ts'
import type { Representation } from './media-type.ts'

/** How answers about one kind are shown to one client. */
export interface RenderOptions {
  readonly kind: Kind
  readonly representation: Representation
  /** What a Table's rows carry of their objects. */
  readonly includeObject: 'Metadata' | 'None' | 'Object'
  readonly nowMs: number
  /** How a Table shows the objects; absent: as those of the kind. */
  readonly table?: typeof scaleTable
}

/** One object. Shown as itself it is the kept bytes. */
export function renderEntry(entry: Entry, options: RenderOptions): Buffer {
  const { representation } = options
  if (representation.form === 'object') return entry.bytes
  if (representation.form === 'partial') return json(partialObject(entry, representation.version))
  return json(table([entry], { resourceVersion: entry.resourceVersion }, options, true))
}

/**
 * A list, in pieces, with a newline: shown as itself it is the kept bytes of its objects with commas between. What is made for one client
 * alone is made as that client takes it where it is large: many that read slowly would else hold as many copies.
 */
export function renderList(list: EntryList, options: RenderOptions): readonly Buffer[] | Generator<Buffer> {
  const { kind, representation } = options
  if (representation.form === 'object') {
    const head = { kind: kind.listKind ?? `${kind.kind}List`, apiVersion: apiVersionOf(kind) }
    const items = list.entries.map(({ bytes }) => bytes)
    return [...joined({ ...head, metadata: listMetadata(list) }, 'items', items)]
  }
  const made = representation.form === 'table' ? tablePieces(list, options) : partialPieces(list, options)
  return sizeOf(list) > MADE_AT_ONCE_BYTES ? made : [Buffer.concat([...made])]
}

/** Of objects of so many bytes. */
const MADE_AT_ONCE_BYTES = 1024 * 1024

function sizeOf({ entries }: EntryList): number {
  return entries.reduce((sum, entry) => sum + (entry.size ?? entry.bytes.length), 0)
}

function* tablePieces(list: EntryList, options: RenderOptions): Generator<Buffer> {
  const { rows: _, ...head } = table([], listMetadata(list), options, true)
  yield* joined(
    head,
    'rows',
    made(list, entry => tableRowOf(entry, options)),
  )
}

function* partialPieces(list: EntryList, { representation }: RenderOptions): Generator<Buffer> {
  const version = representation.form === 'object' ? 'v1' : representation.version
  const head = { kind: 'PartialObjectMetadataList', apiVersion: metaVersion(version) }
  const items = made(list, entry => partialObject(entry, version))
  yield* joined({ ...head, metadata: listMetadata(list) }, 'items', items)
}

function* made({ entries }: EntryList, show: (entry: Entry) => object): Generator<Buffer> {
  for (const entry of entries) yield json(show(entry))
}

/** One event of a watch, with its newline. Only a watch's first Table carries the column definitions, as upstream's. */
export function renderEvent({ type, entry }: EntryEvent, options: RenderOptions, isFirst: boolean): Buffer {
  return Buffer.concat([
    EVENT_START,
    Buffer.from(type),
    EVENT_OBJECT,
    renderEventObject(type, entry, options, isFirst),
    EVENT_END,
  ])
}

/** The event that ends a watch with a refusal. */
export function renderErrorEvent(status: unknown): Buffer {
  return Buffer.from(`${JSON.stringify({ type: 'ERROR', object: status })}\n`)
}

const EVENT_START = Buffer.from('{"type":"')
const EVENT_OBJECT = Buffer.from('","object":')
const EVENT_END = Buffer.from('}\n')
const COMMA = Buffer.from(',')
const LIST_END = Buffer.from(']}\n')

function renderEventObject(
  type: EntryEvent['type'],
  entry: Entry,
  options: RenderOptions,
  isFirst: boolean,
): Buffer {
  const { representation } = options
  if (type !== 'BOOKMARK' || representation.form !== 'table') {
    if (representation.form !== 'table') return renderEntry(entry, options)
    return json(table([entry], { resourceVersion: entry.resourceVersion }, options, isFirst))
  }
  return json(table([], { resourceVersion: entry.resourceVersion }, options, isFirst))
}

function table(
  entries: readonly Entry[],
  metadata: object,
  options: RenderOptions,
  withColumns: boolean,
): { readonly rows: readonly object[]; readonly [field: string]: unknown } {
  const { kind, representation } = options
  const version = representation.form === 'object' ? 'v1' : representation.version
  return {
    kind: 'Table',
    apiVersion: metaVersion(version),
    metadata,
    columnDefinitions: withColumns ? (options.table?.columns ?? tableColumns(kind)) : null,
    rows: entries.map(entry => tableRowOf(entry, options)),
  }
}

function tableRowOf(
  entry: Entry,
  { kind, representation, nowMs, table, includeObject }: RenderOptions,
): object {
  const version = representation.form === 'object' ? 'v1' : representation.version
  return {
    cells: table?.row(entry.object, nowMs) ?? tableRow(kind, entry.object, nowMs),
    ...rowObject(entry, includeObject, version),
  }
}

function rowObject(entry: Entry, include: RenderOptions['includeObject'], version: 'v1' | 'v1beta1'): object {
  if (include === 'None') return {}
  return { object: include === 'Object' ? entry.object : partialObject(entry, version) }
}

function partialObject({ object }: Entry, version: 'v1' | 'v1beta1'): object {
  return { kind: 'PartialObjectMetadata', apiVersion: metaVersion(version), metadata: object.metadata }
}

/** An object with a list of things as its last field, and a newline. */
function* joined(head: object, field: string, items: Iterable<Buffer>): Generator<Buffer> {
  yield Buffer.from(`${JSON.stringify(head).slice(0, -1)},"${field}":[`)
  let isFirst = true
  for (const item of items) {
    if (!isFirst) yield COMMA
    isFirst = false
    yield item
  }
  yield LIST_END
}

function listMetadata(list: EntryList): object {
  return {
    resourceVersion: list.resourceVersion,
    ...(list.continue === '' ? {} : { continue: list.continue }),
    ...(list.remainingItemCount === undefined ? {} : { remainingItemCount: list.remainingItemCount }),
  }
}

function metaVersion(version: 'v1' | 'v1beta1'): string {
  return `meta.k8s.io/${version}`
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
