import { Environment } from '@marcbachmann/cel-js'
import { compareQuantities, parseQuantity, quantityProblem, quantityToNumber } from '../../kube/index.ts'
import { compilePattern, type Pattern, patternCost } from '../pattern.ts'
import { MATCHES, MEASURE, TICK, WEIGH } from './instrument.ts'

/** What an expression may be at most: a rule of upstream's size, whose literals cannot stand in for large values. */
const LIMITS = {
  maxAstNodes: 2_000,
  maxDepth: 50,
  maxListElements: 100,
  maxMapEntries: 100,
  maxCallArguments: 8,
}
/** An expression with the counts that are put in has up to four calls and choices around each of its operations. */
const COUNTED_LIMITS = { ...LIMITS, maxAstNodes: 5 * LIMITS.maxAstNodes, maxDepth: 5 * LIMITS.maxDepth }

const OPTIONS = { enableOptionalTypes: true, homogeneousAggregateLiterals: false }

/** Reads expressions as they are written, within their limits; it knows no functions but the language's own. */
export const syntax: Environment = new Environment({ ...OPTIONS, limits: LIMITS })

/** What a quantity is to expressions. */
class CelQuantity {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** Told what costs more than the rest of an expression; each throws when it is too much. */
export interface Costs {
  /** A loop takes another turn, in an expression of so many operations. */
  turn(operations: number): void
  /** A regular expression of this size is compiled. */
  compiled(size: number): void
  /** This value is compared. */
  weighed(value: unknown): void
  /** This value is given to a function, or was put together. */
  measured(value: unknown): void
}

/**
 * The functions of Kubernetes' expressions beyond the language's own: lists (`sum`, `min`, `max`, `isSorted`, `indexOf`, `lastIndexOf`),
 * texts (`charAt`, `replace`), `matches` by RE2 and quantities.
 */
export function createEnvironment(costs: Costs): Environment {
  const environment = new Environment({ ...OPTIONS, limits: COUNTED_LIMITS })
  const define = (signature: string, handler: (...values: never[]) => unknown): void => {
    environment.registerFunction(signature, handler as never)
  }
  const patterns = new Map<string, Pattern>()
  const patternOf = (source: string): Pattern => {
    const known = patterns.get(source)
    if (known !== undefined) return known
    costs.compiled(patternCost(source))
    const compiled = compilePattern(source)
    if ('problem' in compiled) throw new RangeError(`${JSON.stringify(source)} is no regular expression`)
    if (patterns.size >= MAX_PATTERNS) patterns.clear()
    patterns.set(source, compiled)
    return compiled
  }
  define(`${TICK}(int): bool`, (operations: bigint) => {
    costs.turn(Number(operations))
    return true
  })
  define(`${MEASURE}(A): A`, (value: unknown) => {
    costs.measured(value)
    return value
  })
  define(`${WEIGH}(A): A`, (value: unknown) => {
    costs.weighed(value)
    return value
  })
  define(`string.${MATCHES}(string): bool`, (text: string, source: string) => patternOf(source).find(text))
  define('matches(string, string): bool', (text: string, source: string) => patternOf(source).find(text))
  define('string.charAt(int): string', (text: string, index: bigint) => text.charAt(Number(index)))
  define('string.replace(string, string): string', (text: string, from: string, to: string) => {
    const parts = text.split(from)
    if (text.length + parts.length * to.length > MAX_TEXT) throw new RangeError('the text becomes too long')
    return parts.join(to)
  })
  define('list<int>.sum(): int', (list: bigint[]) => list.reduce((sum, item) => sum + item, 0n))
  define('list<double>.sum(): double', (list: number[]) => list.reduce((sum, item) => sum + item, 0))
  define('list<A>.isSorted(): bool', (list: Ordered[]) =>
    list.every((item, index) => index === 0 || (list[index - 1] as Ordered) <= item),
  )
  define('list<A>.min(): A', (list: Ordered[]) => extreme(list, (a, b) => a < b))
  define('list<A>.max(): A', (list: Ordered[]) => extreme(list, (a, b) => a > b))
  define('list<A>.indexOf(A): int', (list: unknown[], item: unknown) => BigInt(list.indexOf(item)))
  define('list<A>.lastIndexOf(A): int', (list: unknown[], item: unknown) => BigInt(list.lastIndexOf(item)))
  defineQuantities(environment, define)
  return environment
}

type Ordered = bigint | number | string

/** Regular expressions that an environment keeps compiled. */
const MAX_PATTERNS = 100
/** Longest text that an expression may make. */
const MAX_TEXT = 4 * 1024 * 1024

function extreme(list: readonly Ordered[], isBetter: (a: Ordered, b: Ordered) => boolean): Ordered {
  const [first] = list
  if (first === undefined) throw new RangeError('the list is empty')
  return list.reduce((best, item) => (isBetter(item, best) ? item : best), first)
}

function defineQuantities(
  environment: Environment,
  define: (signature: string, handler: (...values: never[]) => unknown) => void,
): void {
  environment.registerType('kubernetes.Quantity', { ctor: CelQuantity, fields: {} })
  const compare = (a: CelQuantity, b: CelQuantity): number =>
    compareQuantities(parseQuantity(a.text), parseQuantity(b.text))
  define('isQuantity(string): bool', (text: string) => quantityProblem(text) === undefined)
  define('quantity(string): kubernetes.Quantity', (text: string) => {
    const problem = quantityProblem(text)
    if (problem !== undefined) throw new RangeError(problem)
    return new CelQuantity(text)
  })
  const quantity = 'kubernetes.Quantity'
  define(`${quantity}.compareTo(${quantity}): int`, (a: CelQuantity, b: CelQuantity) =>
    BigInt(Math.sign(compare(a, b))),
  )
  define(
    `${quantity}.isGreaterThan(${quantity}): bool`,
    (a: CelQuantity, b: CelQuantity) => compare(a, b) > 0,
  )
  define(`${quantity}.isLessThan(${quantity}): bool`, (a: CelQuantity, b: CelQuantity) => compare(a, b) < 0)
  define(`${quantity}.sign(): int`, (a: CelQuantity) => BigInt(Math.sign(compare(a, new CelQuantity('0')))))
  define(`${quantity}.asApproximateFloat(): double`, (a: CelQuantity) =>
    quantityToNumber(parseQuantity(a.text)),
  )
  environment.registerOperator(
    `${quantity} == ${quantity}`,
    (a: CelQuantity, b: CelQuantity) => compare(a, b) === 0,
  )
}
