import type {
  ObjectReference,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  StorageClass,
  Volume,
} from '../generated/types.ts'
import { BETA_CLASS, DEFAULT_STORAGE_CLASS, LOCAL_DRIVER, NODE_ATTRIBUTE } from './words.ts'

/** The name of the claim that a volume of a pod stands for; undefined for a volume without one. */
export function claimNameOf(podName: string, volume: Volume): string | undefined {
  if (volume.persistentVolumeClaim !== undefined) return volume.persistentVolumeClaim.claimName
  // component-helpers `storage/ephemeral`.
  return volume.ephemeral === undefined ? undefined : `${podName}-${volume.name}`
}

/** The claims that a pod uses, each once. All are in its namespace. */
export function claimNamesOf({ metadata, spec }: Pick<Pod, 'metadata' | 'spec'>): readonly string[] {
  const names = (spec?.volumes ?? []).flatMap(volume => claimNameOf(metadata.name ?? '', volume) ?? [])
  return [...new Set(names)]
}

/** The class that a claim or volume names; `` for none. */
export function classNameOf(object: PersistentVolume | PersistentVolumeClaim): string {
  return object.metadata.annotations?.[BETA_CLASS] ?? object.spec?.storageClassName ?? ''
}

/** A claim that says nothing of a class gets the default one; one that says `` wants none. */
export function namesNoClass({ metadata, spec }: Partial<PersistentVolumeClaim>): boolean {
  return metadata?.annotations?.[BETA_CLASS] === undefined && spec?.storageClassName === undefined
}

/** The class of claims that name none: of several that are marked the newest, then the first by name (upstream's `GetDefaultClass`). */
export function defaultClassOf(classes: Iterable<StorageClass>): StorageClass | undefined {
  const marked = [...classes].filter(
    ({ metadata }) => metadata.annotations?.[DEFAULT_STORAGE_CLASS] === 'true',
  )
  return marked.sort(
    (a, b) =>
      compareTexts(b.metadata.creationTimestamp ?? '', a.metadata.creationTimestamp ?? '') ||
      compareTexts(a.metadata.name ?? '', b.metadata.name ?? ''),
  )[0]
}

/** Whether a volume names this very claim; a reference without a uid names whichever has the name (`IsVolumeBoundToClaim`). */
export function namesClaim(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const reference = volume.spec?.claimRef
  if (reference === undefined) return false
  if (reference.name !== claim.metadata.name || reference.namespace !== claim.metadata.namespace) return false
  return !reference.uid || reference.uid === claim.metadata.uid
}

/** The key of the claim that a volume names. */
export function claimKeyOf(reference: ObjectReference): string {
  return `${reference.namespace ?? ''}/${reference.name ?? ''}`
}

/** The node whose agent keeps the volume in a folder; undefined for other volumes. */
export function folderNodeOf({ spec }: PersistentVolume): string | undefined {
  return spec?.csi?.driver === LOCAL_DRIVER ? spec.csi.volumeAttributes?.[NODE_ATTRIBUTE] : undefined
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
