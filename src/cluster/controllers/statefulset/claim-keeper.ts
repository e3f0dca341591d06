import { messageOf } from '../../../base/index.ts'
import { type Client, type EventRecorder, ifFound, type Lister } from '../../../client/index.ts'
import {
  isAlreadyExists,
  Kinds,
  objectKey,
  type PersistentVolumeClaim,
  type Pod,
  type StatefulSet,
} from '../../../kube/index.ts'
import { claimOwners, claimsOf, isClaimGoing } from './claims.ts'
import { ordinalOf, podName } from './identity.ts'

export interface ClaimKeeperOptions {
  readonly client: Client
  readonly claims: Lister<PersistentVolumeClaim>
  readonly events: EventRecorder
}

/** Makes the claims of a set's pods and sees to who owns them. It deletes none: where the policy wants that, the owners take them along. */
export class ClaimKeeper {
  readonly #options: ClaimKeeperOptions

  constructor(options: ClaimKeeperOptions) {
    this.#options = options
  }

  /** The claims of a pod that is about to be made. False when one of them is about to go: then the pod has to wait for that. */
  async prepare(set: StatefulSet, ordinal: number): Promise<boolean> {
    const wanted = claimsOf(set, ordinal)
    const known = wanted.map(claim => this.#options.claims.get(objectKey(claim)))
    if (known.some(claim => claim !== undefined && isClaimGoing(set, claim))) return false
    for (const [index, claim] of wanted.entries()) {
      const found = known[index]
      if (found === undefined) await this.#create(set, ordinal, claim)
      else await this.#own(set, found, undefined)
    }
    return true
  }

  /** The claims of a pod that is there. One that is missing is made anew while the pod waits for it. */
  async keep(set: StatefulSet, pod: Pod): Promise<void> {
    const ordinal = ordinalOf(set, pod)
    if (ordinal === undefined) return
    for (const claim of claimsOf(set, ordinal)) {
      const found = this.#options.claims.get(objectKey(claim))
      if (found !== undefined) await this.#own(set, found, pod)
      else if (pod.status?.phase === 'Pending') await this.#create(set, ordinal, claim)
    }
  }

  async #create(set: StatefulSet, ordinal: number, claim: PersistentVolumeClaim): Promise<void> {
    const { client, events } = this.#options
    const { name } = claim.metadata
    const ownerReferences = claimOwners(set, claim, undefined) ?? []
    const metadata = { ...claim.metadata, ...(ownerReferences.length === 0 ? {} : { ownerReferences }) }
    const pod = podName(set, ordinal)
    try {
      await client.create(Kinds.PersistentVolumeClaim, { ...claim, metadata })
    } catch (error) {
      const message = `create Claim ${name} for Pod ${pod} in StatefulSet ${set.metadata.name} failed error: ${messageOf(error)}`
      if (!isAlreadyExists(error)) events.record(set, 'Warning', 'FailedCreate', message)
      throw error
    }
    const message = `create Claim ${name} Pod ${pod} in StatefulSet ${set.metadata.name} success`
    events.record(set, 'Normal', 'SuccessfulCreate', message)
  }

  async #own(set: StatefulSet, claim: PersistentVolumeClaim, pod: Pod | undefined): Promise<void> {
    const ownerReferences = claimOwners(set, claim, pod)
    if (ownerReferences === undefined || claim.metadata.deletionTimestamp !== undefined) return
    const { name = '', namespace = '', uid, resourceVersion } = claim.metadata
    const body = { metadata: { uid, resourceVersion, ownerReferences } }
    await ifFound(
      this.#options.client.patch(Kinds.PersistentVolumeClaim, name, { type: 'merge', body }, { namespace }),
    )
  }
}
