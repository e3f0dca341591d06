import { deepEqual } from '../../base/index.ts'
import { dnsLabelProblems, labelKeyProblems, nameProblems, type ObjectMeta } from '../../kube/index.ts'
import { CUSTOM_RESOURCE_CLEANUP } from '../custom/conditions.ts'
import type { KindDefinition } from '../definitions/definition.ts'
import { validateLabels } from './labels.ts'
import type { Problems } from './problems.ts'

/** All annotations of an object together (apimachinery `TotalAnnotationSizeLimitB`). */
const MAX_ANNOTATION_BYTES = 256 * 1024

/** The finalizers that need no domain in front of them; those of custom resources never do. */
const STANDARD_FINALIZERS = ['foregroundDeletion', 'kubernetes', 'orphan', CUSTOM_RESOURCE_CLEANUP]

/** What the server sets once: a write that carries another value is refused. */
const IMMUTABLE_FIELDS = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const

/** apimachinery `ValidateObjectMeta` and, with `old`, `ValidateObjectMetaUpdate`. */
export function validateMetadata(
  kind: KindDefinition,
  metadata: ObjectMeta,
  problems: Problems,
  old: ObjectMeta | undefined,
): void {
  validateName(kind, metadata, problems)
  validateNamespace(kind, metadata, problems)
  if (metadata.generation !== undefined && metadata.generation < 0)
    problems.invalid('metadata.generation', metadata.generation, 'must be greater than or equal to 0')
  validateLabels(metadata.labels, 'metadata.labels', problems)
  validateAnnotations(metadata.annotations, problems)
  validateOwners(metadata, problems)
  validateFinalizers(kind, metadata, problems, old)
  if (old === undefined) return
  for (const field of IMMUTABLE_FIELDS) {
    if (!deepEqual(metadata[field] ?? '', old[field] ?? ''))
      problems.invalid(`metadata.${field}`, metadata[field], 'field is immutable')
  }
  if ((metadata.generation ?? 0) < (old.generation ?? 0))
    problems.invalid('metadata.generation', metadata.generation, 'must not be decremented')
}

function validateName(
  kind: KindDefinition,
  { name = '', generateName = '' }: ObjectMeta,
  problems: Problems,
): void {
  if (generateName !== '') {
    // The suffix that is added makes a dash at the end good.
    const prefix = generateName.replace(/-$/, '')
    problems.invalidEach('metadata.generateName', generateName, nameProblems(kind.nameRule, prefix || 'x'))
  }
  if (name === '') problems.required('metadata.name', 'name or generateName is required')
  else problems.invalidEach('metadata.name', name, nameProblems(kind.nameRule, name))
}

function validateNamespace(kind: KindDefinition, { namespace = '' }: ObjectMeta, problems: Problems): void {
  if (!kind.namespaced) {
    if (namespace !== '') problems.forbidden('metadata.namespace', 'not allowed on this type')
  } else if (namespace === '') problems.required('metadata.namespace')
  else problems.invalidEach('metadata.namespace', namespace, dnsLabelProblems(namespace))
}

function validateAnnotations(annotations: ObjectMeta['annotations'], problems: Problems): void {
  let size = 0
  for (const [key, value] of Object.entries(annotations ?? {})) {
    // Keys of annotations may be upper case where keys of labels may not.
    problems.invalidEach('metadata.annotations', key, labelKeyProblems(key.toLowerCase()))
    size += key.length + value.length
  }
  if (size > MAX_ANNOTATION_BYTES) problems.tooLong('metadata.annotations', MAX_ANNOTATION_BYTES)
}

function validateOwners({ ownerReferences = [] }: ObjectMeta, problems: Problems): void {
  ownerReferences.forEach((owner, index) => {
    const at = `metadata.ownerReferences[${index}]`
    if (!owner.apiVersion)
      problems.invalid(`${at}.apiVersion`, owner.apiVersion ?? '', 'version must not be empty')
    for (const field of ['kind', 'name', 'uid'] as const)
      if (!owner[field]) problems.invalid(`${at}.${field}`, owner[field] ?? '', 'must not be empty')
  })
  const controllers = ownerReferences.filter(({ controller }) => controller === true)
  const [first, second] = controllers
  if (first === undefined || second === undefined) return
  problems.invalid(
    'metadata.ownerReferences',
    controllers.map(({ kind, name }) => `${kind}/${name}`),
    `Only one reference can have Controller set to true. Found "true" in references for ${first.kind}/${first.name} and ${second.kind}/${second.name}`,
  )
}

function validateFinalizers(
  kind: KindDefinition,
  metadata: ObjectMeta,
  problems: Problems,
  old: ObjectMeta | undefined,
): void {
  const { finalizers = [] } = metadata
  finalizers.forEach(finalizer => {
    const texts = labelKeyProblems(finalizer)
    problems.invalidEach('metadata.finalizers', finalizer, texts)
    const isFree = kind.rules !== undefined || finalizer.includes('/')
    if (texts.length === 0 && !isFree && !STANDARD_FINALIZERS.includes(finalizer)) {
      problems.invalid(
        'metadata.finalizers',
        finalizer,
        'name is neither a standard finalizer name nor is it fully qualified',
      )
    }
  })
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    problems.invalid(
      'metadata.finalizers',
      finalizers,
      'finalizer orphan and foregroundDeletion cannot be both set',
    )
  }
  if (old?.deletionTimestamp === undefined) return
  const added = finalizers.filter(finalizer => !(old.finalizers ?? []).includes(finalizer))
  if (added.length > 0) {
    problems.forbidden(
      'metadata.finalizers',
      `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`,
    )
  }
}
