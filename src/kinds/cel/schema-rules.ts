import { type Environment, Optional } from '@marcbachmann/cel-js'
import { canonicalJson, deepEqual, isObject } from '../../base/index.ts'
import type { ValidationRule } from '../../kube/generated/types.ts'
import { additionalSchema, childPath, propertySchema, type SchemaProps } from '../custom/schema-props.ts'
import type { CauseType, Problems } from '../validation/problems.ts'
import { createEnvironment } from './environment.ts'
import { compileExpression, type Expression } from './expression.ts'
import { BudgetExceeded, costsOf, Meter } from './meter.ts'
import { type CelShape, SchemaTypes } from './schema-types.ts'

/** Rules of one schema. Each takes some tenths of a millisecond to compile. */
const MAX_RULES = 500
/** Schemas whose compiled rules are kept: a definition whose status changes has the same as before. */
const MAX_KEPT = 100

/** What one evaluation costs beside its loops: the value has to be made ready for it. */
const EVALUATION_SIZE = 4_000
const REASONS: readonly CauseType[] = [
  'FieldValueInvalid',
  'FieldValueForbidden',
  'FieldValueRequired',
  'FieldValueDuplicate',
]

interface CompiledRule {
  readonly rule: ValidationRule
  readonly expression: Expression
  readonly message: Expression | undefined
}

interface NodeRules {
  readonly shape: CelShape
  readonly rules: readonly CompiledRule[]
}

/** A rule that cannot be compiled, or cannot stand where it does. */
export interface RuleProblem {
  /** From the root of the schema: `.properties[spec].x-kubernetes-validations[0].rule`. */
  readonly path: string
  readonly value: unknown
  readonly detail: string
}

/** The rules in CEL of a structural schema (`x-kubernetes-validations`), compiled. */
export class SchemaRules {
  readonly problems: readonly RuleProblem[]
  readonly #schema: SchemaProps
  readonly #nodes = new Map<SchemaProps, NodeRules>()
  /** The parts of the schema at which or below which there is a rule. */
  readonly #ruled = new Set<SchemaProps>()
  #meter = new Meter()

  /** The rules of a schema, compiled at most once for equal schemas that are asked for again and again. */
  static of(schema: SchemaProps): SchemaRules {
    const text = JSON.stringify(schema)
    const rules = kept.get(text) ?? new SchemaRules(schema)
    kept.delete(text)
    kept.set(text, rules)
    for (const oldest of kept.keys()) {
      if (kept.size <= MAX_KEPT) break
      kept.delete(oldest)
    }
    return rules
  }

  constructor(schema: SchemaProps) {
    const problems: RuleProblem[] = []
    this.problems = problems
    this.#schema = schema
    if (!this.#mark(schema)) return
    const texts = [...this.#ruled].flatMap(node => node['x-kubernetes-validations'] ?? [])
    if (texts.length > MAX_RULES) {
      problems.push({ path: '', value: texts.length, detail: `must have at most ${MAX_RULES} rules` })
      return
    }
    const environment = createEnvironment(costsOf(() => this.#meter))
    const types = new SchemaTypes(environment, namesIn(texts))
    const shapes = new Map<SchemaProps, CelShape | undefined>()
    shapes.set(schema, types.shapeOf(schema, true))
    for (const node of this.#ruled) shapes.set(node, shapes.get(node) ?? types.shapeOf(node))
    if (types.isFull) {
      problems.push({ path: '', value: '', detail: 'has rules about too many different objects' })
      return
    }
    this.#compile(schema, { path: '', isCorrelatable: true, environment, shapes, problems })
  }

  /** Adds what rules a value breaks. Rules that look at the old value run where there is one, or where they say that they do without. */
  check(value: unknown, old: unknown, problems: Problems): void {
    if (!this.#ruled.has(this.#schema)) return
    this.#meter = new Meter()
    try {
      this.#checkNode(this.#schema, value, old, '', problems)
    } catch (error) {
      if (!(error instanceof BudgetExceeded)) throw error
      problems.invalid(
        '',
        '',
        'validation failed due to running out of cost budget, no further validation rules will be run',
      )
    }
  }

  #mark(schema: SchemaProps): boolean {
    let found = (schema['x-kubernetes-validations'] ?? []).length > 0
    for (const [, child] of childrenOf(schema)) if (this.#mark(child)) found = true
    if (found) this.#ruled.add(schema)
    return found
  }

  #compile(
    schema: SchemaProps,
    at: {
      readonly path: string
      readonly isCorrelatable: boolean
      readonly environment: Environment
      readonly shapes: ReadonlyMap<SchemaProps, CelShape | undefined>
      readonly problems: RuleProblem[]
    },
  ): void {
    if (!this.#ruled.has(schema)) return
    const rules = schema['x-kubernetes-validations'] ?? []
    const shape = at.shapes.get(schema)
    if (rules.length > 0) {
      const compiled: CompiledRule[] = []
      for (const [index, rule] of rules.entries()) {
        const path = `${at.path}.x-kubernetes-validations[${index}]`
        if (shape === undefined)
          at.problems.push({
            path,
            value: rule.rule,
            detail: 'must not be set where the type of the value is unknown',
          })
        else {
          const made = compileRule(rule, shape, schema, { ...at, path })
          if (made !== undefined) compiled.push(made)
        }
      }
      if (shape !== undefined) this.#nodes.set(schema, { shape, rules: compiled })
    }
    const isNamed = schema['x-kubernetes-list-type'] === 'map'
    for (const [step, child] of childrenOf(schema))
      this.#compile(child, {
        ...at,
        path: `${at.path}.${step}`,
        isCorrelatable: at.isCorrelatable && (step !== 'items' || isNamed),
      })
  }

  #checkNode(schema: SchemaProps, value: unknown, old: unknown, path: string, problems: Problems): void {
    if (!this.#ruled.has(schema) || value === undefined || value === null) return
    this.#run(schema, value, old, path, problems)
    if (Array.isArray(value)) {
      const { items } = schema
      if (items === undefined) return
      const olds = correlated(schema, old)
      for (const [index, item] of value.entries())
        this.#checkNode(items, item, olds?.get(identityOf(schema, item)), `${path}[${index}]`, problems)
    } else if (isObject(value)) {
      const additional = additionalSchema(schema)
      for (const [key, member] of Object.entries(value)) {
        const known = propertySchema(schema, key) ?? additional
        if (known === undefined || known === true) continue
        const before = isObject(old) && Object.hasOwn(old, key) ? old[key] : undefined
        this.#checkNode(known, member, before, childPath(path, key), problems)
      }
    }
  }

  #run(schema: SchemaProps, value: unknown, old: unknown, path: string, problems: Problems): void {
    const node = this.#nodes.get(schema)
    if (node === undefined) return
    const isSame = old !== undefined && deepEqual(old, value)
    let self: unknown
    for (const { rule, expression, message } of node.rules) {
      const isTransition = expression.usesOldSelf
      // What held once is not asked again while it stays; a transition needs something to come from.
      if (isTransition ? (old ?? null) === null && rule.optionalOldSelf !== true : isSame) continue
      this.#meter.spend(EVALUATION_SIZE)
      self ??= node.shape.convert(value)
      const before = (old ?? null) === null ? undefined : node.shape.convert(old)
      const oldSelf = rule.optionalOldSelf === true ? Optional.of(before) : before
      const variables = { self, ...(isTransition ? { oldSelf } : {}) }
      const failure = failureOf(expression, variables)
      // A failure within a rule may have been overlooked by the rest of it.
      if (this.#meter.isEmpty) throw new BudgetExceeded('the rules of one write cost too much')
      if (failure === undefined) continue
      const detail = failure || messageOf(rule, message, variables)
      add(problems, rule, `${path}${rule.fieldPath ?? ''}`.replace(/^\./, ''), schema.type ?? '', detail)
    }
  }
}

/** By the schema's text, the least recently used first. */
const kept = new Map<string, SchemaRules>()

/** Every word in rules: what they do not name they do not look at. */
function namesIn(rules: readonly ValidationRule[]): ReadonlySet<string> {
  return new Set(
    rules.flatMap(
      ({ rule, messageExpression = '' }) => `${rule} ${messageExpression}`.match(/[A-Za-z_]\w*/g) ?? [],
    ),
  )
}

/** Undefined: the rule holds. Empty: it does not. Else why it could not be evaluated. */
function failureOf(
  expression: Expression,
  variables: { readonly [name: string]: unknown },
): string | undefined {
  try {
    return expression.evaluate(variables) === true ? undefined : ''
  } catch (error) {
    if (error instanceof BudgetExceeded) throw error
    return `rule evaluation error: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`
  }
}

function messageOf(
  { rule, message }: ValidationRule,
  expression: Expression | undefined,
  variables: { readonly [name: string]: unknown },
): string {
  const fallback = message ? message.trim() : `failed rule: ${rule.trim()}`
  if (expression === undefined) return fallback
  try {
    const made = expression.evaluate(variables)
    const isGood =
      typeof made === 'string' && made.trim() !== '' && !made.includes('\n') && made.length <= 5120
    return isGood ? made.trim() : fallback
  } catch (error) {
    if (error instanceof BudgetExceeded) throw error
    return fallback
  }
}

function add(problems: Problems, rule: ValidationRule, path: string, value: unknown, detail: string): void {
  switch (rule.reason) {
    case 'FieldValueForbidden':
      problems.forbidden(path, detail)
      break
    case 'FieldValueRequired':
      problems.required(path, detail)
      break
    case 'FieldValueDuplicate':
      problems.duplicate(path, value)
      break
    default:
      problems.invalid(path, value, detail)
  }
}

function compileRule(
  rule: ValidationRule,
  shape: CelShape,
  schema: SchemaProps,
  at: {
    readonly path: string
    readonly isCorrelatable: boolean
    readonly environment: Environment
    readonly problems: RuleProblem[]
  },
): CompiledRule | undefined {
  const report = (field: string, value: unknown, detail: string): void => {
    at.problems.push({ path: `${at.path}.${field}`, value, detail })
  }
  if (rule.reason !== undefined && !REASONS.includes(rule.reason as CauseType))
    report('reason', rule.reason, `must be one of ${REASONS.join(', ')}`)
  if (rule.message !== undefined && (rule.message.trim() === '' || rule.message.includes('\n')))
    report('message', rule.message, 'must not be empty or contain line breaks')
  if (rule.fieldPath !== undefined && !namesField(schema, rule.fieldPath))
    report('fieldPath', rule.fieldPath, 'must be a path of fields of the value, such as .spec.replicas')
  const environment = at.environment
    .clone()
    .registerVariable('self', shape.type)
    .registerVariable('oldSelf', rule.optionalOldSelf === true ? `optional<${shape.type}>` : shape.type)
  const expression = compileExpression(environment, rule.rule, 'bool')
  if ('problem' in expression) {
    report('rule', rule.rule, `compilation failed: ${expression.problem}`)
    return undefined
  }
  if (expression.usesOldSelf && !at.isCorrelatable)
    report('rule', rule.rule, 'oldSelf cannot be used on the uncorrelatable portion of the schema')
  if (!rule.messageExpression) return { rule, expression, message: undefined }
  const message = compileExpression(environment, rule.messageExpression, 'string')
  if ('problem' in message) {
    report(
      'messageExpression',
      rule.messageExpression,
      `messageExpression compilation failed: ${message.problem}`,
    )
    return { rule, expression, message: undefined }
  }
  return { rule, expression, message }
}

function namesField(schema: SchemaProps, path: string): boolean {
  if (!/^(\.[A-Za-z_][\w-]*)+$/.test(path)) return false
  let node: SchemaProps | undefined = schema
  for (const name of path.slice(1).split('.')) {
    const additional: SchemaProps | true | undefined = additionalSchema(node)
    node = propertySchema(node, name) ?? (additional === true ? undefined : additional)
    if (node === undefined) return false
  }
  return true
}

function childrenOf(schema: SchemaProps): readonly (readonly [string, SchemaProps])[] {
  const additional = additionalSchema(schema)
  return [
    ...Object.entries(schema.properties ?? {}).map(
      ([name, property]) => [`properties[${name}]`, property] as const,
    ),
    ...(schema.items === undefined ? [] : [['items', schema.items] as const]),
    ...(additional === undefined || additional === true
      ? []
      : [['additionalProperties', additional] as const]),
  ]
}

function correlated(schema: SchemaProps, old: unknown): ReadonlyMap<string, unknown> | undefined {
  if (!Array.isArray(old) || schema['x-kubernetes-list-type'] !== 'map') return undefined
  return new Map(old.map(item => [identityOf(schema, item), item]))
}

function identityOf(schema: SchemaProps, item: unknown): string {
  if (!isObject(item)) return ''
  return canonicalJson((schema['x-kubernetes-list-map-keys'] ?? []).map(key => item[key] ?? null))
}
