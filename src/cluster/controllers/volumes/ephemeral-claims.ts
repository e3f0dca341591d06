import { type Logger, type Service, WorkQueue } from '../../../base/index.ts'
import { type Client, type EventRecorder, type Informer, untilSynced } from '../../../client/index.ts'
import {
  apiVersionOf,
  claimNameOf,
  isAlreadyExists,
  Kinds,
  objectKey,
  type PersistentVolumeClaim,
  type Pod,
  type Volume,
} from '../../../kube/index.ts'
import { type ControllerContext, voiceOf } from '../context.ts'
import { runController } from '../controller.ts'
import { isNamespaceTerminating } from '../namespace-terminating.ts'
import { controllerOf, controllerReference } from '../ownership.ts'

const NAME = 'ephemeral-volume-controller'

/** Makes the claims of generic ephemeral volumes (upstream's `volume/ephemeral`): each belongs to its pod and goes with it. */
export class EphemeralClaims implements Service {
  readonly #client: Client
  readonly #log: Logger
  readonly #events: EventRecorder
  readonly #pods: Informer<Pod>
  readonly #claims: Informer<PersistentVolumeClaim>
  readonly #queue: WorkQueue

  constructor(context: ControllerContext) {
    const { events, log } = voiceOf(context, NAME)
    this.#client = context.client
    this.#log = log
    this.#events = events
    this.#pods = context.informers.of(Kinds.Pod)
    this.#claims = context.informers.of(Kinds.PersistentVolumeClaim)
    this.#queue = new WorkQueue(context.clock)
  }

  async start(signal: AbortSignal): Promise<void> {
    const subscriptions = [
      this.#pods.subscribe({
        added: pod => {
          if ((pod.spec?.volumes ?? []).some(({ ephemeral }) => ephemeral !== undefined))
            this.#queue.add(objectKey(pod))
        },
      }),
      this.#claims.subscribe({
        deleted: claim => {
          const owner = controllerOf(claim)
          if (owner?.kind === Kinds.Pod.kind) this.#queue.add(`${claim.metadata.namespace}/${owner.name}`)
        },
      }),
    ]
    if (await untilSynced([this.#pods, this.#claims], signal))
      await runController(
        { name: NAME, queue: this.#queue, reconcile: key => this.#reconcile(key), log: this.#log },
        signal,
      )
    for (const unsubscribe of subscriptions) unsubscribe()
    await this.#events.close()
  }

  async #reconcile(key: string): Promise<void> {
    const pod = this.#pods.get(key)
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return
    for (const volume of pod.spec?.volumes ?? [])
      if (volume.ephemeral?.volumeClaimTemplate !== undefined) await this.#ensure(pod, volume)
  }

  async #ensure(pod: Pod, volume: Volume): Promise<void> {
    const { name: podName = '', namespace = '' } = pod.metadata
    const name = claimNameOf(podName, volume) ?? ''
    const known = this.#claims.get(`${namespace}/${name}`)
    if (known !== undefined) {
      if (!isClaimOfPod(known, pod))
        this.#events.record(
          pod,
          'Warning',
          'ConflictingClaim',
          `PVC ${namespace}/${name} was not created for pod ${namespace}/${podName} (pod is not owner)`,
        )
      return
    }
    const template = volume.ephemeral?.volumeClaimTemplate
    const claim: PersistentVolumeClaim = {
      apiVersion: apiVersionOf(Kinds.PersistentVolumeClaim) as 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        ...(template?.metadata?.labels === undefined ? {} : { labels: template.metadata.labels }),
        ...(template?.metadata?.annotations === undefined
          ? {}
          : { annotations: template.metadata.annotations }),
        name,
        namespace,
        ownerReferences: [controllerReference(pod)],
      },
      ...(template?.spec === undefined ? {} : { spec: template.spec }),
    }
    try {
      await this.#client.create(Kinds.PersistentVolumeClaim, claim, { namespace })
    } catch (error) {
      if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) throw error
    }
  }
}

function isClaimOfPod(claim: PersistentVolumeClaim, pod: Pod): boolean {
  return controllerOf(claim)?.uid === pod.metadata.uid
}
