import type { Environment } from '@marcbachmann/cel-js'

/** The type of each variable that may be named, in the order of the policy. */
export type VariableTypes = Map<string, string>

class Variables {}

/** `variables` in an environment, with the variables that come before what is compiled in it. */
export function defineVariables(environment: Environment, types: VariableTypes): Environment {
  environment.registerType('kubernetes.variables', { ctor: Variables, fields: Object.fromEntries(types) })
  return environment.registerVariable('variables', 'kubernetes.variables')
}

interface Variable {
  readonly name: string
  evaluate(): unknown
}

type Outcome = { readonly value: unknown } | { readonly error: unknown }

/** The variables of one evaluation: each is evaluated when it is first named, and once. */
export class VariableValues {
  /** What `variables` is bound to. */
  readonly value: object

  /** `onValue` is told each value before it is used. */
  constructor(variables: readonly Variable[], onValue: (value: unknown) => void) {
    const known = new Map<string, Outcome>()
    this.value = new Variables()
    for (const { name, evaluate } of variables)
      Object.defineProperty(this.value, name, {
        enumerable: true,
        get() {
          const outcome = known.get(name) ?? attempt(evaluate, onValue)
          known.set(name, outcome)
          if ('error' in outcome) throw outcome.error
          return outcome.value
        },
      })
  }
}

function attempt(evaluate: () => unknown, onValue: (value: unknown) => void): Outcome {
  try {
    const value = evaluate()
    onValue(value)
    return { value }
  } catch (error) {
    return { error }
  }
}
