import type { ASTNode } from '@marcbachmann/cel-js'

/** The name of the function that counts the turns of loops; no one can call it but through {@link instrument}. */
export const TICK = 'tick__'
/** `matches` by RE2: the library's own is JavaScript's, which can take exponential time. */
export const MATCHES = 'matches__'

interface Edit {
  readonly at: number
  readonly remove: number
  readonly insert: string
}

/** Which argument of a macro is evaluated first in each turn. */
const FIRST_STEP: Readonly<Record<string, number>> = { all: 1, exists: 1, exists_one: 1, filter: 1 }

/**
 * The expression with a count before each turn of its loops, with RE2 for `matches`, and with `has()` of fields that the library does not see
 * (of list items and of what functions return) written as optional selections.
 */
export function instrument(text: string, ast: ASTNode): string {
  const edits: Edit[] = []
  visit(text, ast, edits)
  // From right to left, so that positions stay; what replaces comes before what is put in front of it.
  edits.sort((a, b) => b.at - a.at || b.remove - a.remove)
  let result = text
  for (const { at, remove, insert } of edits)
    result = result.slice(0, at) + insert + result.slice(at + remove)
  return result
}

/** Calls `see` with every node of an expression. */
export function walk(node: ASTNode, see: (node: ASTNode) => void): void {
  see(node)
  for (const child of childrenOf(node)) walk(child, see)
}

function visit(text: string, node: ASTNode, edits: Edit[]): void {
  if (node.op === 'rcall') {
    const [name, receiver, args] = node.args
    if (name === 'matches') {
      const at = text.indexOf('matches', receiver.range.end)
      edits.push({ at, remove: 'matches'.length, insert: MATCHES })
    }
    const step = args[FIRST_STEP[name] ?? -1]
    if (args.length === 2 && step !== undefined) count(step, edits)
    else if (name === 'map' && args.length === 3 && args[1] !== undefined) count(args[1], edits)
    else if (name === 'map' && args.length === 2 && args[0] !== undefined)
      // A map of two arguments has no condition yet in which to count.
      edits.push({ at: args[0].range.end, remove: 0, insert: `, ${TICK}()` })
  } else if (node.op === 'call' && node.args[0] === 'has') {
    const [selection] = node.args[1]
    if (selection?.op === '.' && !isPath(selection)) {
      const [of, field] = selection.args
      edits.push(
        { at: node.range.start, remove: of.range.start - node.range.start, insert: '((' },
        { at: of.range.end, remove: node.range.end - of.range.end, insert: `).?${field}.hasValue())` },
      )
      visit(text, of, edits)
      return
    }
  }
  for (const child of childrenOf(node)) visit(text, child, edits)
}

/** A choice and no `&&`: the language goes on with the other side of an `&&` when one side fails. */
function count(step: ASTNode, edits: Edit[]): void {
  edits.push(
    { at: step.range.start, remove: 0, insert: `(${TICK}() ? (` },
    { at: step.range.end, remove: 0, insert: ') : false)' },
  )
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
