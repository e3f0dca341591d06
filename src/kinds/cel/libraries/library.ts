import type { Environment } from '@marcbachmann/cel-js'
import type { Costs } from '../costs.ts'

/** Where a library puts its functions. */
export interface Definitions {
  readonly environment: Environment
  readonly costs: Costs
  /** `list<int>.sum(): int`, and what does it. */
  define(signature: string, handler: (...values: never[]) => unknown): void
}

export function definitionsOf(environment: Environment, costs: Costs): Definitions {
  return {
    environment,
    costs,
    define(signature, handler) {
      environment.registerFunction(signature, handler as never)
    },
  }
}

/**
 * A name with functions of its own, such as `sets.contains()`. Answers with what signatures begin with; the namespace itself is the first
 * argument of its functions. A variable of the same name hides it, as upstream.
 */
export function defineNamespace({ environment }: Definitions, name: string): string {
  const type = `kubernetes.namespace.${name}`
  const Namespace = class {}
  environment.registerType(type, { ctor: Namespace, fields: {} })
  environment.registerConstant(name, type, new Namespace())
  return type
}

/** A type of values that only a library's functions make, compared by `equals`. */
export function defineOpaque<Value extends Comparable>(
  { environment }: Definitions,
  type: string,
  ctor: new (...given: never[]) => Value,
): void {
  environment.registerType(type, { ctor: ctor as never, fields: {} })
  environment.registerOperator(`${type} == ${type}`, (a: Value, b: Value) => a.equals(b))
}

/** A value that says itself what it is equal to. */
export interface Comparable {
  equals(other: unknown): boolean
}
