import type { ASTNode, Environment } from '@marcbachmann/cel-js'
import type { ExpressionWarning, ValidatingAdmissionPolicySpec } from '../../../kube/generated/types.ts'
import { apiVersionOf, type Kind } from '../../../kube/index.ts'
import { schemaFor } from '../../definitions/defaults.ts'
import { createEnvironment } from '../environment.ts'
import { instrument, usesOptionalMaps, walk } from '../instrument.ts'
import { Meter } from '../meter.ts'
import { defineAuthorizer } from './authorizer.ts'
import { declareTypes } from './object-types.ts'
import { defineRequest } from './request.ts'
import { defineVariables, type VariableTypes } from './variables.ts'

/** Kinds that a policy is checked against (apiserver `plugin/policy/validating/typechecking.go`). */
const MAX_KINDS = 10

/**
 * What is wrong with the validations of a policy for objects of the kinds that it names, by the schemas of these: each would fail whenever it is
 * evaluated. Nothing for a policy that names its kinds by wildcards. It changes nothing about what the policy does.
 */
export function typeCheckPolicy(
  spec: ValidatingAdmissionPolicySpec,
  kinds: readonly Kind[],
): readonly ExpressionWarning[] {
  const checked = kindsToCheck(spec, kinds)
  const names = namesIn(spec)
  const environments = checked.map(kind => ({ kind, environment: environmentFor(spec, kind, kinds, names) }))
  const warnings: ExpressionWarning[] = []
  const check = (fieldRef: string, text: string | undefined): void => {
    if (!text) return
    const found = environments.flatMap(({ kind, environment }) => {
      const issue = issueOf(environment, text)
      return issue === undefined ? [] : [`${apiVersionOf(kind)}, Kind=${kind.kind}: ${issue}\n`]
    })
    if (found.length > 0) warnings.push({ fieldRef, warning: found.join('\n') })
  }
  spec.validations?.forEach(({ expression, messageExpression }, index) => {
    check(`spec.validations[${index}].expression`, expression)
    check(`spec.validations[${index}].messageExpression`, messageExpression)
  })
  return warnings
}

/** The kinds of the rules that use no wildcard, by group, version and kind. */
function kindsToCheck(
  { matchConstraints }: ValidatingAdmissionPolicySpec,
  kinds: readonly Kind[],
): readonly Kind[] {
  const found = new Set<Kind>()
  for (const { apiGroups = [], apiVersions = [], resources = [] } of matchConstraints?.resourceRules ?? []) {
    if ([...apiGroups, ...apiVersions].some(word => word.includes('*'))) continue
    for (const kind of kinds)
      if (
        apiGroups.includes(kind.group) &&
        apiVersions.includes(kind.version) &&
        resources.includes(kind.plural)
      )
        found.add(kind)
  }
  return [...found].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1)).slice(0, MAX_KINDS)
}

function sortKey({ group, version, kind }: Kind): string {
  return [group, version, kind].join('\0')
}

/** Every word in the expressions: fields that they do not name need no type. */
function namesIn({ validations = [], variables = [] }: ValidatingAdmissionPolicySpec): ReadonlySet<string> {
  const texts = [
    ...validations.flatMap(({ expression, messageExpression = '' }) => [expression, messageExpression]),
    ...variables.map(({ expression }) => expression),
  ]
  return new Set(texts.flatMap(text => text.match(/[A-Za-z_]\w*/g) ?? []))
}

function environmentFor(
  { paramKind, variables = [] }: ValidatingAdmissionPolicySpec,
  kind: Kind,
  kinds: readonly Kind[],
  names: ReadonlySet<string>,
): Environment {
  const environment = createEnvironment(new Meter())
  defineRequest(environment)
  defineAuthorizer(environment)
  const object = declareTypes(environment, { schema: schemaFor(kind), name: kind.kind, names })
  for (const name of ['object', 'oldObject']) environment.registerVariable(name, object)
  environment.registerVariable('namespaceObject', 'dyn')
  if (paramKind !== undefined) {
    const found = kinds.find(one => apiVersionOf(one) === paramKind.apiVersion && one.kind === paramKind.kind)
    const params =
      found === undefined
        ? 'dyn'
        : declareTypes(environment, { schema: schemaFor(found), name: `params.${found.kind}`, names })
    environment.registerVariable('params', params)
  }
  const types: VariableTypes = new Map()
  for (const { name, expression } of variables)
    types.set(name, typeOf(defineVariables(environment.clone(), types), expression))
  return defineVariables(environment.clone(), types)
}

function typeOf(environment: Environment, text: string): string {
  try {
    return environment.check(text).type ?? 'dyn'
  } catch {
    return 'dyn'
  }
}

/** What is wrong with an expression, in the form of upstream's compiler: where, what, and the line with a mark. */
function issueOf(environment: Environment, text: string): string | undefined {
  try {
    const parsed = environment.parse(text)
    const isInstrumented = usesOptionalMaps(parsed.ast)
    const { valid, error } = isInstrumented
      ? environment.parse(instrument(text, parsed.ast)).check()
      : parsed.check()
    if (valid || error === undefined) return undefined
    // Its places are not those of the expression as it is written.
    if (isInstrumented) return issueAt(text, { at: 0, what: placed(text, parsed.ast, error).what })
    return issueAt(text, placed(text, parsed.ast, error))
  } catch (error) {
    return issueAt(text, { at: 0, what: error instanceof Error ? (error.message.split('\n')[0] ?? '') : '' })
  }
}

interface Finding {
  readonly summary?: string
  readonly message: string
  readonly range?: { readonly start: number; readonly end: number } | undefined
}

interface Placed {
  readonly at: number
  readonly what: string
}

const OPERATOR = /^no such overload: (.+) (==|!=|<=|>=|<|>|\+|-|\*|\/|%|in) (.+)$/
const CALL = /^found no matching overload for '(?:(.+)\.)?(\w+)\((.*)\)'$/

/** Where upstream's compiler sees a problem, in its words: an operator at its sign, a field at its dot. */
function placed(text: string, ast: ASTNode, { summary, message, range }: Finding): Placed {
  const said = summary ?? message.split('\n')[0] ?? ''
  const start = range?.start ?? 0
  const [, left, operator, right] = OPERATOR.exec(said) ?? []
  if (operator !== undefined) {
    const at = operatorPosition(text, ast, operator, range) ?? start
    const name = operator === 'in' ? '@in' : `_${operator}_`
    return { at, what: `found no matching overload for '${name}' applied to '(${left}, ${right})'` }
  }
  const [, receiver, name, given] = CALL.exec(said) ?? []
  if (name !== undefined) {
    const to = receiver === undefined ? `(${given})` : `${receiver}.(${given})`
    return { at: start, what: `found no matching overload for '${name}' applied to '${to}'` }
  }
  const key = /^No such key: (.+)$/.exec(said)?.[1]
  if (key !== undefined) return { at: Math.max(0, start - 1), what: `undefined field '${key}'` }
  const variable = /^Unknown variable: (.+)$/.exec(said)?.[1]
  return variable === undefined
    ? { at: start, what: said }
    : { at: start, what: `undeclared reference to '${variable}' (in container '')` }
}

function operatorPosition(
  text: string,
  ast: ASTNode,
  operator: string,
  range: Finding['range'],
): number | undefined {
  let position: number | undefined
  walk(ast, node => {
    if (node.op !== operator || node.range.start !== range?.start || node.range.end !== range.end) return
    const [left] = node.args as readonly [ASTNode, ASTNode]
    const found = text.indexOf(operator, left.range.end)
    if (found >= 0) position = found
  })
  return position
}

function issueAt(text: string, { at, what }: Placed): string {
  const before = text.slice(0, at)
  const line = before.split('\n').length
  const column = at - (before.lastIndexOf('\n') + 1)
  const shown = text.split('\n')[line - 1] ?? ''
  return `ERROR: <input>:${line}:${column + 1}: ${what}\n | ${shown}\n | ${'.'.repeat(column)}^`
}
