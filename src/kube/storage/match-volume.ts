import type { Node, PersistentVolume, PersistentVolumeClaim } from '../generated/types.ts'
import { matchesNodeSelector } from '../node-selector.ts'
import { compareQuantities, parseQuantity, type Quantity } from '../quantity.ts'
import { labelSelectorFromObject, matchesLabels } from '../selectors/label-selector.ts'
import { classNameOf, namesClaim } from './claims.ts'

export interface MatchOptions {
  /** Only volumes that this node reaches. Absent: the controller asks, which looks at no node. */
  readonly node?: Node
  /** The class waits for the first pod: without a node only a volume that names the claim already will do. */
  readonly waits: boolean
  /** Volumes that another claim of the same pod has been given. */
  readonly taken?: ReadonlySet<string>
}

/**
 * The volume for a claim, as upstream picks it (component-helpers `storage/volume` `FindMatchingVolume`): one that names the claim;
 * else, of those that are available and fit, the one with the fewest access modes, of these the smallest, of these the first by name.
 */
export function findMatchingVolume(
  claim: PersistentVolumeClaim,
  volumes: Iterable<PersistentVolume>,
  { node, waits, taken }: MatchOptions,
): PersistentVolume | undefined {
  const wanted = requestOf(claim)
  const { selector } = claim.spec ?? {}
  const labels = selector === undefined ? undefined : labelSelectorFromObject(selector)
  let best: PersistentVolume | undefined
  for (const volume of volumes) {
    const { metadata, spec, status } = volume
    if (taken?.has(metadata.name ?? '') || metadata.deletionTimestamp !== undefined) continue
    if (spec?.claimRef !== undefined && !namesClaim(volume, claim)) continue
    if (compareQuantities(capacityOf(volume), wanted) < 0 || modeOf(volume) !== modeOf(claim)) continue
    const reached = node === undefined || reachesVolume(node, volume)
    if (namesClaim(volume, claim)) return reached ? volume : undefined
    if (node === undefined && waits) continue
    if (status?.phase !== 'Available' || classNameOf(volume) !== classNameOf(claim)) continue
    if (labels !== undefined && !matchesLabels(labels, metadata.labels)) continue
    if (reached && hasAccessModes(volume, claim) && (best === undefined || isBetter(volume, best)))
      best = volume
  }
  return best
}

/** Why a volume cannot serve a claim that asks for it by name, in upstream's words; undefined when it can. */
export function mismatchOf(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (isTooSmall(volume, claim)) return 'requested PV is too small'
  if (classNameOf(volume) !== classNameOf(claim)) return 'storageClassName does not match'
  if (modeOf(volume) !== modeOf(claim)) return 'incompatible volumeMode'
  if (!hasAccessModes(volume, claim)) return 'incompatible accessMode'
  return undefined
}

/** Whether the claim asks for more than the volume says to have. */
export function isTooSmall(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return compareQuantities(capacityOf(volume), requestOf(claim)) < 0
}

/** Whether pods on the node can use the volume, by its node affinity. */
export function reachesVolume(node: Node, { spec }: PersistentVolume): boolean {
  const required = spec?.nodeAffinity?.required
  return required === undefined || matchesNodeSelector(required, node)
}

function requestOf({ spec }: PersistentVolumeClaim): Quantity {
  return parseQuantity(spec?.resources?.requests?.storage ?? '0')
}

function capacityOf({ spec }: PersistentVolume): Quantity {
  return parseQuantity(spec?.capacity?.storage ?? '0')
}

function modeOf({ spec }: PersistentVolume | PersistentVolumeClaim): string {
  return spec?.volumeMode ?? 'Filesystem'
}

function hasAccessModes(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const offered = volume.spec?.accessModes ?? []
  return (claim.spec?.accessModes ?? []).every(mode => offered.includes(mode))
}

function isBetter(a: PersistentVolume, b: PersistentVolume): boolean {
  const modes = (a.spec?.accessModes ?? []).length - (b.spec?.accessModes ?? []).length
  const order = modes || compareQuantities(capacityOf(a), capacityOf(b))
  return order === 0 ? (a.metadata.name ?? '') < (b.metadata.name ?? '') : order < 0
}
