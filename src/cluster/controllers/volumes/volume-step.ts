import {
  BOUND_BY_CONTROLLER,
  type PersistentVolume,
  type PersistentVolumeClaim,
} from '../../../kube/index.ts'

/** What a volume needs next. */
export type VolumeStep =
  | { readonly type: 'set-phase'; readonly phase: 'Available' | 'Bound' }
  /** Its claim is gone: it is released, and reclaimed by its policy. */
  | { readonly type: 'release' }
  /** The claim has yet to learn of it. */
  | { readonly type: 'tell-claim' }
  /** Its claim has another volume: the reference goes; what a person wrote of it stays. */
  | { readonly type: 'unbind'; readonly keepName: boolean }

/**
 * The next step for a volume, after upstream's `syncVolume` (controller `volume/persistentvolume`). `claim` is the claim that has the
 * name in `claimRef`. Pure.
 */
export function volumeStep(volume: PersistentVolume, claim: PersistentVolumeClaim | undefined): VolumeStep {
  const reference = volume.spec?.claimRef
  // Without a uid somebody keeps it for a claim of that name, which may come.
  if (reference === undefined || !reference.uid)
    return claim !== undefined && reference !== undefined && !claim.spec?.volumeName
      ? { type: 'tell-claim' }
      : { type: 'set-phase', phase: 'Available' }
  if (claim === undefined || claim.metadata.uid !== reference.uid) return { type: 'release' }
  if (!claim.spec?.volumeName) return { type: 'tell-claim' }
  if (claim.spec.volumeName === volume.metadata.name) return { type: 'set-phase', phase: 'Bound' }
  return { type: 'unbind', keepName: volume.metadata.annotations?.[BOUND_BY_CONTROLLER] === undefined }
}
