import { openApiIndex, openApiPaths, openApiV2Parts, openApiV3 } from '../../../kinds/index.ts'
import type { Kind } from '../../../kube/index.ts'
import { hashOf, type KeptDocument, keepDocument } from './kept-document.ts'
import type { OpenApiForm } from './media-type.ts'
import { keepOpenApiV2 } from './openapi-v2.ts'

/** The document of a group in a version, and the kinds that it describes. */
interface GroupDocument {
  readonly kinds: readonly Kind[]
  readonly document: KeptDocument
}

/** By path. A document is made anew when the kinds of its group are others; those of the other groups stay. */
const kept = new Map<string, GroupDocument>()
const indexes = new WeakMap<readonly Kind[], KeptDocument>()
const whole: Readonly<Record<OpenApiForm, WeakMap<readonly Kind[], Promise<KeptDocument>>>> = {
  json: new WeakMap(),
  protobuf: new WeakMap(),
}

/** The document at `/openapi/v3/<segments>`, or the index of them all; undefined when there is none. */
export function openApiDocument(
  kinds: readonly Kind[],
  segments: readonly string[],
): KeptDocument | undefined {
  if (segments.length > 0) return groupDocument(kinds, segments.join('/'))
  const known = indexes.get(kinds)
  if (known !== undefined) return known
  const paths = openApiPaths(kinds)
  for (const path of kept.keys()) if (!paths.includes(path)) kept.delete(path)
  const index = keepDocument(
    openApiIndex(path => hashOf(groupDocument(kinds, path)?.body ?? new Uint8Array()), kinds),
  )
  indexes.set(kinds, index)
  return index
}

/**
 * The document at `/openapi/v2`: all kinds in one. Made when it is asked for the first time after the kinds have changed, for all who ask
 * meanwhile, and while others are served.
 */
export function openApiV2Document(kinds: readonly Kind[], form: OpenApiForm): Promise<KeptDocument> {
  const known = whole[form].get(kinds)
  if (known !== undefined) return known
  const document = keepOpenApiV2(openApiV2Parts(kinds), form)
  whole[form].set(kinds, document)
  // A failure is of those who wait for it; whoever comes later tries again.
  document.catch(() => whole[form].delete(kinds))
  return document
}

function groupDocument(all: readonly Kind[], path: string): KeptDocument | undefined {
  // Paths come from outside: only those that exist are kept.
  if (!openApiPaths(all).includes(path)) return undefined
  const kinds = all.filter(({ group, version }) => path === pathOf(group, version))
  const known = kept.get(path)
  if (known !== undefined && areSame(known.kinds, kinds)) return known.document
  const value = openApiV3(path, all)
  if (value === undefined) return undefined
  const document = keepDocument(value)
  kept.set(path, { kinds, document })
  return document
}

function pathOf(group: string, version: string): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`
}

function areSame(a: readonly Kind[], b: readonly Kind[]): boolean {
  return a.length === b.length && a.every((kind, index) => kind === b[index])
}
