import { type Kind, Kinds, type KubeObject } from '../../kube/index.ts'
import { unknownFields } from '../schema/unknown-fields.ts'
import { checkSchema } from '../validation/check-schema.ts'
import { findTypes } from '../validation/find-types.ts'
import { validateMetadata } from '../validation/metadata.ts'
import { type FieldProblem, Problems } from '../validation/problems.ts'
import { schemaFor } from './defaults.ts'
import type { Draft } from './definition.ts'
import { definitionOf } from './definitions.ts'

/** The paths of fields that the kind does not have: `spec.containers[0].imagee`. At most 100. */
export function findUnknownFields(kind: Kind, object: unknown): readonly string[] {
  return definitionOf(kind).rules?.unknownFields(object) ?? unknownFields(schemaFor(kind), object)
}

/** What in `object` cannot be decoded: wrong types, quantities and times that cannot be read, bytes that are not base64. */
export function findTypeProblems(kind: Kind, object: unknown): readonly FieldProblem[] {
  const isSecret = kind.group === Kinds.Secret.group && kind.kind === Kinds.Secret.kind
  const problems = isSecret ? new SecretProblems() : new Problems()
  const { rules } = definitionOf(kind)
  if (rules === undefined) findTypes(schemaFor(kind), object, '', problems)
  else rules.findTypes(object, problems)
  return problems.list
}

/** A password is a number as soon as somebody forgets its quotes: the message shows none of it. */
class SecretProblems extends Problems {
  override typeInvalid(path: string, value: unknown, detail: string): void {
    super.typeInvalid(path, /^(?:data|stringData)\[/.test(path) ? '***' : value, detail)
  }
}

/**
 * Everything that is wrong with an object of good types and with its defaults filled in, in upstream's words; with `old`, also what may
 * not change. Validates a write to the main resource or to `status`, after `prepareForCreate` or `prepareForUpdate`.
 */
export function validateObject(kind: Kind, object: KubeObject, old?: KubeObject): readonly FieldProblem[] {
  const special = definitionOf(kind)
  const problems = new Problems()
  validateMetadata(special, object.metadata, problems, old?.metadata)
  if (special.rules !== undefined) {
    special.rules.validate(object, problems, old)
    return withoutRepeats(problems.list)
  }
  const { properties = {}, required = [] } = schemaFor(kind)
  const values = object as unknown as { readonly [field: string]: unknown }
  const stored = (old ?? {}) as { readonly [field: string]: unknown }
  for (const [name, property] of Object.entries(properties)) {
    if (name === 'metadata') continue
    // What is the very value that is stored was found good then.
    if (values[name] !== undefined && values[name] === stored[name]) continue
    if (values[name] !== undefined) checkSchema(property, values[name], name, problems)
    else if (required.includes(name)) problems.required(name)
  }
  special.validate?.(object as Draft<KubeObject>, problems, old)
  return withoutRepeats(problems.list)
}

/** A required field that is missing may have been found by the schema and by the kind. */
function withoutRepeats(problems: readonly FieldProblem[]): readonly FieldProblem[] {
  if (problems.length < 2) return problems
  const seen = new Set<string>()
  return problems.filter(({ path, reason, message }) => {
    const identity = `${path}\0${reason === 'FieldValueRequired' ? reason : message}`
    if (seen.has(identity)) return false
    seen.add(identity)
    return true
  })
}
