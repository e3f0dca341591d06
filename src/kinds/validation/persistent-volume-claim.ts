import { deepEqual } from '../../base/index.ts'
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../../kube/generated/types.ts'
import { compareQuantities, dnsSubdomainProblems, parseQuantity } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import { validateAccessModes, validateVolumeMode } from './access-modes.ts'
import { validateLabelSelector } from './labels.ts'
import { validatePositive } from './persistent-volume.ts'
import type { Problems } from './problems.ts'

type Spec = Draft<PersistentVolumeClaimSpec>

/** kubernetes `ValidatePersistentVolumeClaim` and `ValidatePersistentVolumeClaimUpdate`. */
export function validatePersistentVolumeClaim(
  claim: Draft<PersistentVolumeClaim>,
  problems: Problems,
  old: PersistentVolumeClaim | undefined,
): void {
  const { spec } = claim
  if (spec === undefined) return problems.required('spec')
  validateLabelSelector(spec.selector, 'spec.selector', problems)
  validateAccessModes(spec.accessModes, 'at least 1 access mode is required', problems)
  const size = sizeIn(spec)
  if (size === undefined) problems.required('spec.resources[storage]')
  else validatePositive(size, 'spec.resources[storage]', problems)
  if (spec.storageClassName)
    problems.invalidEach(
      'spec.storageClassName',
      spec.storageClassName,
      dnsSubdomainProblems(spec.storageClassName),
    )
  validateVolumeMode(spec.volumeMode, problems)
  if (old?.spec !== undefined) validateUpdate(claim, spec, old, problems)
}

function validateUpdate(
  claim: Draft<PersistentVolumeClaim>,
  spec: Spec,
  before: PersistentVolumeClaim,
  problems: Problems,
): void {
  const { spec: old = {}, status } = before
  const isBound = claim.status?.phase === 'Bound'
  const changed = changedFields(spec, old, isBound)
  if (changed.length > 0)
    problems.forbidden(
      'spec',
      `spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\nchanged: ${changed.map(field => `spec.${field}`).join(', ')}`,
    )
  validateShrink(sizeIn(spec), sizeIn(old), status?.capacity?.storage, problems)
  if (spec.volumeMode !== old.volumeMode)
    problems.invalid('volumeMode', spec.volumeMode, 'field is immutable')
}

/** A volume is given once, a class when there was none; a bound claim may ask for another size. */
function changedFields(spec: Spec, old: PersistentVolumeClaimSpec, isBound: boolean): readonly string[] {
  const next: { [field: string]: unknown } = { ...spec }
  const kept: { [field: string]: unknown } = { ...old }
  if (!old.volumeName) kept.volumeName = next.volumeName
  if (old.storageClassName === undefined) kept.storageClassName = next.storageClassName
  if (isBound) {
    next.resources = withoutSize(spec.resources)
    kept.resources = withoutSize(old.resources)
    if (spec.volumeAttributesClassName !== undefined)
      kept.volumeAttributesClassName = spec.volumeAttributesClassName
  }
  const fields = [...new Set([...Object.keys(next), ...Object.keys(kept)])]
  return fields.filter(field => !deepEqual(next[field], kept[field]))
}

function withoutSize(resources: Spec['resources'] | PersistentVolumeClaimSpec['resources']): unknown {
  const { storage: _, ...requests } = resources?.requests ?? {}
  return { ...resources, requests }
}

/** A request that could not be met may be taken back as far as what the volume has. */
function validateShrink(
  size: string | undefined,
  old: string | undefined,
  capacity: string | undefined,
  problems: Problems,
): void {
  if (size === undefined || old === undefined) return
  const wanted = parseQuantity(size)
  if (compareQuantities(wanted, parseQuantity(old)) >= 0) return
  if (compareQuantities(wanted, parseQuantity(capacity ?? '0')) <= 0)
    problems.forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity')
}

function sizeIn({ resources }: Spec | PersistentVolumeClaimSpec): string | undefined {
  return resources?.requests?.storage
}
