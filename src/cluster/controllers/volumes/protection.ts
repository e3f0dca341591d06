import { type Logger, type Service, WorkQueue } from '../../../base/index.ts'
import { type Client, type Informer, untilSynced } from '../../../client/index.ts'
import {
  CLAIM_PROTECTION,
  isNotFound,
  type Kind,
  Kinds,
  objectKey,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  VOLUME_PROTECTION,
} from '../../../kube/index.ts'
import { type ControllerContext, voiceOf } from '../context.ts'
import { runController } from '../controller.ts'
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
  readonly #log: Logger
  readonly #claims: Informer<PersistentVolumeClaim>
  readonly #volumes: Informer<PersistentVolume>
  readonly #pods: Informer<Pod>
  readonly #queue: WorkQueue

  constructor(context: ControllerContext) {
    this.#client = context.client
    this.#log = voiceOf(context, NAME).log
    this.#claims = context.informers.of(Kinds.PersistentVolumeClaim)
    this.#volumes = context.informers.of(Kinds.PersistentVolume)
    this.#pods = context.informers.of(Kinds.Pod)
    this.#pods.addIndex(CLAIM_INDEX, byClaim)
    this.#queue = new WorkQueue(context.clock)
  }

  async start(signal: AbortSignal): Promise<void> {
    const claimSeen = (claim: PersistentVolumeClaim) => this.#queue.add(`claim/${objectKey(claim)}`)
    const volumeSeen = (volume: PersistentVolume) => this.#queue.add(`volume/${objectKey(volume)}`)
    const podEnded = (pod: Pod) => {
      for (const key of byClaim(pod)) this.#queue.add(`claim/${key}`)
    }
    const subscriptions = [
      this.#claims.subscribe({ added: claimSeen, updated: claimSeen }),
      this.#volumes.subscribe({ added: volumeSeen, updated: volumeSeen }),
      this.#pods.subscribe({
        updated: pod => {
          if (isPodTerminal(pod)) podEnded(pod)
        },
        deleted: podEnded,
      }),
    ]
    if (await untilSynced([this.#claims, this.#volumes, this.#pods], signal))
      await runController(
        { name: NAME, queue: this.#queue, reconcile: key => this.#reconcile(key), log: this.#log },
        signal,
      )
    for (const unsubscribe of subscriptions) unsubscribe()
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
    try {
      await this.#client.patch(
        kind,
        name,
        { type: 'merge', body: { metadata: { uid, resourceVersion, finalizers } } },
        { namespace },
      )
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
}

/** Pods without a node hold nothing back; those that have ended use nothing any more. */
function usesClaim(pod: Pod): boolean {
  return Boolean(pod.spec?.nodeName) && !isPodTerminal(pod)
}
