import type { Container, EnvVar, EnvVarSource } from '../../kube/generated/types.ts'
import { configKeyProblems, envNameProblems } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import type { Problems } from '../validation/problems.ts'

/** The pod's own fields that an environment variable may show (kubernetes `validEnvDownwardAPIFieldPathExpressions`). */
const FIELD_PATHS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
]

/** The amounts of a container that it may be told of; huge pages by their size. */
const RESOURCE_FIELDS = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
]

const SOURCES = ['configMapKeyRef', 'fieldRef', 'resourceFieldRef', 'secretKeyRef'] as const

/** `env` and `envFrom` of a container. */
export function validateEnvironment(container: Draft<Container>, path: string, problems: Problems): void {
  container.env?.forEach((variable, index) => {
    validateVariable(variable, `${path}.env[${index}]`, problems)
  })
  container.envFrom?.forEach(({ prefix, configMapRef, secretRef }, index) => {
    const at = `${path}.envFrom[${index}]`
    if (prefix) problems.invalidEach(`${at}.prefix`, prefix, envNameProblems(prefix))
    if (configMapRef === undefined && secretRef === undefined)
      problems.invalid(at, '', 'must specify one of: `configMapRef` or `secretRef`')
    else if (configMapRef !== undefined && secretRef !== undefined)
      problems.invalid(at, '', 'may not have more than one field specified at a time')
    if (configMapRef !== undefined && !configMapRef.name) problems.required(`${at}.configMapRef.name`)
    if (secretRef !== undefined && !secretRef.name) problems.required(`${at}.secretRef.name`)
  })
}

function validateVariable({ name, value, valueFrom }: Draft<EnvVar>, path: string, problems: Problems): void {
  if (name === '') problems.required(`${path}.name`)
  else if (name !== undefined) problems.invalidEach(`${path}.name`, name, envNameProblems(name))
  if (valueFrom === undefined) return
  const at = `${path}.valueFrom`
  const sources = SOURCES.filter(source => valueFrom[source] !== undefined)
  if (sources.length === 0) {
    problems.invalid(
      at,
      '',
      'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`',
    )
  } else if (value) {
    problems.invalid(at, '', 'may not be specified when `value` is not empty')
  } else if (sources.length > 1) {
    problems.invalid(at, '', 'may not have more than one field specified at a time')
  }
  validateSource(valueFrom, at, problems)
}

function validateSource(source: Draft<EnvVarSource>, path: string, problems: Problems): void {
  const { fieldRef, resourceFieldRef } = source
  if (fieldRef?.fieldPath !== undefined)
    validateFieldPath(fieldRef.fieldPath, `${path}.fieldRef.fieldPath`, FIELD_PATHS, problems)
  if (resourceFieldRef?.resource !== undefined)
    validateResourceField(resourceFieldRef.resource, `${path}.resourceFieldRef.resource`, problems)
  for (const field of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const reference = source[field]
    if (reference === undefined) continue
    if (!reference.name) problems.required(`${path}.${field}.name`)
    if (reference.key === '') problems.required(`${path}.${field}.key`)
    else if (reference.key !== undefined)
      problems.invalidEach(`${path}.${field}.key`, reference.key, configKeyProblems(reference.key))
  }
}

/** A `fieldPath`: one of a few, or one label or annotation by its key. Also what downward API volumes may show. */
export function validateFieldPath(
  fieldPath: string,
  path: string,
  supported: readonly string[],
  problems: Problems,
): void {
  if (fieldPath === '') problems.required(path)
  else if (!supported.includes(fieldPath) && !/^metadata\.(labels|annotations)\['[^']+'\]$/.test(fieldPath))
    problems.notSupported(path, fieldPath, supported)
}

/** The `resource` of a `resourceFieldRef`. */
export function validateResourceField(resource: string, path: string, problems: Problems): void {
  if (resource === '') problems.required(path)
  else if (!RESOURCE_FIELDS.includes(resource) && !/^(limits|requests)\.hugepages-/.test(resource))
    problems.notSupported(path, resource, RESOURCE_FIELDS)
}
