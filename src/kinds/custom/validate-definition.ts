import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionVersion,
} from '../../kube/generated/types.ts'
import { dnsSubdomainProblems, rfc1035LabelProblems } from '../../kube/index.ts'
import { SchemaRules } from '../cel/schema-rules.ts'
import type { Draft } from '../definitions/definition.ts'
import { Problems } from '../validation/problems.ts'
import { checkStructural } from './check-structural.ts'
import { isEstablished } from './conditions.ts'
import { parseJsonPath, simplePath } from './json-path.ts'
import { propertySchema, type SchemaProps } from './schema-props.ts'

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string']
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password']
const MAX_SELECTABLE_FIELDS = 8
const APPROVAL_ANNOTATION = 'api-approved.kubernetes.io'

/** apiextensions `pkg/apis/apiextensions/validation`: what a definition must be, and what of it may not change. */
export function validateDefinition(
  definition: Draft<CustomResourceDefinition>,
  problems: Problems,
  old: CustomResourceDefinition | undefined,
): void {
  // Types and required fields are checked by the schema: what is absent here was reported there.
  const { metadata, spec, status } = definition as Partial<CustomResourceDefinition>
  if (spec?.names === undefined || !Array.isArray(spec.versions)) return
  if (metadata?.name !== `${spec.names.plural}.${spec.group}`)
    problems.invalid('metadata.name', metadata?.name ?? '', 'must be spec.names.plural+"."+spec.group')
  validateGroup(spec.group ?? '', metadata?.annotations?.[APPROVAL_ANNOTATION], problems)
  validateNames(spec.names, 'spec.names', problems)
  for (const field of ['plural', 'singular', 'kind', 'listKind'] as const)
    if (!spec.names[field]) problems.required(`spec.names.${field}`)
  if (spec.preserveUnknownFields === true)
    problems.invalid(
      'spec.preserveUnknownFields',
      true,
      'must be false: use x-kubernetes-preserve-unknown-fields in the schema instead',
    )
  if (spec.conversion?.strategy === 'Webhook')
    problems.invalid(
      'spec.conversion.strategy',
      'Webhook',
      'conversion by webhooks is not served here: use None, with versions that differ in nothing but the name',
    )
  validateVersions(spec.versions, problems)
  // A definition in a file has no status yet.
  if (status !== undefined) validateStoredVersions(status.storedVersions ?? [], spec.versions, problems)
  if (old === undefined || !isEstablished(old)) return
  if (spec.scope !== old.spec.scope) problems.invalid('spec.scope', spec.scope, 'field is immutable')
  if (spec.names.kind !== old.spec.names.kind)
    problems.invalid('spec.names.kind', spec.names.kind, 'field is immutable')
}

function validateGroup(group: string, approval: string | undefined, problems: Problems): void {
  if (group === '') {
    problems.required('spec.group')
    return
  }
  const texts = dnsSubdomainProblems(group)
  if (texts.length > 0) problems.invalidEach('spec.group', group, texts)
  else if (!group.includes('.'))
    problems.invalid('spec.group', group, 'should be a domain with at least one dot')
  const isProtected = group.endsWith('.k8s.io') || group.endsWith('.kubernetes.io')
  if (isProtected && !approval?.startsWith('unapproved') && !/^https?:\/\/[^/]/.test(approval ?? ''))
    problems.required(
      `metadata.annotations[${APPROVAL_ANNOTATION}]`,
      'protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111',
    )
}

function validateNames(names: CustomResourceDefinitionNames, path: string, problems: Problems): void {
  const { plural = '', singular = '', kind = '', listKind = '', shortNames = [], categories = [] } = names
  for (const [field, value] of [
    ['plural', plural],
    ['singular', singular],
  ] as const)
    if (value !== '') problems.invalidEach(`${path}.${field}`, value, rfc1035LabelProblems(value))
  for (const [field, value] of [
    ['kind', kind],
    ['listKind', listKind],
  ] as const)
    if (value !== '')
      for (const text of rfc1035LabelProblems(value.toLowerCase()))
        problems.invalid(
          `${path}.${field}`,
          value,
          `may have mixed case, but should otherwise match: ${text}`,
        )
  for (const [index, name] of shortNames.entries())
    problems.invalidEach(`${path}.shortNames[${index}]`, name, rfc1035LabelProblems(name))
  for (const [index, name] of categories.entries())
    problems.invalidEach(`${path}.categories[${index}]`, name, rfc1035LabelProblems(name))
  if (kind !== '' && kind === listKind)
    problems.invalid(`${path}.listKind`, listKind, 'kind and listKind may not be the same')
}

function validateVersions(versions: readonly CustomResourceDefinitionVersion[], problems: Problems): void {
  const names = versions.map(({ name }) => name)
  for (const [index, version] of versions.entries())
    validateVersion(version, `spec.versions[${index}]`, problems)
  if (new Set(names).size !== names.length)
    problems.invalid('spec.versions', names, 'must contain unique version names')
  if (versions.filter(({ storage }) => storage).length !== 1)
    problems.invalid('spec.versions', names, 'must have exactly one version marked as storage version')
}

function validateVersion(version: CustomResourceDefinitionVersion, path: string, problems: Problems): void {
  problems.invalidEach(`${path}.name`, version.name, rfc1035LabelProblems(version.name ?? ''))
  if (version.deprecationWarning !== undefined) {
    if (version.deprecated !== true)
      problems.invalid(
        `${path}.deprecationWarning`,
        version.deprecationWarning,
        'can only be set for deprecated versions',
      )
    if (version.deprecationWarning.length > 256)
      problems.invalid(
        `${path}.deprecationWarning`,
        version.deprecationWarning,
        'must be <= 256 characters long',
      )
  }
  const schema = version.schema?.openAPIV3Schema
  if (schema === undefined) problems.required(`${path}.schema.openAPIV3Schema`, 'schemas are required')
  else {
    const at = `${path}.schema.openAPIV3Schema`
    const found = new Problems()
    checkStructural(schema, at, found)
    for (const problem of found.list) problems.add(problem)
    // The types that expressions see are those of a structural schema.
    if (found.list.length === 0)
      for (const { path: below, value, detail } of SchemaRules.of(schema).problems)
        problems.invalid(`${at}${below}`, value, detail)
  }
  for (const [index, column] of (version.additionalPrinterColumns ?? []).entries())
    validateColumn(column, `${path}.additionalPrinterColumns[${index}]`, problems)
  validateScale(version, `${path}.subresources.scale`, problems)
  if (schema !== undefined) validateSelectable(version, schema, path, problems)
}

function validateColumn(column: CustomResourceColumnDefinition, path: string, problems: Problems): void {
  const { name, type, format = '', jsonPath } = column
  if (!name) problems.required(`${path}.name`)
  if (!type) problems.required(`${path}.type`, `must be one of ${COLUMN_TYPES.join(',')}`)
  else if (!COLUMN_TYPES.includes(type))
    problems.invalid(`${path}.type`, type, `must be one of ${COLUMN_TYPES.join(',')}`)
  if (format !== '' && !COLUMN_FORMATS.includes(format))
    problems.invalid(`${path}.format`, format, `must be one of ${COLUMN_FORMATS.join(',')}`)
  if (!jsonPath) problems.required(`${path}.jsonPath`)
  else if (!jsonPath.startsWith('.'))
    problems.invalid(`${path}.jsonPath`, jsonPath, 'must be a simple json path starting with .')
  else if (parseJsonPath(jsonPath) === undefined)
    problems.invalid(`${path}.jsonPath`, jsonPath, 'must be a json path that can be read')
}

function validateScale(
  { subresources }: CustomResourceDefinitionVersion,
  at: string,
  problems: Problems,
): void {
  const scale = subresources?.scale
  if (scale === undefined) return
  const check = (
    field: 'labelSelectorPath' | 'specReplicasPath' | 'statusReplicasPath',
    under: string,
  ): void => {
    const path = scale[field]
    if (!path) {
      if (field !== 'labelSelectorPath') problems.required(`${at}.${field}`)
    } else if (!path.startsWith('.'))
      problems.invalid(`${at}.${field}`, path, 'must be a simple json path starting with .')
    else if (simplePath(path) === undefined)
      problems.invalid(`${at}.${field}`, path, 'must be a json path in the dot notation')
    else if (!under.split(' or ').some(root => path.startsWith(`${root}.`)))
      problems.invalid(`${at}.${field}`, path, `should be a json path under ${under}`)
  }
  check('specReplicasPath', '.spec')
  check('statusReplicasPath', '.status')
  check('labelSelectorPath', '.spec or .status')
}

function validateSelectable(
  { selectableFields = [] }: CustomResourceDefinitionVersion,
  schema: SchemaProps,
  path: string,
  problems: Problems,
): void {
  if (selectableFields.length > MAX_SELECTABLE_FIELDS)
    problems.tooMany(`${path}.selectableFields`, selectableFields.length, MAX_SELECTABLE_FIELDS)
  const seen = new Set<string>()
  for (const [index, { jsonPath }] of selectableFields.entries()) {
    const at = `${path}.selectableFields[${index}].jsonPath`
    const problem = jsonPath ? selectableProblem(jsonPath, schema) : undefined
    if (!jsonPath) problems.required(at)
    else if (problem !== undefined) problems.invalid(at, jsonPath, problem)
    if (seen.has(jsonPath)) problems.duplicate(at, jsonPath)
    seen.add(jsonPath)
  }
}

function selectableProblem(jsonPath: string, schema: SchemaProps): string | undefined {
  const names = simplePath(jsonPath)
  if (names === undefined) return 'is an invalid path: must be a simple path of fields'
  if (names[0] === 'metadata') return 'must not point to fields in metadata'
  const field = names.reduce<SchemaProps | undefined>(
    (parent, name) => parent && propertySchema(parent, name),
    schema,
  )
  if (field === undefined) return 'is an invalid path: does not refer to a valid field'
  if (['boolean', 'integer', 'string'].includes(field.type ?? '')) return undefined
  return 'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.'
}

function validateStoredVersions(
  stored: readonly string[],
  versions: readonly CustomResourceDefinitionVersion[],
  problems: Problems,
): void {
  if (stored.length === 0)
    problems.invalid('status.storedVersions', stored, 'must have at least one stored version')
  const storage = versions.find(version => version.storage)?.name
  if (storage !== undefined && !stored.includes(storage))
    problems.invalid('status.storedVersions', stored, `must have the storage version ${storage}`)
  stored.forEach((name, index) => {
    if (!versions.some(version => version.name === name))
      problems.invalid(`status.storedVersions[${index}]`, name, 'must appear in spec.versions')
  })
}
