import type { Environment } from '@marcbachmann/cel-js'
import { syntax } from './environment.ts'
import { instrument, RESERVED_NAMES, walk } from './instrument.ts'
import { BudgetExceeded } from './meter.ts'

/** Longest expression; upstream has no bound of its own but its cost. */
const MAX_LENGTH = 16 * 1024

/** A compiled expression. */
export interface Expression {
  /** Whether it looks at what was before. */
  readonly usesOldSelf: boolean
  /** The type of what it is, as the language names it. */
  readonly type: string
  /** What it is of these variables; throws what goes wrong, {@link BudgetExceeded} among it. */
  evaluate(variables: { readonly [name: string]: unknown }): unknown
}

/** Compiles an expression of one of some types (of any when there are none), or says why that cannot be. */
export function compileExpression(
  environment: Environment,
  text: string,
  ...types: readonly string[]
): Expression | { readonly problem: string } {
  if (text.length > MAX_LENGTH) return { problem: `it is longer than ${MAX_LENGTH} characters` }
  const reserved = RESERVED_NAMES.find(name => text.includes(name))
  if (reserved !== undefined) return { problem: `it may not name ${reserved}` }
  try {
    const parsed = syntax.parse(text)
    let usesOldSelf = false
    let binds = false
    walk(parsed.ast, node => {
      if (node.op === 'id' && node.args === 'oldSelf') usesOldSelf = true
      if (node.op === 'rcall' && node.args[0] === 'bind') binds = true
    })
    // Each binding could double what the one before made.
    if (binds) return { problem: 'cel.bind() is not there' }
    const run = environment.parse(instrument(text, parsed.ast))
    const checked = run.check()
    if (!checked.valid) return { problem: checked.error?.message.split('\n')[0] ?? 'it cannot be read' }
    const { type = 'dyn' } = checked
    if (types.length > 0 && type !== 'dyn' && !types.includes(type))
      return { problem: `it must be a ${types.join(' or ')} and is a ${type}` }
    return { usesOldSelf, type, evaluate: variables => rethrowing(() => run(variables)) }
  } catch (error) {
    return { problem: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) }
  }
}

/** The library wraps what functions throw: the end of the budget must be told from an error of the expression. */
function rethrowing(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
      if (cause instanceof BudgetExceeded) throw cause
    throw error
  }
}
