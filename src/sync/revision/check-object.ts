import { deepFreeze, isObject, setOwn } from '../../base/index.ts'
import {
  applyDefaults,
  builtInKinds,
  type FieldProblem,
  findTypeProblems,
  findUnknownFields,
  type KindView,
  resolveSchema,
  type Schema,
  schemaFor,
  storedKindOf,
  toStored,
  validateObject,
} from '../../kinds/index.ts'
import {
  allKinds,
  apiVersionOf,
  type DiagnosticCode,
  groupOf,
  type Kind,
  Kinds,
  type KubeObject,
  type ObjectMeta,
  parseFieldPath,
} from '../../kube/index.ts'
import { suggest } from './suggest.ts'

/** What is wrong with one declared object; the field's place is looked up later, from the text. */
export interface Issue {
  readonly code: DiagnosticCode
  /** The field; empty for the object itself. */
  readonly path: string
  /** Which end of the field a person should look at. */
  readonly at: 'key' | 'value'
  readonly message: string
  readonly hint?: string
}

export type CheckedObject =
  | { readonly kind: Kind; readonly object: KubeObject; readonly issues: readonly [] }
  | { readonly issues: readonly Issue[] }

/** Kinds that Git may not declare, and why. */
const REFUSED: ReadonlyMap<Kind, string> = new Map<Kind, string>([
  [Kinds.App, 'declare apps in bowline.yaml, or start the server with the repository'],
  [Kinds.Record, 'records are written by Bowline alone'],
  [Kinds.Event, 'events are reports of what happened'],
  [Kinds.EventsEvent, 'events are reports of what happened'],
  [Kinds.Node, 'a node is made by its agent when it joins; use "kubectl label" or "kubectl taint" on it'],
  [Kinds.CertificateSigningRequest, 'requests are made by those who need a certificate'],
  [Kinds.Lease, 'a lease is the sign of life of a running process'],
])

/** Fields of metadata that the server sets. Empty ones, as `kubectl create --dry-run -o yaml` writes them, are passed over. */
const SERVER_FIELDS = [
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
  'selfLink',
] as const

const QUOTE_HINT =
  'put the value in quotes: without them YAML reads numbers, and yes, no, on, off and the like as true or false'

/**
 * Checks one manifest as strictly as the API would: known kind, known fields, right types, valid values, and nothing that Git
 * cannot own. All issues at once. The object is as declared, with its namespace, without nulls; frozen.
 */
export function checkObject(
  value: unknown,
  namespace: string,
  kinds: KindView = builtInKinds,
): CheckedObject {
  if (!isObject(value)) return { issues: [notAnObject(value)] }
  const kind = findDeclaredKind(value, kinds)
  if ('code' in kind) return { issues: [kind] }
  const refusal = REFUSED.get(kind)
  if (refusal !== undefined)
    return {
      issues: [issue('unknown-kind', 'kind', 'value', `${kind.kind} cannot be declared in Git`, refusal)],
    }
  const issues: Issue[] = [...unknownFieldIssues(kind, value), ...metadataIssues(kind, value)]
  const typeProblems = findTypeProblems(kind, value)
  issues.push(...typeProblems.map(problem => problemIssue(kind, problem)))
  // Rules about values read the fields that they are about, so they need good types.
  if (typeProblems.length > 0 || !isObject(value.metadata)) return { issues: withoutRepeats(issues) }
  const object = declaredObject(kind, value, namespace)
  issues.push(
    ...validateObject(kind, applyDefaults(kind, object)).map(problem => problemIssue(kind, problem)),
  )
  if (issues.length > 0) return { issues: withoutRepeats(issues) }
  // An object has one identity, whichever of its versions Git declares it in.
  return { kind: storedKindOf(kind), object: deepFreeze(toStored(kind, object)), issues: [] }
}

function issue(
  code: DiagnosticCode,
  path: string,
  at: 'key' | 'value',
  message: string,
  hint?: string,
): Issue {
  return { code, path, at, message, ...(hint === undefined ? {} : { hint }) }
}

function notAnObject(value: unknown): Issue {
  const what = Array.isArray(value) ? 'a list' : value === null ? 'empty' : `a ${typeof value}`
  return issue(
    'not-an-object',
    '',
    'value',
    `the document is ${what}, not an object`,
    'an object is a map with apiVersion, kind and metadata',
  )
}

function findDeclaredKind(value: { readonly [key: string]: unknown }, kinds: KindView): Kind | Issue {
  for (const field of ['apiVersion', 'kind'] as const)
    if (typeof value[field] !== 'string' || value[field] === '') return missing(field, value[field])
  const [apiVersion, name] = [value.apiVersion as string, value.kind as string]
  const kind = kinds.find(apiVersion, name)
  return kind ?? unknownKind(apiVersion, name)
}

function missing(field: string, found: unknown): Issue {
  if (found === undefined || found === null || found === '')
    return issue(
      'missing-field',
      field,
      'key',
      `the field ${field} is missing`,
      'every object needs apiVersion, kind and metadata.name',
    )
  return issue('invalid-value', field, 'value', `the field ${field} is not text`, 'put it in quotes')
}

function unknownKind(apiVersion: string, name: string): Issue {
  const declarable = allKinds.filter(kind => !REFUSED.has(kind))
  const sameName = declarable.find(kind => kind.kind === name)
  const message = `there is no kind ${name} in ${apiVersion}`
  if (sameName !== undefined)
    return issue(
      'unknown-kind',
      'apiVersion',
      'value',
      message,
      `did you mean apiVersion: ${apiVersionOf(sameName)}?`,
    )
  const near = suggest(
    name,
    declarable.map(kind => kind.kind),
  )
  if (near === undefined && groupOf(apiVersion).includes('.'))
    return issue(
      'unknown-kind',
      'kind',
      'value',
      message,
      'no CustomResourceDefinition that defines it is in this revision, and none was in the cluster',
    )
  const served = declarable.map(kind => kind.kind).join(', ')
  const hint = near === undefined ? `this cluster serves ${served}` : `did you mean kind: ${near}?`
  return issue('unknown-kind', 'kind', 'value', message, hint)
}

function unknownFieldIssues(kind: Kind, value: unknown): readonly Issue[] {
  return findUnknownFields(kind, value).map(path => {
    const steps = parseFieldPath(path)
    const name = String(steps.at(-1))
    const siblings = fieldsAt(schemaFor(kind), steps.slice(0, -1))
    const near = suggest(name, siblings)
    const known = siblings.length <= 12 ? `known here: ${siblings.join(', ')}` : undefined
    const hint = near === undefined ? known : `did you mean "${near}"?`
    return issue('unknown-field', path, 'key', `unknown field "${path}"`, hint)
  })
}

/** The names of the fields that an object at this path may have. */
function fieldsAt(root: Schema, steps: ReturnType<typeof parseFieldPath>): readonly string[] {
  let schema: Schema | undefined = resolveSchema(root)
  for (const step of steps) {
    if (schema === undefined) return []
    const next: Schema | undefined =
      typeof step === 'string' ? (schema.properties?.[step] ?? schema.additionalProperties) : schema.items
    schema = next === undefined ? undefined : resolveSchema(next)
  }
  return Object.keys(schema?.properties ?? {})
}

function metadataIssues(kind: Kind, value: { readonly [key: string]: unknown }): readonly Issue[] {
  const issues: Issue[] = []
  const { metadata, status } = value
  if (!isObject(metadata)) {
    if (metadata === undefined || metadata === null) issues.push(missing('metadata', undefined))
    return issues
  }
  if (isSet(metadata.generateName))
    issues.push(
      issue(
        'forbidden-field',
        'metadata.generateName',
        'key',
        'an object in Git needs a fixed name, not generateName',
        'write metadata.name instead',
      ),
    )
  else if (metadata.name === undefined || metadata.name === null || metadata.name === '')
    issues.push(missing('metadata.name', undefined))
  for (const field of SERVER_FIELDS) if (isSet(metadata[field])) issues.push(setByServer(`metadata.${field}`))
  if (isSet(metadata.ownerReferences))
    issues.push(
      issue(
        'forbidden-field',
        'metadata.ownerReferences',
        'key',
        'what Git declares has no owner: its deletion is decided by Git',
        'remove the field',
      ),
    )
  if (isSet(status) && kind.subresources.includes('status')) issues.push(setByServer('status'))
  return issues
}

function setByServer(path: string): Issue {
  return issue('forbidden-field', path, 'key', `${path} is set by the server, not by Git`, 'remove the field')
}

/** True for a value that says something: not null, not empty text, and not an empty list or map. */
function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return false
  return typeof value !== 'object' || Object.keys(value).length > 0
}

/** A field's problem as an issue, without the values of Secrets. */
export function problemIssue(kind: Kind, { path, reason, type, message }: FieldProblem): Issue {
  // Upstream's messages quote the value that is wrong.
  const isSecret = kind === Kinds.Secret && /^(?:data|stringData)\b/.test(path)
  const text = isSecret ? type : message
  const where = path === '' ? '' : `${path}: `
  const at = reason === 'FieldValueRequired' || reason === 'FieldValueForbidden' ? 'key' : 'value'
  const code = reason === 'FieldValueRequired' ? 'missing-field' : 'invalid-value'
  const hint = /must be of type string, not (?:number|boolean)/.test(message) ? QUOTE_HINT : undefined
  return issue(code, path, at, `${where}${text.slice(0, 500)}`, hint)
}

/** A missing name is found here and by validation. */
function withoutRepeats(issues: readonly Issue[]): readonly Issue[] {
  const seen = new Set<string>()
  return issues.filter(({ code, path, message }) => {
    const key =
      code === 'missing-field' || code === 'forbidden-field'
        ? `${code} ${path}`
        : `${code} ${path} ${message}`
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}

/**
 * The object that a manifest declares, of one that {@link checkObject} has found nothing wrong with: with its namespace, without nulls
 * and without what the server sets.
 */
export function declaredObject(
  kind: Kind,
  value: { readonly [key: string]: unknown },
  namespace: string,
): KubeObject {
  const object = withoutNulls(value) as KubeObject & {
    status?: unknown
    metadata: ObjectMeta & Record<string, unknown>
  }
  const metadata: Record<string, unknown> = { ...object.metadata }
  for (const field of SERVER_FIELDS) delete metadata[field]
  if (!isSet(metadata.generateName)) delete metadata.generateName
  if (!isSet(metadata.ownerReferences)) delete metadata.ownerReferences
  if (kind.namespaced && !isSet(metadata.namespace)) metadata.namespace = namespace
  const { status, ...rest } = object
  return { ...rest, ...(isSet(status) && !kind.subresources.includes('status') ? { status } : {}), metadata }
}

/** A copy without the fields that are null: in Kubernetes a null field is one that is not there. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (!isObject(value)) return value
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(value)) if (value[key] !== null) setOwn(copy, key, withoutNulls(value[key]))
  return copy
}
