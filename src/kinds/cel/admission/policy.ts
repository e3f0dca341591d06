import type { Environment } from '@marcbachmann/cel-js'
import type { ValidatingAdmissionPolicySpec } from '../../../kube/generated/types.ts'
import { createEnvironment } from '../environment.ts'
import { compileExpression, type Expression } from '../expression.ts'
import { BudgetExceeded, costsOf, Meter } from '../meter.ts'
import { type AskAccess, CelAuthorizer, defineAuthorizer } from './authorizer.ts'
import { type AdmissionRequestValue, defineRequest, requestValue } from './request.ts'
import { defineVariables, type VariableTypes, VariableValues } from './variables.ts'

/** Expressions of one policy. Each takes some tenths of a millisecond to compile; upstream bounds the match conditions alone. */
const MAX_EXPRESSIONS = 500
/** Longest text of a `messageExpression` (apiserver `pkg/apis/cel`, `MaxEvaluatedMessageExpressionSizeBytes`). */
const MAX_MESSAGE = 5 * 1024
/** Longest value of an audit annotation (apiserver `plugin/policy/validating`, `maxAuditAnnotationValueLength`). */
const MAX_ANNOTATION = 10 * 1024
/** What a question to an authorizer costs, of the size of values (a third of what upstream's cost of it allows at most). */
const ACCESS_SIZE = 300_000
/** What one evaluation costs beside what its operations look at: it has to be begun. */
const EVALUATION_SIZE = 1_000

/** An expression of a policy that cannot be compiled. */
export interface PolicyProblem {
  /** `spec.validations[0].expression` */
  readonly path: string
  readonly value: unknown
  readonly detail: string
}

/** One write, as the expressions of a policy see it. Objects are values as `celValue` makes them; null where there is none. */
export interface PolicyInput {
  readonly object: unknown
  readonly oldObject: unknown
  readonly request: AdmissionRequestValue
  readonly params: unknown
  readonly namespaceObject: unknown
  readonly ask: AskAccess
  /** What may still be spent on it. */
  readonly meter: Meter
  /** Told the value of each audit annotation that has one. */
  readonly onAnnotation?: (key: string, value: string) => void
}

/** Why a policy does not let a write pass. */
export interface PolicyFailure {
  readonly message: string
  /** What the answer's reason is; undefined: the policy's own rules failed it, not a validation. */
  readonly reason: string | undefined
  /** Which validation it was; undefined where it was none. */
  readonly expressionIndex?: number
}

interface CompiledValidation {
  readonly text: string
  readonly message: string
  readonly reason: string
  readonly expression: Expression | undefined
  readonly messageExpression: Expression | undefined
}

interface Named {
  readonly name: string
  readonly text: string
  readonly expression: Expression
}

type Bindings = { readonly [name: string]: unknown }

/** A ValidatingAdmissionPolicy, compiled (apiserver `pkg/admission/plugin/policy/validating`). */
export class CompiledPolicy {
  readonly problems: readonly PolicyProblem[]
  readonly #failsOpen: boolean
  readonly #conditions: readonly Named[]
  readonly #variables: readonly Named[]
  readonly #validations: readonly CompiledValidation[]
  readonly #annotations: readonly Named[]
  /** Of the evaluation that goes on: expressions run to their end before anything else does. */
  #meter = new Meter()

  constructor(spec: ValidatingAdmissionPolicySpec) {
    const problems: PolicyProblem[] = []
    this.problems = problems
    this.#failsOpen = spec.failurePolicy === 'Ignore'
    const { matchConditions = [], variables = [], validations = [], auditAnnotations = [] } = spec
    const count = matchConditions.length + variables.length + validations.length + auditAnnotations.length
    if (count > MAX_EXPRESSIONS) {
      problems.push({
        path: 'spec',
        value: count,
        detail: `must have at most ${MAX_EXPRESSIONS} expressions`,
      })
      this.#conditions = this.#variables = this.#validations = this.#annotations = []
      return
    }
    const base = this.#environment(spec.paramKind !== undefined)
    const asking = base.clone()
    defineAuthorizer(asking)
    const compile = (
      environment: Environment,
      text: string,
      path: string,
      types: readonly string[],
    ): Expression | undefined => {
      const expression = compileExpression(environment, text, ...types)
      if (!('problem' in expression)) return expression
      problems.push({ path, value: text, detail: `compilation failed: ${expression.problem}` })
      return undefined
    }
    this.#conditions = matchConditions.flatMap(({ name, expression: text }, index) => {
      const path = `spec.matchConditions[${index}].expression`
      const expression = compile(asking, text, path, ['bool'])
      return expression === undefined ? [] : [{ name, text, expression }]
    })
    const known: VariableTypes = new Map()
    this.#variables = variables.flatMap(({ name, expression: text }, index) => {
      const path = `spec.variables[${index}].expression`
      const expression = compile(defineVariables(asking.clone(), known), text, path, [])
      // The ones after it may name it all the same: one mistake is one problem.
      known.set(name, expression?.type ?? 'dyn')
      return expression === undefined ? [] : [{ name, text, expression }]
    })
    const withVariables = defineVariables(asking.clone(), known)
    const quiet = defineVariables(base.clone(), known)
    this.#validations = validations.map((validation, index) => {
      const { expression, message = '', messageExpression = '', reason = 'Invalid' } = validation
      const path = `spec.validations[${index}]`
      return {
        text: expression,
        message,
        reason,
        expression: compile(withVariables, expression, `${path}.expression`, ['bool']),
        messageExpression:
          messageExpression.trim() === ''
            ? undefined
            : compile(quiet, messageExpression, `${path}.messageExpression`, ['string']),
      }
    })
    this.#annotations = auditAnnotations.flatMap(({ key, valueExpression: text }, index) => {
      const path = `spec.auditAnnotations[${index}].valueExpression`
      const expression = compile(quiet, text, path, ['string', 'null'])
      return expression === undefined ? [] : [{ name: key, text, expression }]
    })
  }

  /**
   * What the policy finds wrong with a write, in the order of its validations; nothing when its conditions do not match. An error of an
   * expression is a failure unless the policy's failures are ignored. Throws nothing.
   */
  failures(input: PolicyInput): readonly PolicyFailure[] {
    const [problem] = this.problems
    if (problem !== undefined) return this.#erred(`${problem.path}: ${problem.detail}`)
    this.#meter = input.meter
    try {
      return this.#judge(input)
    } catch (error) {
      return this.#erred(messageOf(error))
    }
  }

  #judge(input: PolicyInput): readonly PolicyFailure[] {
    const quiet = this.#bindings(input)
    const asking = { ...quiet, authorizer: authorizerOf(input) }
    const matches = this.#matches({ ...asking, namespaceObject: null })
    if (matches !== true) return matches === false ? [] : this.#erred(matches)
    const variables = new VariableValues(
      this.#variables.map(({ name, expression, text }) => ({
        name,
        evaluate: () => this.#evaluate(expression, text, { ...asking, variables: variables.value }),
      })),
      value => this.#meter.weighed(value),
    )
    const failures: PolicyFailure[] = []
    for (const [expressionIndex, validation] of this.#validations.entries()) {
      const found = this.#validate(
        validation,
        { ...asking, variables: variables.value },
        { ...quiet, variables: variables.value },
      )
      failures.push(...found.map(failure => ({ ...failure, expressionIndex })))
    }
    failures.push(...this.#annotate({ ...quiet, variables: variables.value }, input.onAnnotation))
    return failures
  }

  /** Whether the match conditions hold; a text: what went wrong. One that is false decides, whatever the others are. */
  #matches(bindings: Bindings): boolean | string {
    const errors: string[] = []
    for (const { expression, text } of this.#conditions) {
      const value = this.#attempt(() => this.#evaluate(expression, text, bindings))
      if (value instanceof EvaluationFailure) errors.push(value.message)
      else if (value !== true) return false
    }
    if (errors.length === 0) return true
    if (this.#failsOpen) return false
    return errors.length === 1 ? (errors[0] as string) : `[${errors.join(', ')}]`
  }

  #validate(validation: CompiledValidation, asking: Bindings, quiet: Bindings): readonly PolicyFailure[] {
    const { text, reason, message, expression, messageExpression } = validation
    const value = this.#attempt(() => this.#evaluate(expression as Expression, text, asking))
    if (value instanceof EvaluationFailure) return this.#erred(value.message)
    if (value === true) return []
    const made =
      messageExpression === undefined
        ? undefined
        : this.#attempt(() => this.#evaluate(messageExpression, text, quiet))
    const said = typeof made === 'string' ? made.trim() : ''
    const isGood = said !== '' && said.length <= MAX_MESSAGE && !said.includes('\n')
    return [{ message: isGood ? said : message.trim() || `failed expression: ${text.trim()}`, reason }]
  }

  /** Nothing and an empty text are no annotation; that one cannot be made counts. */
  #annotate(bindings: Bindings, onAnnotation: PolicyInput['onAnnotation']): readonly PolicyFailure[] {
    return this.#annotations.flatMap(({ name, expression, text }) => {
      const value = this.#attempt(() => this.#evaluate(expression, text, bindings))
      if (value instanceof EvaluationFailure) return this.#erred(value.message)
      if (typeof value === 'string' && value.trim() !== '')
        onAnnotation?.(name, value.slice(0, MAX_ANNOTATION))
      if (typeof value === 'string' || value === null) return []
      const message = `valueExpression '${text}' resulted in unsupported return type: ${typeof value}. Return type must be either string or null.`
      return [{ message, reason: undefined }]
    })
  }

  #erred(message: string): readonly PolicyFailure[] {
    return this.#failsOpen ? [] : [{ message, reason: undefined }]
  }

  /** The value of an expression; every failure but the end of the budget is told by its text. */
  #evaluate(expression: Expression, text: string, bindings: Bindings): unknown {
    this.#meter.spend(EVALUATION_SIZE)
    try {
      const value = expression.evaluate(bindings)
      // The end of the budget may have been overlooked by the rest of the expression.
      if (this.#meter.isEmpty) throw new BudgetExceeded(OVER_BUDGET)
      return value
    } catch (error) {
      if (error instanceof BudgetExceeded) throw new BudgetExceeded(OVER_BUDGET)
      if (error instanceof EvaluationFailure) throw error
      throw new EvaluationFailure(`expression '${text}' resulted in error: ${messageOf(error)}`)
    }
  }

  /** An error of an expression as a value. The end of the budget ends everything. */
  #attempt(action: () => unknown): unknown {
    try {
      return action()
    } catch (error) {
      if (error instanceof BudgetExceeded) throw error
      return error instanceof EvaluationFailure ? error : new EvaluationFailure(messageOf(error))
    }
  }

  #bindings({ object, oldObject, request, params, namespaceObject }: PolicyInput): Bindings {
    return { object, oldObject, request: requestValue(request), params, namespaceObject }
  }

  #environment(hasParams: boolean): Environment {
    const environment = createEnvironment(costsOf(() => this.#meter))
    defineRequest(environment)
    for (const name of ['object', 'oldObject', 'namespaceObject', ...(hasParams ? ['params'] : [])])
      environment.registerVariable(name, 'dyn')
    return environment
  }
}

const OVER_BUDGET =
  'validation failed due to running out of cost budget, no further validation rules will be run'

/** An expression could not be evaluated. */
class EvaluationFailure extends Error {
  override name = 'EvaluationFailure'
}

function authorizerOf({ ask, request, meter }: PolicyInput): CelAuthorizer {
  const { requestResource, requestSubResource, namespace, name } = request
  return new CelAuthorizer(
    {
      serviceAccount: undefined,
      ask(question) {
        meter.spend(ACCESS_SIZE)
        return ask(question)
      },
    },
    {
      group: requestResource.group,
      resource: requestResource.resource,
      subresource: requestSubResource,
      namespace,
      name,
    },
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
}
