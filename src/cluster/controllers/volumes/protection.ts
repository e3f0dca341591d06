import type { Service } from '../../../base/index.ts'
import { type Client, type Informer, ifFound } from '../../../client/index.ts'
import {
  CLAIM_PROTECTION,
  type Kind,
  Kinds,
  objectKey,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  VOLUME_PROTECTION,
} from '../../../kube/index.ts'
import { ControlLoop, type ControllerContext } from '../control-loop.ts'
import { isPodTerminal } from '../pod-state.ts'
import { byClaim, CLAIM_INDEX } from './volume-binder.ts'

const NAME = 'volume-protection-controller'

type Protected = PersistentVolume | PersistentVolumeClaim

/**
 * Keeps a claim as long as a pod uses it, and a volume as long as it is bound (upstream's `pvcprotection` and `pvprotection`). Keys
 * are `claim/<namespace>/<name>` and `volume/<name>`.
 */
export class VolumeProtection implements Service {
  readonly #client: Client
  readonly #loop: ControlLoop
  readonly #claims: Informer<PersistentVolumeClaim>
  readonly #volumes: Informer<PersistentVolume>
  readonly #pods: Informer<Pod>

  constructor(context: ControllerContext) {
    this.#client = context.client
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key) })
    const claimSeen = (claim: PersistentVolumeClaim) => this.#loop.add(`claim/${objectKey(claim)}`)
    const volumeSeen = (volume: PersistentVolume) => this.#loop.add(`volume/${objectKey(volume)}`)
    const podEnded = (pod: Pod) => {
      for (const key of byClaim(pod)) this.#loop.add(`claim/${key}`)
    }
    const podUpdated = (pod: Pod) => {
      if (isPodTerminal(pod)) podEnded(pod)
    }
    this.#claims = this.#loop.follow(Kinds.PersistentVolumeClaim, { added: claimSeen, updated: claimSeen })
    this.#volumes = this.#loop.follow(Kinds.PersistentVolume, { added: volumeSeen, updated: volumeSeen })
    this.#pods = this.#loop.follow(
      Kinds.Pod,
      { updated: podUpdated, deleted: podEnded },
      { [CLAIM_INDEX]: byClaim },
    )
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  async #reconcile(key: string): Promise<void> {
    const name = key.slice(key.indexOf('/') + 1)
    if (key.startsWith('claim/')) {
      const claim = this.#claims.get(name)
      if (claim !== undefined)
        await this.#protect(Kinds.PersistentVolumeClaim, claim, CLAIM_PROTECTION, () => this.#isUsed(claim))
      return
    }
    const volume = this.#volumes.get(name)
    if (volume !== undefined)
      await this.#protect(Kinds.PersistentVolume, volume, VOLUME_PROTECTION, () =>
        Promise.resolve(volume.status?.phase === 'Bound'),
      )
  }

  async #protect(
    kind: Kind,
    object: Protected,
    finalizer: string,
    isUsed: () => Promise<boolean>,
  ): Promise<void> {
    const { finalizers = [], deletionTimestamp } = object.metadata
    const has = finalizers.includes(finalizer)
    if (deletionTimestamp === undefined) {
      if (!has) await this.#setFinalizers(kind, object, [...finalizers, finalizer])
    } else if (has && !(await isUsed()))
      await this.#setFinalizers(
        kind,
        object,
        finalizers.filter(other => other !== finalizer),
      )
  }

  /** Asked of the cache and then of the server: a pod that has just been sent to a node must not lose its data. */
  async #isUsed(claim: PersistentVolumeClaim): Promise<boolean> {
    const key = objectKey(claim)
    if (this.#pods.byIndex(CLAIM_INDEX, key).some(usesClaim)) return true
    const { items } = await this.#client.list(Kinds.Pod, { namespace: claim.metadata.namespace ?? '' })
    return items.some(pod => usesClaim(pod) && byClaim(pod).includes(key))
  }

  async #setFinalizers(kind: Kind, { metadata }: Protected, finalizers: readonly string[]): Promise<void> {
    const { uid, resourceVersion, name = '', namespace = '' } = metadata
    await ifFound(
      this.#client.patch(
        kind,
        name,
        { type: 'merge', body: { metadata: { uid, resourceVersion, finalizers } } },
        { namespace },
      ),
    )
  }
}

/** Pods without a node hold nothing back; those that have ended use nothing any more. */
function usesClaim(pod: Pod): boolean {
  return Boolean(pod.spec?.nodeName) && !isPodTerminal(pod)
}
