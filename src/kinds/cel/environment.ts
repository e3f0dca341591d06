import { Environment } from '@marcbachmann/cel-js'
import type { Costs } from './costs.ts'
import { MEASURE, TICK, WEIGH } from './instrument.ts'
import { defineAddresses } from './libraries/addresses.ts'
import { defineConversions } from './libraries/conversions.ts'
import { defineFormats } from './libraries/formats.ts'
import { definitionsOf } from './libraries/library.ts'
import { defineLists } from './libraries/lists.ts'
import { defineOptionals } from './libraries/optionals.ts'
import { defineQuantities } from './libraries/quantities.ts'
import { defineRegex } from './libraries/regex.ts'
import { defineSets } from './libraries/sets.ts'
import { defineStrings } from './libraries/strings.ts'
import { defineUrls } from './libraries/urls.ts'

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

/**
 * What Kubernetes 1.32 lets a new expression use (apiserver `pkg/cel/environment/base.go`): the language's own functions, optional types, and
 * the libraries of lists, sets, texts, regular expressions, URLs, addresses, quantities and formats. The authorizer comes with what has one.
 */
export function createEnvironment(costs: Costs): Environment {
  const environment = new Environment({ ...OPTIONS, limits: COUNTED_LIMITS })
  const definitions = definitionsOf(environment, costs)
  const { define } = definitions
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
  for (const library of LIBRARIES) library(definitions)
  return environment
}

const LIBRARIES = [
  defineConversions,
  defineOptionals,
  defineLists,
  defineSets,
  defineStrings,
  defineRegex,
  defineUrls,
  defineAddresses,
  defineQuantities,
  defineFormats,
]
