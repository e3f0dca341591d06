import { deepEqual } from '../../base/index.ts'
import type { PersistentVolume, PersistentVolumeSpec } from '../../kube/generated/types.ts'
import { dnsSubdomainProblems, parseQuantity } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import { validateNodeSelector } from '../pod/validate-scheduling.ts'
import { validateAccessModes, validateVolumeMode } from './access-modes.ts'
import type { Problems } from './problems.ts'

type Spec = Draft<PersistentVolumeSpec>

/** The fields of a volume that say what it is; exactly one is set. */
const SOURCES = [
  'awsElasticBlockStore',
  'azureDisk',
  'azureFile',
  'cephfs',
  'cinder',
  'csi',
  'fc',
  'flexVolume',
  'flocker',
  'gcePersistentDisk',
  'glusterfs',
  'hostPath',
  'iscsi',
  'local',
  'nfs',
  'photonPersistentDisk',
  'portworxVolume',
  'quobyte',
  'rbd',
  'scaleIO',
  'storageos',
  'vsphereVolume',
] as const satisfies readonly (keyof Spec)[]

/** kubernetes `ValidatePersistentVolume` and `ValidatePersistentVolumeUpdate`. */
export function validatePersistentVolume(
  { spec }: Draft<PersistentVolume>,
  problems: Problems,
  old: PersistentVolume | undefined,
): void {
  if (spec === undefined) return problems.required('spec')
  validateAccessModes(spec.accessModes, '', problems)
  validateCapacity(spec.capacity, problems)
  if (spec.nodeAffinity !== undefined) {
    if (spec.nodeAffinity.required === undefined)
      problems.required('spec.nodeAffinity.required', 'must specify required node constraints')
    else validateNodeSelector(spec.nodeAffinity.required, 'spec.nodeAffinity.required', problems)
  }
  validateSource(spec, problems)
  if (spec.storageClassName)
    problems.invalidEach(
      'spec.storageClassName',
      spec.storageClassName,
      dnsSubdomainProblems(spec.storageClassName),
    )
  validateVolumeMode(spec.volumeMode, problems)
  if (old?.spec !== undefined) validateUpdate(spec, old.spec, problems)
}

function validateCapacity(capacity: Spec['capacity'], problems: Problems): void {
  const path = 'spec.capacity'
  const amounts = Object.entries(capacity ?? {})
  if (amounts.length === 0) problems.required(path)
  if (amounts.length !== 1 || amounts[0]?.[0] !== 'storage')
    problems.notSupported(path, capacity ?? {}, ['storage'])
  for (const [name, amount = ''] of amounts) validatePositive(amount, `${path}[${name}]`, problems)
}

/** An amount of storage that is more than nothing. */
export function validatePositive(amount: string, path: string, problems: Problems): void {
  if (parseQuantity(amount).nano <= 0n) problems.invalid(path, amount, 'must be greater than zero')
}

function validateSource(spec: Spec, problems: Problems): void {
  const [first, ...more] = SOURCES.filter(source => spec[source] !== undefined)
  if (first === undefined) problems.required('spec', 'must specify a volume type')
  for (const source of more) problems.forbidden(`spec.${source}`, 'may not specify more than 1 volume type')
  const { hostPath, local, nfs } = spec
  if (hostPath !== undefined) {
    validatePath(hostPath.path, 'spec.hostPath.path', problems)
    if (isRoot(hostPath.path) && spec.persistentVolumeReclaimPolicy === 'Recycle')
      problems.forbidden(
        'spec.persistentVolumeReclaimPolicy',
        "may not be 'recycle' for a hostPath mount of '/'",
      )
  }
  if (local !== undefined) {
    validatePath(local.path, 'spec.local.path', problems)
    if (spec.nodeAffinity === undefined)
      problems.required('spec.nodeAffinity', 'Local volume requires node affinity')
  }
  if (nfs !== undefined) {
    if (nfs.server === '') problems.required('spec.nfs.server')
    if (nfs.path === '') problems.required('spec.nfs.path')
    else if (nfs.path !== undefined && !nfs.path.startsWith('/'))
      problems.invalid('spec.nfs.path', nfs.path, 'must be an absolute path')
  }
}

function validatePath(text: string | undefined, path: string, problems: Problems): void {
  if (text === '') problems.required(path)
  else if (text?.split('/').includes('..')) problems.invalid(path, text, "must not contain '..'")
}

function isRoot(path: string | undefined): boolean {
  return path !== undefined && path !== '' && path.split('/').every(part => part === '' || part === '.')
}

function validateUpdate(spec: Spec, old: PersistentVolumeSpec, problems: Problems): void {
  const changed = SOURCES.filter(source => !deepEqual(spec[source], old[source]))
  if (changed.length > 0)
    problems.forbidden(
      'spec.persistentvolumesource',
      `spec.persistentvolumesource is immutable after creation\nchanged: ${changed.map(source => `spec.${source}`).join(', ')}`,
    )
  if (spec.volumeMode !== old.volumeMode)
    problems.invalid('volumeMode', spec.volumeMode, 'field is immutable')
  if (old.nodeAffinity !== undefined && !deepEqual(spec.nodeAffinity, old.nodeAffinity))
    problems.invalid(
      'nodeAffinity',
      spec.nodeAffinity,
      'field is immutable, except for updating from beta label to GA',
    )
}
