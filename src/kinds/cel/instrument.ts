import type { ASTNode } from '@marcbachmann/cel-js'

/** The name of the function that counts the turns of loops; no one can call it but through {@link instrument}. */
export const TICK = 'tick__'
/** `matches` by RE2: the library's own is JavaScript's, which can take exponential time. */
export const MATCHES = 'matches__'
/** The function that counts all that a value holds, and gives it back: what is compared is looked at as a whole. */
export const WEIGH = 'weigh__'
/** The function that counts the length of a text or a list, and gives it back: functions take time linear in it. */
export const MEASURE = 'measure__'
/** An optional value as a list of one or of none, and back; the last makes one of a list of optional values. */
export const OPTIONAL_LIST = 'optionalList__'
export const OPTIONAL_FIRST = 'optionalFirst__'
export const OPTIONAL_FLAT = 'optionalFlat__'
/** Names that no expression may use. */
export const RESERVED_NAMES: readonly string[] = [
  TICK,
  MATCHES,
  WEIGH,
  MEASURE,
  OPTIONAL_LIST,
  OPTIONAL_FIRST,
  OPTIONAL_FLAT,
]

/** Macros of optional values that the library does not have, and what makes them of a `map`. */
const OPTIONAL_MAPS: ReadonlyMap<string, string> = new Map([
  ['optMap', OPTIONAL_FIRST],
  ['optFlatMap', OPTIONAL_FLAT],
])

interface Edit {
  readonly at: number
  readonly remove: number
  readonly insert: string
  /** Begins what another edit ends. */
  readonly isOpening?: boolean
}

/** Which argument of a macro is evaluated first in each turn. */
const FIRST_STEP: Readonly<Record<string, number>> = { all: 1, exists: 1, exists_one: 1, filter: 1 }

/** Operators whose operands are looked at as a whole, however large. */
const COMPARES: ReadonlySet<string> = new Set(['==', '!=', 'in'])
/** What is called and takes the same time however large its receiver is: loops, which are counted by their turns, and optional values. */
const FREE: ReadonlySet<string> = new Set([
  'all',
  'exists',
  'exists_one',
  'filter',
  'map',
  'optFlatMap',
  'optMap',
  'hasValue',
  'or',
  'orValue',
  'value',
])
/** Calls whose arguments are no values. */
const UNEVALUATED: ReadonlySet<string> = new Set(['has', 'dyn', 'type'])

/**
 * The expression with a count before each turn of its loops and of the sizes that it compares, puts together and gives to functions, with RE2
 * for `matches`, and with optional values' `optMap` and `optFlatMap` as `map`, and with `has()` of fields that the library does not see (of list items and of what functions return) written as optional
 * selections.
 */
export function instrument(text: string, ast: ASTNode): string {
  const edits: Edit[] = []
  let size = 0
  walk(ast, () => {
    size += 1
  })
  visit({ text, masked: masked(text, ast), tick: `${TICK}(${size})` }, ast, edits)
  const ordered = edits.map((edit, index) => ({ ...edit, index })).sort(compareEdits)
  let result = text
  for (const { at, remove, insert } of ordered)
    result = result.slice(0, at) + insert + result.slice(at + remove)
  return result
}

/**
 * From right to left, so that positions stay. At one place, what comes later here stands before what comes earlier: what replaces comes first,
 * then what opens, the innermost first, then what closes, the outermost first. Outer nodes have the smaller index.
 */
function compareEdits(a: Edit & { readonly index: number }, b: Edit & { readonly index: number }): number {
  if (a.at !== b.at) return b.at - a.at
  if (a.remove !== b.remove) return b.remove - a.remove
  if (a.isOpening !== b.isOpening) return a.isOpening === true ? -1 : 1
  return a.isOpening === true ? b.index - a.index : a.index - b.index
}

/** Whether an expression has macros that are there only once it is instrumented. */
export function usesOptionalMaps(ast: ASTNode): boolean {
  let found = false
  walk(ast, ({ op, args }) => {
    if (op === 'rcall' && OPTIONAL_MAPS.has(args[0])) found = true
  })
  return found
}

/** Calls `see` with every node of an expression. */
export function walk(node: ASTNode, see: (node: ASTNode) => void): void {
  see(node)
  for (const child of childrenOf(node)) walk(child, see)
}

/** An expression, and the same with blanks for what is in quotes and in comments: what is left of parentheses there groups. */
interface Source {
  readonly text: string
  readonly masked: string
  /** The count of a turn, by how much there is to do in one. */
  readonly tick: string
}

function visit(source: Source, node: ASTNode, edits: Edit[]): void {
  const { text } = source
  if (COMPARES.has(node.op)) for (const operand of childrenOf(node)) wrap(source, operand, WEIGHED, edits)
  else if (node.op === '+') wrap(source, node, MEASURED, edits)
  if (node.op === 'rcall') {
    const [name, receiver, args] = node.args
    const isNamespace = receiver.op === 'id' && receiver.args === 'optional'
    if (!FREE.has(name) && !isNamespace) wrap(source, receiver, MEASURED, edits)
    if (name === 'matches') {
      const at = text.indexOf('matches', receiver.range.end)
      edits.push({ at, remove: 'matches'.length, insert: MATCHES })
    }
    const optionalMap = OPTIONAL_MAPS.get(name)
    if (optionalMap !== undefined && args.length === 2) {
      wrap(source, node, [`${optionalMap}(`, ')'], edits)
      wrap(source, receiver, [`${OPTIONAL_LIST}(`, ')'], edits)
      edits.push({ at: text.indexOf(name, receiver.range.end), remove: name.length, insert: 'map' })
    }
    const step = args[FIRST_STEP[name] ?? -1]
    if (args.length === 2 && step !== undefined) wrap(source, step, counted(source), edits)
    else if (name === 'map' && args.length === 3 && args[1] !== undefined)
      wrap(source, args[1], counted(source), edits)
    else if ((name === 'map' || optionalMap !== undefined) && args.length === 2 && args[0] !== undefined)
      // A map of two arguments has no condition yet in which to count.
      edits.push({ at: groupOf(source, args[0]).end, remove: 0, insert: `, ${source.tick}` })
    else if (name === 'join' || name === 'replace') wrap(source, node, MEASURED, edits)
  } else if (node.op === 'call' && node.args[0] === 'has') {
    const [selection] = node.args[1]
    if (selection?.op === '.' && !isPath(selection)) {
      const [of, field] = selection.args
      const { start, end } = groupOf(source, of)
      edits.push(
        { at: node.range.start, remove: start - node.range.start, insert: '((' },
        { at: end, remove: node.range.end - end, insert: `).?${field}.hasValue())` },
      )
      visit(source, of, edits)
      return
    }
  } else if (node.op === 'call' && !UNEVALUATED.has(node.args[0]))
    for (const argument of node.args[1]) wrap(source, argument, MEASURED, edits)
  for (const child of childrenOf(node)) visit(source, child, edits)
}

/** What is written around a node. */
type Around = readonly [before: string, after: string]

const WEIGHED: Around = [`${WEIGH}(`, ')']
const MEASURED: Around = [`${MEASURE}(`, ')']

/** A choice and no `&&`: the language goes on with the other side of an `&&` when one side fails. */
function counted({ tick }: Source): Around {
  return [`(${tick} ? (`, ') : false)']
}

function wrap(source: Source, node: ASTNode, [before, after]: Around, edits: Edit[]): void {
  const { start, end } = groupOf(source, node)
  edits.push({ at: start, remove: 0, insert: before, isOpening: true }, { at: end, remove: 0, insert: after })
}

/** Where a node is, with the parentheses that open or close within it: the library's ranges leave out the outer ones of operands. */
function groupOf({ masked }: Source, { range }: ASTNode): { readonly start: number; readonly end: number } {
  let { start, end } = range
  let depth = 0
  let lowest = 0
  for (let at = start; at < end; at += 1) {
    if (masked[at] === '(') depth += 1
    else if (masked[at] === ')') depth -= 1
    lowest = Math.min(lowest, depth)
  }
  for (let missing = -lowest; missing > 0 && start > 0; ) {
    start -= 1
    if (masked[start] === '(') missing -= 1
  }
  for (let missing = depth - lowest; missing > 0 && end < masked.length; end += 1)
    if (masked[end] === ')') missing -= 1
  return { start, end }
}

function masked(text: string, ast: ASTNode): string {
  let result = text
  walk(ast, ({ op, range }) => {
    if (op !== 'value') return
    const blank = ' '.repeat(range.end - range.start)
    result = result.slice(0, range.start) + blank + result.slice(range.end)
  })
  return result.replaceAll(/\/\/[^\n]*/g, comment => ' '.repeat(comment.length))
}

/** `a.b.c`, which the library's own `has()` takes. */
function isPath(node: ASTNode): boolean {
  if (node.op === 'id') return true
  return (node.op === '.' || node.op === '.?') && isPath(node.args[0])
}

function childrenOf(node: ASTNode): readonly ASTNode[] {
  return nodesIn(node.args)
}

function nodesIn(value: unknown): readonly ASTNode[] {
  if (Array.isArray(value)) return value.flatMap(nodesIn)
  return typeof value === 'object' && value !== null && 'op' in value ? [value as ASTNode] : []
}
