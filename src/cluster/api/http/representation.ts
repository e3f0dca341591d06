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

/** A list, in pieces: shown as itself it is the kept bytes of its objects with commas between. */
export function renderList(list: EntryList, options: RenderOptions): readonly Buffer[] {
  const { kind, representation } = options
  const metadata = listMetadata(list)
  if (representation.form === 'table') return [json(table(list.entries, metadata, options, true))]
  if (representation.form === 'object')
    return joinItems(
      kind.listKind ?? `${kind.kind}List`,
      apiVersionOf(kind),
      metadata,
      list.entries.map(({ bytes }) => bytes),
    )
  const { version } = representation
  const items = list.entries.map(entry => json(partialObject(entry, version)))
  return joinItems('PartialObjectMetadataList', metaVersion(version), metadata, items)
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
const LIST_END = Buffer.from(']}')

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
): object {
  const { kind, representation, nowMs } = options
  const version = representation.form === 'object' ? 'v1' : representation.version
  return {
    kind: 'Table',
    apiVersion: metaVersion(version),
    metadata,
    columnDefinitions: withColumns ? (options.table?.columns ?? tableColumns(kind)) : null,
    rows: entries.map(entry => ({
      cells: options.table?.row(entry.object, nowMs) ?? tableRow(kind, entry.object, nowMs),
      ...rowObject(entry, options.includeObject, version),
    })),
  }
}

function rowObject(entry: Entry, include: RenderOptions['includeObject'], version: 'v1' | 'v1beta1'): object {
  if (include === 'None') return {}
  return { object: include === 'Object' ? entry.object : partialObject(entry, version) }
}

function partialObject({ object }: Entry, version: 'v1' | 'v1beta1'): object {
  return { kind: 'PartialObjectMetadata', apiVersion: metaVersion(version), metadata: object.metadata }
}

function joinItems(
  kind: string,
  apiVersion: string,
  metadata: object,
  items: readonly Buffer[],
): readonly Buffer[] {
  const head = JSON.stringify({ kind, apiVersion, metadata })
  const pieces: Buffer[] = [Buffer.from(`${head.slice(0, -1)},"items":[`)]
  items.forEach((item, index) => {
    if (index > 0) pieces.push(COMMA)
    pieces.push(item)
  })
  pieces.push(LIST_END)
  return pieces
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
