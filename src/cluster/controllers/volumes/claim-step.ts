import {
  BIND_COMPLETED,
  classNameOf,
  findMatchingVolume,
  isTooSmall,
  LOCAL_PROVISIONER,
  MOVE_STATE,
  mismatchOf,
  namesClaim,
  type PersistentVolume,
  type PersistentVolumeClaim,
  PROVISIONED_BY,
  SELECTED_NODE,
  type StorageClass,
} from '../../../kube/index.ts'

/** What is said about a claim or volume, as an event. */
export interface Remark {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

/** What a claim needs next. */
export type ClaimStep =
  /** Make sure that both sides and both statuses say that they belong together. */
  | { readonly type: 'bind'; readonly volume: PersistentVolume }
  | { readonly type: 'wait'; readonly remark?: Remark }
  /** It asks for more than its folder was made for, and its class lets it. */
  | { readonly type: 'grow'; readonly volume: PersistentVolume }
  /** A volume has to be made for it. */
  | { readonly type: 'provision'; readonly storageClass: StorageClass }
  | { readonly type: 'lose'; readonly remark: Remark }

/** What the decision looks at. */
export interface ClaimSurroundings {
  readonly volumes: Iterable<PersistentVolume>
  volume(name: string): PersistentVolume | undefined
  storageClass(name: string): StorageClass | undefined
  /** A pod that uses the claim and has no node yet, by name. */
  readonly waitingPod: string | undefined
}

/** The next step for a claim, after upstream's `syncClaim` (controller `volume/persistentvolume`). Pure. */
export function claimStep(claim: PersistentVolumeClaim, around: ClaimSurroundings): ClaimStep {
  if (claim.metadata.annotations?.[BIND_COMPLETED] !== undefined) return boundStep(claim, around)
  // A claim that ends is given nothing more, but keeps what it has.
  const isEnding = claim.metadata.deletionTimestamp !== undefined
  if (claim.spec?.volumeName) return namedStep(claim, claim.spec.volumeName, around)
  return isEnding ? { type: 'wait' } : unboundStep(claim, around)
}

function boundStep(claim: PersistentVolumeClaim, around: ClaimSurroundings): ClaimStep {
  const name = claim.spec?.volumeName
  if (!name)
    return lost(
      'ClaimLost',
      'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!',
    )
  const volume = around.volume(name)
  // A move makes the volume anew under its name.
  if (volume === undefined && claim.metadata.annotations?.[MOVE_STATE] !== undefined) return { type: 'wait' }
  if (volume === undefined)
    return lost('ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!')
  const owner = volume.spec?.claimRef
  if (owner === undefined) return { type: 'bind', volume }
  if (owner.uid === claim.metadata.uid) return ownStep(claim, volume)
  return lost('ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly')
}

/** That the class lets claims grow was asked when the request was written. */
function ownStep(claim: PersistentVolumeClaim, volume: PersistentVolume): ClaimStep {
  if (claim.status?.phase !== 'Bound' || !isTooSmall(volume, claim)) return { type: 'bind', volume }
  if (volume.metadata.annotations?.[PROVISIONED_BY] === LOCAL_PROVISIONER) return { type: 'grow', volume }
  return {
    type: 'wait',
    remark: {
      type: 'Normal',
      reason: 'ExternalExpanding',
      message: 'waiting for an external controller to expand this PVC',
    },
  }
}

/** Somebody said which volume the claim is to have; it waits for that one however long it takes. */
function namedStep(claim: PersistentVolumeClaim, name: string, around: ClaimSurroundings): ClaimStep {
  const volume = around.volume(name)
  if (volume === undefined || volume.metadata.deletionTimestamp !== undefined) return { type: 'wait' }
  if (volume.spec?.claimRef !== undefined && !namesClaim(volume, claim))
    return warned('FailedBinding', `volume "${name}" already bound to a different claim.`)
  const mismatch = mismatchOf(volume, claim)
  if (mismatch !== undefined)
    return warned('VolumeMismatch', `Cannot bind to requested volume "${name}": ${mismatch}`)
  return { type: 'bind', volume }
}

function unboundStep(claim: PersistentVolumeClaim, around: ClaimSurroundings): ClaimStep {
  const className = classNameOf(claim)
  const storageClass = className === '' ? undefined : around.storageClass(className)
  const isChosen = claim.metadata.annotations?.[SELECTED_NODE] !== undefined
  const waits = storageClass?.volumeBindingMode === 'WaitForFirstConsumer' && !isChosen
  const volume = findMatchingVolume(claim, around.volumes, { waits })
  if (volume !== undefined) return { type: 'bind', volume }
  if (waits) {
    const [reason, message] =
      around.waitingPod === undefined
        ? ['WaitForFirstConsumer', 'waiting for first consumer to be created before binding']
        : ['WaitForPodScheduled', `waiting for pod ${around.waitingPod} to be scheduled`]
    return { type: 'wait', remark: { type: 'Normal', reason, message } }
  }
  if (className === '')
    return {
      type: 'wait',
      remark: {
        type: 'Normal',
        reason: 'FailedBinding',
        message: 'no persistent volumes available for this claim and no storage class is set',
      },
    }
  if (storageClass === undefined)
    return warned('ProvisioningFailed', `storageclass.storage.k8s.io "${className}" not found`)
  return provisionStep(claim, storageClass)
}

function provisionStep(claim: PersistentVolumeClaim, storageClass: StorageClass): ClaimStep {
  const { provisioner } = storageClass
  if (provisioner === NO_PROVISIONER)
    return {
      type: 'wait',
      remark: {
        type: 'Normal',
        reason: 'FailedBinding',
        message: `no volume of class ${storageClass.metadata.name} is available for this claim, and the class makes none`,
      },
    }
  if (provisioner !== LOCAL_PROVISIONER)
    return {
      type: 'wait',
      remark: {
        type: 'Normal',
        reason: 'ExternalProvisioning',
        message: `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`,
      },
    }
  const refusal = unprovidable(claim, storageClass)
  return refusal === undefined ? { type: 'provision', storageClass } : warned('ProvisioningFailed', refusal)
}

const NO_PROVISIONER = 'kubernetes.io/no-provisioner'
const LOCAL_MODES: readonly string[] = ['ReadWriteOnce', 'ReadWriteOncePod']

/** What a folder on a host cannot be. */
function unprovidable(
  { spec, metadata }: PersistentVolumeClaim,
  storageClass: StorageClass,
): string | undefined {
  if (metadata.annotations?.[SELECTED_NODE] === undefined)
    return `class ${storageClass.metadata.name} makes folders on hosts and needs volumeBindingMode WaitForFirstConsumer`
  if (spec?.volumeMode === 'Block') return 'a folder on a host cannot be a block device'
  const mode = spec?.accessModes?.find(mode => !LOCAL_MODES.includes(mode))
  if (mode !== undefined)
    return `a folder on a host cannot be ${mode}: only pods of one host reach it; use ${LOCAL_MODES.join(' or ')}`
  if (spec?.selector !== undefined) return 'claim.Spec.Selector is not supported for dynamic provisioning'
  if (spec?.dataSource !== undefined || spec?.dataSourceRef !== undefined)
    return 'a data source is not supported'
  return undefined
}

function warned(reason: string, message: string): ClaimStep {
  return { type: 'wait', remark: { type: 'Warning', reason, message } }
}

function lost(reason: string, message: string): ClaimStep {
  return { type: 'lose', remark: { type: 'Warning', reason, message } }
}
