import type { Pair } from 'yaml'
import { deepCopy, isObject, setOwn } from '../../base/index.ts'
import type { DiagnosticCode } from '../diagnostic.ts'
import type { Composed } from './compose.ts'
import type { YamlLimits } from './limits.ts'
import { offsetOf, scalarOf } from './node.ts'
import { yaml } from './package.ts'
import { addProblem, type Problems } from './problems.ts'
import type { ScalarResult } from './scalar.ts'

/** Of the whole text, or many small documents would be a bomb together. */
export interface AliasBudget {
  /** How much came through aliases so far, measured as {@link Conversion.size}. */
  added: number
}

/** What is carried through the conversion of one document. */
interface Conversion {
  readonly limits: YamlLimits
  readonly found: Problems
  /** Values by anchor, in document order as YAML scopes them; `undefined` while the anchored node is still open. */
  readonly anchors: Map<string, { readonly value: unknown; readonly size: number } | undefined>
  readonly spent: AliasBudget
  /** Aliases used so far. */
  aliases: number
  /** What was converted so far, in characters and 8 for each node. */
  size: number
  ok: boolean
}

/** Ends the conversion of a document whose aliases ask for too much. */
const TOO_MUCH = Symbol('too much')

/** A document as plain JSON. Not `ok`: something is wrong with it, which `found` tells. */
export function convertDocument(
  document: Composed,
  limits: YamlLimits,
  found: Problems,
  spent: AliasBudget,
): { readonly value: unknown; readonly ok: boolean } {
  const conversion: Conversion = { limits, found, anchors: new Map(), spent, aliases: 0, size: 0, ok: true }
  try {
    const value = convertNode(document.contents, conversion)
    return { value, ok: conversion.ok }
  } catch (error) {
    if (error !== TOO_MUCH) throw error
    return { value: null, ok: false }
  }
}

function convertNode(node: unknown, conversion: Conversion): unknown {
  if (yaml().isAlias(node)) return convertAlias(node, conversion)
  const anchor = (node as { anchor?: string } | null)?.anchor
  const before = conversion.size
  if (anchor !== undefined) conversion.anchors.set(anchor, undefined)
  conversion.size += 8
  const value = convertContent(node, conversion)
  if (anchor !== undefined) conversion.anchors.set(anchor, { value, size: conversion.size - before })
  return value
}

function convertContent(node: unknown, conversion: Conversion): unknown {
  if (yaml().isScalar(node)) {
    const source = String(node.source ?? node.value ?? '')
    conversion.size += source.length
    return settle(scalarOf(node, source), offsetOf(node), conversion)
  }
  if (yaml().isSeq(node)) return node.items.map(item => convertNode(item, conversion))
  if (yaml().isMap(node)) return convertMap(node.items as Pair[], conversion)
  return null
}

function convertMap(pairs: readonly Pair[], conversion: Conversion): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  const seen = new Map<string, number>()
  for (const pair of pairs) {
    if (isMergeKey(pair.key)) {
      mergeInto(result, pair, conversion)
      continue
    }
    const offset = offsetOf(pair.key)
    const key = convertKey(pair.key, offset, conversion)
    const value = convertNode(pair.value, conversion)
    if (key === undefined) continue
    const first = seen.get(key)
    if (first === undefined) seen.set(key, offset)
    else reportDuplicate(key, first, offset, conversion)
    setOwn(result, key, value)
  }
  return result
}

function reportDuplicate(key: string, first: number, second: number, conversion: Conversion): void {
  conversion.ok = false
  const { line } = conversion.found.at(first)
  addProblem(
    conversion.found,
    'duplicate-key',
    second,
    `the key "${key.slice(0, 80)}" is given twice, first in line ${line}`,
    'remove one of them: only the last would count',
  )
}

function isMergeKey(key: unknown): boolean {
  return (
    yaml().isScalar(key) &&
    key.source === '<<' &&
    (key.tag === undefined ? key.type === 'PLAIN' : key.tag === 'tag:yaml.org,2002:merge')
  )
}

/** `<<` takes over the keys of one map or several. As in kubectl what stands later wins, and the first of a list of maps. */
function mergeInto(result: Record<string, unknown>, pair: Pair, conversion: Conversion): void {
  const value = convertNode(pair.value, conversion)
  const sources = Array.isArray(value) ? value : [value]
  if (!sources.every(isObject)) {
    fail(
      conversion,
      'bad-key',
      offsetOf(pair.key),
      'the merge key << needs a map or a list of maps',
      'quote the key if << is meant as text',
    )
    return
  }
  for (const source of [...sources].reverse())
    for (const [key, item] of Object.entries(source)) setOwn(result, key, item)
}

/** Keys become text as in kubectl: `1` is "1" and `yes` is "true"; null, lists and maps cannot be keys. */
function convertKey(node: unknown, offset: number, conversion: Conversion): string | undefined {
  const value = convertNode(node, conversion)
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  fail(
    conversion,
    'bad-key',
    offset,
    value === null ? 'a key is empty' : 'a key is a list or a map',
    'keys are text; quote the key, or put braces that are template markers in quotes',
  )
  return undefined
}

function convertAlias(node: { readonly source: string }, conversion: Conversion): unknown {
  const { anchors, limits } = conversion
  const offset = offsetOf(node)
  const name = node.source.slice(0, 80)
  if (!anchors.has(node.source)) {
    fail(
      conversion,
      'bad-alias',
      offset,
      `the alias *${name} has no anchor before it`,
      'quote the value if it is text that starts with *',
    )
    return null
  }
  const anchored = anchors.get(node.source)
  if (anchored === undefined) {
    fail(conversion, 'bad-alias', offset, `the anchor &${name} contains itself`)
    return null
  }
  conversion.aliases += 1
  conversion.spent.added += anchored.size
  conversion.size += anchored.size
  if (conversion.aliases > limits.aliases || conversion.spent.added > limits.bytes) {
    fail(
      conversion,
      'too-many-aliases',
      offset,
      conversion.aliases > limits.aliases
        ? `the document uses more than ${limits.aliases} aliases`
        : `the file's aliases add more than ${Math.floor(limits.bytes / 1024)} KiB`,
      'write the values out, or split the file',
    )
    throw TOO_MUCH
  }
  return deepCopy(anchored.value)
}

function settle(result: ScalarResult, offset: number, conversion: Conversion): unknown {
  if ('value' in result) return result.value
  fail(conversion, result.code, offset, result.message, result.hint)
  return null
}

function fail(
  conversion: Conversion,
  code: DiagnosticCode,
  offset: number,
  message: string,
  hint?: string,
): void {
  conversion.ok = false
  addProblem(conversion.found, code, offset, message, hint)
}
