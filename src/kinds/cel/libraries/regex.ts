import { compilePattern, type Pattern, patternCost } from '../../pattern.ts'
import type { Costs } from '../costs.ts'
import { MATCHES } from '../instrument.ts'
import type { Definitions } from './library.ts'

/** Regular expressions that an environment keeps compiled. */
const MAX_PATTERNS = 100

/** `matches` by RE2, and upstream's `find` and `findAll` (apiserver `pkg/cel/library/regex.go`). */
export function defineRegex({ define, costs }: Definitions): void {
  const patterns = new Patterns(costs)
  const matches = (text: string, source: string): boolean => patterns.get(source, text, false).find(text)
  define(`string.${MATCHES}(string): bool`, matches)
  define('matches(string, string): bool', matches)
  const findAll = (text: string, source: string, limit: bigint): readonly string[] =>
    patterns.get(source, text, true).findAll(text, limit < 0n ? Number.POSITIVE_INFINITY : Number(limit))
  define('string.find(string): string', (text: string, source: string) => findAll(text, source, 1n)[0] ?? '')
  define('string.findAll(string): list<string>', (text: string, source: string) => findAll(text, source, -1n))
  define('string.findAll(string, int): list<string>', findAll)
}

interface Kept {
  readonly pattern: Pattern
  readonly size: number
}

class Patterns {
  readonly #costs: Costs
  readonly #kept = new Map<string, Kept>()

  constructor(costs: Costs) {
    this.#costs = costs
  }

  /** Pays for compiling it, where it is new, and for looking for it in a text. */
  get(source: string, text: string, forPlaces: boolean): Pattern {
    const { pattern, size } = this.#kept.get(source) ?? this.#compile(source)
    this.#costs.searched(text.length, size, forPlaces)
    return pattern
  }

  #compile(source: string): Kept {
    const size = patternCost(source)
    this.#costs.compiled(size)
    const pattern = compilePattern(source)
    if ('problem' in pattern) throw new RangeError(`${JSON.stringify(source)} is no regular expression`)
    if (this.#kept.size >= MAX_PATTERNS) this.#kept.clear()
    const kept = { pattern, size }
    this.#kept.set(source, kept)
    return kept
  }
}
