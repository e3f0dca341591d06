import type { Service } from '../../../base/index.ts'
import type { Client, Informer } from '../../../client/index.ts'
import {
  apiVersionOf,
  claimNameOf,
  isAlreadyExists,
  Kinds,
  type PersistentVolumeClaim,
  type Pod,
  type Volume,
} from '../../../kube/index.ts'
import { ControlLoop, type ControllerContext } from '../control-loop.ts'
import { isNamespaceTerminating } from '../namespace-terminating.ts'
import { controllerOf, controllerReference } from '../ownership.ts'

const NAME = 'ephemeral-volume-controller'

/** Makes the claims of generic ephemeral volumes (upstream's `volume/ephemeral`): each belongs to its pod and goes with it. */
export class EphemeralClaims implements Service {
  readonly #client: Client
  readonly #loop: ControlLoop
  readonly #pods: Informer<Pod>
  readonly #claims: Informer<PersistentVolumeClaim>

  constructor(context: ControllerContext) {
    this.#client = context.client
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key) })
    this.#pods = this.#loop.follow(Kinds.Pod, {
      added: pod => {
        if ((pod.spec?.volumes ?? []).some(({ ephemeral }) => ephemeral !== undefined))
          this.#loop.enqueue(pod)
      },
    })
    this.#claims = this.#loop.follow(Kinds.PersistentVolumeClaim, {
      deleted: claim => {
        const owner = controllerOf(claim)
        if (owner?.kind === Kinds.Pod.kind) this.#loop.add(`${claim.metadata.namespace}/${owner.name}`)
      },
    })
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
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
        this.#loop.events.record(
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
