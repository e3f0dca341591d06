import { messageOf, type Service } from '../../../base/index.ts'
import { type Client, type IndexFunction, type Informer, ifFound } from '../../../client/index.ts'
import {
  claimKeyOf,
  claimNamesOf,
  defaultClassOf,
  FOLDER_FINALIZER,
  FROM_SNAPSHOT,
  folderNodeOf,
  isAlreadyExists,
  Kinds,
  LOCAL_PROVISIONER,
  type Node,
  namesNoClass,
  objectKey,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  PROVISIONED_BY,
  parseQuantity,
  quantityToNumber,
  SELECTED_NODE,
  type StorageClass,
} from '../../../kube/index.ts'
import { ControlLoop, type ControllerContext, type ReconcileResult } from '../control-loop.ts'
import { deleteObject } from '../delete-object.ts'
import { claimStep, type Remark } from './claim-step.ts'
import { localVolume } from './local-volume.ts'
import type { VolumeHosts } from './volume-hosts.ts'
import { volumeStep } from './volume-step.ts'
import { VolumeWrites } from './volume-writes.ts'

const NAME = 'persistentvolume-controller'
/** Looks again at what waits for a host (upstream's sync period is 15 s). */
const AGAIN_MS = 15_000

/** The index of pods by the claims that they use, as `namespace/name`. */
export const CLAIM_INDEX = 'claim'

export const byClaim: IndexFunction<Pod> = pod =>
  claimNamesOf(pod).map(name => `${pod.metadata.namespace ?? ''}/${name}`)

/**
 * Binds claims and volumes, has hosts make folders for claims of class `local`, and reclaims what claims left behind. Keys are
 * `claim/<namespace>/<name>` and `volume/<name>`.
 */
export class VolumeBinder implements Service {
  readonly #client: Client
  readonly #loop: ControlLoop
  readonly #hosts: VolumeHosts
  readonly #writes: VolumeWrites
  readonly #claims: Informer<PersistentVolumeClaim>
  readonly #volumes: Informer<PersistentVolume>
  readonly #classes: Informer<StorageClass>
  readonly #nodes: Informer<Node>
  readonly #pods: Informer<Pod>

  constructor(context: ControllerContext, hosts: VolumeHosts) {
    this.#client = context.client
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key) })
    this.#hosts = hosts
    this.#writes = new VolumeWrites(context.client)
    const podSeen = (pod: Pod) => {
      for (const key of byClaim(pod)) this.#loop.add(`claim/${key}`)
    }
    const classSeen = () => this.#enqueueUnbound()
    this.#claims = this.#loop.follow(Kinds.PersistentVolumeClaim, claim => this.#claimSeen(claim))
    this.#volumes = this.#loop.follow(Kinds.PersistentVolume, volume => this.#volumeSeen(volume))
    this.#classes = this.#loop.follow(Kinds.StorageClass, { added: classSeen, updated: classSeen })
    this.#nodes = this.#loop.follow(Kinds.Node)
    // Who waits for its first pod says which pod it waits for.
    this.#pods = this.#loop.follow(Kinds.Pod, { added: podSeen }, { [CLAIM_INDEX]: byClaim })
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  #claimSeen(claim: PersistentVolumeClaim): void {
    this.#loop.add(claimKey(claim))
    if (claim.spec?.volumeName) this.#loop.add(`volume/${claim.spec.volumeName}`)
  }

  #volumeSeen(volume: PersistentVolume): void {
    this.#loop.add(`volume/${volume.metadata.name}`)
    const reference = volume.spec?.claimRef
    if (reference !== undefined) this.#loop.add(`claim/${claimKeyOf(reference)}`)
    else if (volume.status?.phase === 'Available') this.#enqueueUnbound()
  }

  #enqueueUnbound(): void {
    for (const claim of this.#claims.list()) if (!claim.spec?.volumeName) this.#loop.add(claimKey(claim))
  }

  #reconcile(key: string): Promise<ReconcileResult | undefined> {
    const slash = key.indexOf('/')
    const name = key.slice(slash + 1)
    return key.startsWith('claim/') ? this.#reconcileClaim(name) : this.#reconcileVolume(name)
  }

  async #reconcileClaim(key: string): Promise<ReconcileResult | undefined> {
    const claim = this.#claims.get(key)
    if (claim === undefined) {
      for (const volume of this.#volumes.list())
        if (volume.spec?.claimRef && claimKeyOf(volume.spec.claimRef) === key)
          this.#loop.add(`volume/${volume.metadata.name}`)
      return undefined
    }
    if (await this.#giveDefaultClass(claim)) return undefined
    const step = claimStep(claim, {
      volumes: this.#volumes.list(),
      volume: name => this.#volumes.get(name),
      storageClass: name => this.#classes.get(name),
      waitingPod: this.#waitingPod(key),
    })
    switch (step.type) {
      case 'bind':
        await this.#writes.bind(step.volume, claim)
        return undefined
      case 'lose':
        if (claim.status?.phase !== 'Lost') this.#say(claim, step.remark)
        await this.#writes.setClaimPhase(claim, 'Lost')
        return undefined
      case 'grow':
        return this.#grow(claim, step.volume)
      case 'provision':
        await this.#writes.setClaimPhase(claim, 'Pending')
        return this.#provision(claim, step.storageClass)
      case 'wait':
        if (step.remark !== undefined) this.#say(claim, step.remark)
        // A binding under way was told as Pending before, and one that a move interrupts stays Bound.
        if (claim.status?.phase === undefined) await this.#writes.setClaimPhase(claim, 'Pending')
        return undefined
    }
  }

  /** Claims that were there before there was a default class get it late (upstream's retroactive assignment). */
  async #giveDefaultClass(claim: PersistentVolumeClaim): Promise<boolean> {
    if (!namesNoClass(claim) || claim.spec?.volumeName) return false
    const name = defaultClassOf(this.#classes.list())?.metadata.name
    if (name === undefined) return false
    await this.#writes.annotateClaim(claim, {}, { storageClassName: name })
    return true
  }

  #waitingPod(claimKey: string): string | undefined {
    return this.#pods.byIndex(CLAIM_INDEX, claimKey).find(({ spec }) => !spec?.nodeName)?.metadata.name
  }

  /** The host makes the folder first: a volume that is there has one. */
  async #provision(
    claim: PersistentVolumeClaim,
    storageClass: StorageClass,
  ): Promise<ReconcileResult | undefined> {
    const nodeName = claim.metadata.annotations?.[SELECTED_NODE] ?? ''
    const node = this.#nodes.get(nodeName)
    if (node === undefined) {
      // The scheduler chooses again: nothing was made yet that would bind the claim to the host.
      await this.#writes.annotateClaim(claim, { [SELECTED_NODE]: null })
      return undefined
    }
    const volume = localVolume(claim, storageClass, node)
    const { namespace = '', name = '', uid = '', annotations = {} } = claim.metadata
    try {
      const owner = { namespace, name, uid }
      await this.#hosts.create(nodeName, volume.metadata.name ?? '', owner, {
        snapshot: annotations[FROM_SNAPSHOT],
        bytes: requestedBytes(claim),
      })
    } catch (error) {
      this.#say(claim, {
        type: 'Warning',
        reason: 'ProvisioningFailed',
        message: `failed to provision volume with StorageClass "${storageClass.metadata.name}": ${messageOf(error)}`,
      })
      // Nothing was written there yet: another host may do as well as one that is lost.
      if (!isReady(node)) {
        await this.#writes.annotateClaim(claim, { [SELECTED_NODE]: null })
        return undefined
      }
      return { requeueAfterMs: AGAIN_MS }
    }
    try {
      await this.#client.create(Kinds.PersistentVolume, volume)
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
    }
    this.#say(claim, {
      type: 'Normal',
      reason: 'ProvisioningSucceeded',
      message: `Successfully provisioned volume ${volume.metadata.name} on ${nodeName}`,
    })
    return undefined
  }

  /** Folders are not bounded: all there is to do is to ask whether the host could hold as much, and to write it down. */
  async #grow(claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<ReconcileResult | undefined> {
    const node = folderNodeOf(volume)
    const size = claim.spec?.resources?.requests?.storage ?? ''
    try {
      const handle = volume.spec?.csi?.volumeHandle ?? ''
      if (node !== undefined)
        await this.#hosts.grow(node, handle, claim.metadata.uid ?? '', requestedBytes(claim))
    } catch (error) {
      this.#say(claim, { type: 'Warning', reason: 'VolumeResizeFailed', message: messageOf(error) })
      return { requeueAfterMs: AGAIN_MS }
    }
    await this.#writes.setClaimBound(claim, await this.#writes.setCapacity(volume, size))
    this.#say(claim, {
      type: 'Normal',
      reason: 'VolumeResizeSuccessful',
      message: `Resize volume succeeded: it has ${size}`,
    })
    return undefined
  }

  async #reconcileVolume(name: string): Promise<ReconcileResult | undefined> {
    const volume = this.#volumes.get(name)
    if (volume === undefined) return undefined
    const reference = volume.spec?.claimRef
    const claim = reference === undefined ? undefined : this.#claims.get(claimKeyOf(reference))
    const step = volumeStep(volume, claim)
    switch (step.type) {
      case 'set-phase':
        await this.#writes.setVolumePhase(volume, step.phase)
        return step.phase === 'Available' ? this.#endUnclaimed(volume) : undefined
      case 'tell-claim':
        this.#loop.add(`claim/${claimKeyOf(reference ?? {})}`)
        return undefined
      case 'unbind':
        await this.#writes.unbind(volume, step.keepName)
        return undefined
      case 'release':
        return this.#release(volume)
    }
  }

  /** Nothing is reclaimed on the word of a cache: the server is asked whether the claim is really gone. */
  async #release(volume: PersistentVolume): Promise<ReconcileResult | undefined> {
    const { namespace = '', name = '', uid } = volume.spec?.claimRef ?? {}
    if (await this.#isThere(namespace, name, uid)) return { requeueAfterMs: AGAIN_MS }
    const isFailed = volume.status?.phase === 'Failed'
    const released = isFailed ? volume : await this.#writes.setVolumePhase(volume, 'Released')
    return this.#reclaim(released)
  }

  async #isThere(namespace: string, name: string, uid: string | undefined): Promise<boolean> {
    const claim = await ifFound(this.#client.get(Kinds.PersistentVolumeClaim, name, { namespace }))
    return claim !== undefined && claim.metadata.uid === uid
  }

  /** `Retain` leaves everything as it is, on the host too. */
  async #reclaim(volume: PersistentVolume): Promise<ReconcileResult | undefined> {
    const { metadata, spec } = volume
    const isEnding = metadata.deletionTimestamp !== undefined
    if (spec?.persistentVolumeReclaimPolicy !== 'Delete') {
      if (isEnding) await this.#letGo(volume)
      return undefined
    }
    const node = folderNodeOf(volume)
    if (metadata.annotations?.[PROVISIONED_BY] !== LOCAL_PROVISIONER || node === undefined) {
      if (isEnding) return undefined
      const reason = 'VolumeFailedDelete'
      const message = 'only folders that a class made are ever deleted; this volume stays as it is'
      if (volume.status?.phase !== 'Failed') this.#say(volume, { type: 'Warning', reason, message })
      await this.#writes.setVolumePhase(volume, 'Failed', { reason, message })
      return undefined
    }
    try {
      await this.#hosts.retire(node, spec.csi?.volumeHandle ?? '', spec.claimRef?.uid ?? '')
    } catch (error) {
      this.#say(volume, { type: 'Warning', reason: 'VolumeFailedDelete', message: messageOf(error) })
      return { requeueAfterMs: AGAIN_MS }
    }
    await this.#letGo(volume)
    if (!isEnding) await deleteObject(this.#client, Kinds.PersistentVolume, volume)
    return undefined
  }

  /** A volume that nobody claims and somebody deletes: its folder, if it has one, stays where it is. */
  async #endUnclaimed(volume: PersistentVolume): Promise<undefined> {
    if (volume.metadata.deletionTimestamp !== undefined) await this.#letGo(volume)
    return undefined
  }

  async #letGo(volume: PersistentVolume): Promise<void> {
    if (volume.metadata.finalizers?.includes(FOLDER_FINALIZER))
      await this.#writes.removeFinalizer(volume, FOLDER_FINALIZER)
  }

  #say(about: PersistentVolume | PersistentVolumeClaim, { type, reason, message }: Remark): void {
    this.#loop.events.record(about, type, reason, message)
  }
}

function claimKey(claim: PersistentVolumeClaim): string {
  return `claim/${objectKey(claim)}`
}

function requestedBytes({ spec }: PersistentVolumeClaim): number {
  return quantityToNumber(parseQuantity(spec?.resources?.requests?.storage ?? '0'))
}

function isReady({ status }: Node): boolean {
  return status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
}
