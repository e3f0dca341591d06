import { openApiIndex, openApiPaths, openApiV3 } from '../../../kube/index.ts'
import { hashOf, type KeptDocument, keepDocument } from './kept-document.ts'

const kept = new Map<string, KeptDocument>()
let index: KeptDocument | undefined

/** The document at `/openapi/v3/<segments>`, or the index of them all; undefined when there is none. */
export function openApiDocument(segments: readonly string[]): KeptDocument | undefined {
  if (segments.length > 0) return groupDocument(segments.join('/'))
  index ??= keepDocument(openApiIndex(path => hashOf(groupDocument(path)?.body ?? new Uint8Array())))
  return index
}

function groupDocument(path: string): KeptDocument | undefined {
  const known = kept.get(path)
  if (known !== undefined) return known
  // Paths come from outside: only those that exist are kept.
  const value = openApiPaths.includes(path) ? openApiV3(path) : undefined
  if (value === undefined) return undefined
  const document = keepDocument(value)
  kept.set(path, document)
  return document
}
