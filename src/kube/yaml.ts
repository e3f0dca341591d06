import { createRequire } from 'node:module'
import type { Document, LineCounter, Pair } from 'yaml'
import { BowlineError, deepCopy, isObject, setOwn } from '../base/index.ts'
import type { DiagnosticCode, TextPosition } from './diagnostic.ts'
import type { FieldStep } from './field-path.ts'
import { resolvePlainScalar, resolveTaggedScalar, type ScalarResult } from './yaml-scalar.ts'

// One file, because it is the only one that may import the `yaml` package: composing, converting and locating all walk its nodes.

const require = createRequire(import.meta.url)
let loaded: typeof import('yaml') | undefined

/** The package, loaded with the first text: an agent reads none, and would hold 5 MB for it. */
function yaml(): typeof import('yaml') {
  loaded ??= require('yaml') as typeof import('yaml')
  return loaded
}

/** How much one text may ask for. Each bound is reported as one problem of its own code. */
export interface YamlLimits {
  /** UTF-8 bytes of the text. */
  readonly bytes: number
  /** Documents in the text, and objects that the documents' lists hold. */
  readonly documents: number
  /** Collections inside one another. */
  readonly depth: number
  /** Uses of an anchor in one document. What all uses in the text add is bounded by `bytes`. */
  readonly aliases: number
  /** Lexical tokens of the text; ordinary manifests have one for every two characters. */
  readonly tokens: number
}

/** Kubernetes' own bound on a request is 3 MiB (apiserver); a manifest of 1 MiB does not fit an etcd value either. */
export const yamlLimits: YamlLimits = {
  bytes: 1024 * 1024,
  documents: 1000,
  depth: 64,
  aliases: 1000,
  tokens: 600_000,
}

/** What is wrong with a text, free of the file's name. */
export interface YamlProblem extends TextPosition {
  readonly code: DiagnosticCode
  readonly message: string
  readonly hint?: string
}

/** One document as plain JSON. It holds its syntax tree: keep the value, not the document. */
export interface YamlDocument extends TextPosition {
  readonly value: unknown
  /** Where a field stands, or the nearest field around it that exists. A scalar's own place, a collection's key. */
  positionOf(path: readonly FieldStep[], at?: 'key' | 'value'): TextPosition
}

export interface YamlText {
  /** Documents that say something; one that has a problem is left out. */
  readonly documents: readonly YamlDocument[]
  readonly problems: readonly YamlProblem[]
}

/** More problems than a person reads at once; the rest is one line that says so. */
const MAX_PROBLEMS = 50

/**
 * Every document of a YAML or JSON text, with YAML's syntax and the scalars of {@link resolvePlainScalar}.
 * Never throws. Costs time in proportion to the text whatever it holds: aliases may add no more than the text's
 * allowed size, keys are compared by hash, and nothing deeper than the limit is composed.
 */
export function parseYaml(text: string, limits: YamlLimits = yamlLimits): YamlText {
  const lines = new (yaml().LineCounter)()
  const found: Problems = { list: [], at: offset => positionAt(lines, offset) }
  const documents: YamlDocument[] = []
  const spent: AliasBudget = { added: 0 }
  for (const document of composeDocuments(text, limits, lines, found)) {
    const failed = document.errors.length > 0
    for (const error of document.errors) addProblem(found, 'syntax', error.pos[0], sentence(error.message))
    const { value, ok } = convertDocument(document, limits, found, spent)
    if (spent.added > limits.bytes) break
    if (failed || !ok || document.contents === null || value === null) continue
    documents.push({
      value,
      ...found.at(document.contents.range[0]),
      positionOf: (path, at = 'value') => found.at(locate(document.contents, path, at)),
    })
  }
  return { documents, problems: found.list }
}

/**
 * The one value of a YAML or JSON text, such as a kubeconfig or the body of a server-side apply; an empty text is null.
 * Throws a BowlineError `bad-input` that names the first problem's line and column.
 */
export function parseYamlValue(text: string, limits: YamlLimits = yamlLimits): unknown {
  const { documents, problems } = parseYaml(text, limits)
  const problem = problems[0]
  if (problem !== undefined)
    throw new BowlineError(
      'bad-input',
      `Cannot parse YAML: ${problem.message} at line ${problem.line}, column ${problem.column}`,
    )
  const second = documents[1]
  if (second !== undefined)
    throw new BowlineError('bad-input', `Cannot parse YAML: a second document starts at line ${second.line}`)
  return documents[0]?.value ?? null
}

/** YAML text that this parser, kubectl and YAML 1.2 readers all read back as the same JSON value. Keys keep their order. */
export function stringifyYaml(value: unknown): string {
  return yaml().stringify(value, {
    schema: 'core',
    compat: 'yaml-1.1',
    lineWidth: 0,
    aliasDuplicateObjects: false,
  })
}

interface Problems {
  readonly list: YamlProblem[]
  at(offset: number): TextPosition
}

function addProblem(
  found: Problems,
  code: DiagnosticCode,
  offset: number,
  message: string,
  hint?: string,
): void {
  if (found.list.length > MAX_PROBLEMS) return
  const position = found.at(offset)
  if (found.list.length === MAX_PROBLEMS)
    found.list.push({ ...position, code: 'too-many-problems', message: 'more problems follow' })
  else found.list.push({ ...position, code, message, ...(hint === undefined ? {} : { hint }) })
}

function positionAt(lines: LineCounter, offset: number): TextPosition {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(1, line), column: Math.max(1, col) }
}

/** The library's messages are sentences that may quote the next token; only the first line says what is wrong. */
function sentence(message: string): string {
  const line = (message.split('\n')[0] as string).trim().replace(/[.:]$/, '')
  return line.charAt(0).toLowerCase() + line.slice(1, 160)
}

let schema: import('yaml').Schema | undefined

/** Scalars stay text here, and a shared schema spares one being built for every document. */
function textSchema(): import('yaml').Schema {
  const { Schema } = yaml()
  schema ??= new Schema({ schema: 'failsafe', resolveKnownTags: false, merge: false, compat: null })
  return schema
}

type Composed = Document.Parsed

function* composeDocuments(
  text: string,
  limits: YamlLimits,
  lines: LineCounter,
  found: Problems,
): Generator<Composed> {
  lines.addNewLine(0)
  if (isLargerThan(text, limits.bytes)) {
    addProblem(
      found,
      'file-too-large',
      0,
      `the file is larger than ${Math.floor(limits.bytes / 1024)} KiB`,
      'split it into several files',
    )
    return
  }
  const { Composer, Lexer, Parser } = yaml()
  // The library compares each key with all before it, so `uniqueKeys` would cost the square of a map's size.
  const composer = new Composer({
    schema: textSchema(),
    uniqueKeys: false,
    logLevel: 'silent',
    prettyErrors: false,
  })
  const parser = new Parser(lines.addNewLine)
  let count = 0
  let tokens = 0
  let errors = 0
  function* counted(documents: Iterable<unknown>): Generator<Composed> {
    for (const document of documents) {
      count += 1
      if (count <= limits.documents) yield document as Composed
    }
  }
  for (const lexeme of new Lexer().lex(text)) {
    // The stack holds the open collections: checked before anything recursive sees them.
    if (parser.stack.length > limits.depth && countCollections(parser.stack) > limits.depth) {
      addProblem(
        found,
        'too-deep',
        parser.offset,
        `collections are nested more than ${limits.depth} deep`,
        'no Kubernetes object needs this; check the indentation and brackets',
      )
      return
    }
    tokens += 1
    if (tokens > limits.tokens) {
      addProblem(
        found,
        'file-too-large',
        parser.offset,
        `the file is made of more than ${limits.tokens} tokens`,
        'split it into several files',
      )
      return
    }
    for (const token of parser.next(lexeme)) {
      if (token.type === 'error') errors += 1
      yield* counted(composer.next(token))
    }
    if (count > limits.documents || errors > MAX_PROBLEMS) break
  }
  if (count <= limits.documents) {
    for (const token of parser.end()) yield* counted(composer.next(token))
    yield* counted(composer.end())
  }
  for (const error of composer.streamInfo().errors)
    addProblem(found, 'syntax', error.pos[0], sentence(error.message))
  if (count > limits.documents)
    addProblem(
      found,
      'too-many-documents',
      parser.offset,
      `the file holds more than ${limits.documents} documents`,
      'split it into several files',
    )
}

function countCollections(stack: readonly { readonly type: string }[]): number {
  return stack.filter(
    ({ type }) => type === 'block-map' || type === 'block-seq' || type === 'flow-collection',
  ).length
}

function isLargerThan(text: string, bytes: number): boolean {
  // A UTF-16 unit is one to three bytes of UTF-8: most texts are judged by their length alone.
  if (text.length > bytes) return true
  return text.length * 3 > bytes && new TextEncoder().encode(text).length > bytes
}

/** Of the whole text, or many small documents would be a bomb together. */
interface AliasBudget {
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

function convertDocument(
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

function scalarOf(
  node: { readonly tag?: string; readonly type?: string | null },
  source: string,
): ScalarResult {
  if (node.tag !== undefined && node.tag !== '!') return resolveTaggedScalar(node.tag, source)
  if (node.tag === undefined && node.type === 'PLAIN') return resolvePlainScalar(source)
  return { value: source }
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

function offsetOf(node: unknown): number {
  return (node as { range?: readonly number[] | null } | null)?.range?.[0] ?? 0
}

/** The offset of the node at `path`; of the last one on the way that exists when the rest does not. */
function locate(root: unknown, path: readonly FieldStep[], at: 'key' | 'value'): number {
  let node = root
  let offset = offsetOf(root)
  for (const [index, step] of path.entries()) {
    const next = stepInto(node, step)
    if (next === undefined) return offset
    const isLast = index === path.length - 1
    const useKey = next.key !== undefined && (isLast ? at === 'key' || !yaml().isScalar(next.value) : true)
    const target = useKey ? next.key : next.value
    // An empty value has no place of its own that a person would recognise.
    const shown =
      yaml().isScalar(target) && target.source === '' && next.key !== undefined ? next.key : target
    offset = offsetOf(shown ?? next.key)
    node = next.value
  }
  return offset
}

function stepInto(
  node: unknown,
  step: FieldStep,
): { readonly key?: unknown; readonly value: unknown } | undefined {
  if (yaml().isMap(node)) {
    if (typeof step === 'object') return undefined
    const pair = (node.items as Pair[]).findLast(
      ({ key }) => yaml().isScalar(key) && keyText(key) === String(step),
    )
    return pair === undefined ? undefined : { key: pair.key, value: pair.value }
  }
  if (!yaml().isSeq(node)) return undefined
  if (typeof step === 'number') return step < node.items.length ? { value: node.items[step] } : undefined
  if (typeof step === 'string') return undefined
  const item = node.items.find(
    candidate =>
      yaml().isMap(candidate) &&
      (candidate.items as Pair[]).some(
        ({ key, value }) =>
          yaml().isScalar(key) &&
          key.source === step.key &&
          yaml().isScalar(value) &&
          value.source === step.value,
      ),
  )
  return item === undefined ? undefined : { value: item }
}

function keyText(key: { readonly source?: string; readonly tag?: string; readonly type?: unknown }): string {
  const result = scalarOf(
    { ...(key.tag === undefined ? {} : { tag: key.tag }), type: String(key.type) },
    key.source ?? '',
  )
  return 'value' in result ? String(result.value) : ''
}
