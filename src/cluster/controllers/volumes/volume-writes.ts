import { deepEqual } from '../../../base/index.ts'
import { type Client, ifFound } from '../../../client/index.ts'
import {
  apiVersionOf,
  BIND_COMPLETED,
  BOUND_BY_CONTROLLER,
  Kinds,
  type ObjectReference,
  type PersistentVolume,
  type PersistentVolumeClaim,
} from '../../../kube/index.ts'

/**
 * What the binder writes. Each is guarded by the version of the object that was looked at: a binding decided on a cache that lags
 * fails as a Conflict, and is decided anew.
 */
export class VolumeWrites {
  readonly #client: Client

  constructor(client: Client) {
    this.#client = client
  }

  /**
   * Binds in upstream's order: the volume first, which decides; then the claim; each with its status. Cut off at any point, the next
   * look goes on where this ended.
   */
  async bind(volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<void> {
    const bound = await this.setVolumePhase(await this.#giveVolume(volume, claim), 'Bound')
    await this.setClaimBound(await this.#giveClaim(claim, bound), bound)
  }

  async setVolumePhase(
    volume: PersistentVolume,
    phase: NonNullable<PersistentVolume['status']>['phase'],
    problem: { readonly reason: string; readonly message: string } | undefined = undefined,
  ): Promise<PersistentVolume> {
    const { phase: known, reason, message } = volume.status ?? {}
    if (known === phase && reason === problem?.reason && message === problem?.message) return volume
    const status = { phase, reason: problem?.reason ?? null, message: problem?.message ?? null }
    return this.#client.patch(
      Kinds.PersistentVolume,
      volume.metadata.name ?? '',
      { type: 'merge', body: { metadata: versionOf(volume), status } },
      { subresource: 'status' },
    )
  }

  /** Pending and Lost claims have no capacity. */
  async setClaimPhase(claim: PersistentVolumeClaim, phase: 'Lost' | 'Pending'): Promise<void> {
    if (claim.status?.phase === phase) return
    await this.#setClaimStatus(claim, { phase, accessModes: null, capacity: null })
  }

  async setClaimBound(claim: PersistentVolumeClaim, { spec }: PersistentVolume): Promise<void> {
    const capacity = spec?.capacity?.storage === undefined ? {} : { storage: spec.capacity.storage }
    const accessModes = spec?.accessModes ?? []
    const { phase, accessModes: modes, capacity: known } = claim.status ?? {}
    if (phase === 'Bound' && deepEqual(modes, accessModes) && deepEqual(known, capacity)) return
    await this.#setClaimStatus(claim, { phase: 'Bound', accessModes, capacity })
  }

  async setCapacity(volume: PersistentVolume, storage: string): Promise<PersistentVolume> {
    return this.#client.patch(Kinds.PersistentVolume, volume.metadata.name ?? '', {
      type: 'merge',
      body: { metadata: versionOf(volume), spec: { capacity: { storage } } },
    })
  }

  /** Takes the claim off a volume; with `keepName` only its uid, so that the volume stays kept for a claim of that name. */
  async unbind(volume: PersistentVolume, keepName: boolean): Promise<void> {
    const claimRef = keepName ? { uid: null, resourceVersion: null } : null
    await this.#client.patch(Kinds.PersistentVolume, volume.metadata.name ?? '', {
      type: 'merge',
      body: {
        metadata: { ...versionOf(volume), annotations: { [BOUND_BY_CONTROLLER]: null } },
        spec: { claimRef },
      },
    })
  }

  /** Takes a finalizer away; gone already is fine. */
  async removeFinalizer(volume: PersistentVolume, finalizer: string): Promise<void> {
    const finalizers = (volume.metadata.finalizers ?? []).filter(other => other !== finalizer)
    await ifFound(
      this.#client.patch(Kinds.PersistentVolume, volume.metadata.name ?? '', {
        type: 'merge',
        body: { metadata: { ...versionOf(volume), finalizers } },
      }),
    )
  }

  async annotateClaim(
    claim: PersistentVolumeClaim,
    annotations: Readonly<Record<string, string | null>>,
    spec: Readonly<Record<string, unknown>> = {},
  ): Promise<PersistentVolumeClaim> {
    const { name = '', namespace = '' } = claim.metadata
    return this.#client.patch(
      Kinds.PersistentVolumeClaim,
      name,
      { type: 'merge', body: { metadata: { ...versionOf(claim), annotations }, spec } },
      { namespace },
    )
  }

  async #giveVolume(volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<PersistentVolume> {
    if (volume.spec?.claimRef?.uid === claim.metadata.uid) return volume
    // Who wrote the name of the claim in advance keeps the volume for it also after an unbinding.
    const isKept = volume.spec?.claimRef !== undefined
    const annotations = isKept ? {} : { [BOUND_BY_CONTROLLER]: 'yes' }
    return this.#client.patch(Kinds.PersistentVolume, volume.metadata.name ?? '', {
      type: 'merge',
      body: {
        metadata: { ...versionOf(volume), annotations },
        spec: { claimRef: claimReference(claim) },
      },
    })
  }

  async #giveClaim(claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<PersistentVolumeClaim> {
    const { annotations = {} } = claim.metadata
    const isNamed = claim.spec?.volumeName === volume.metadata.name
    if (isNamed && annotations[BIND_COMPLETED] !== undefined) return claim
    return this.annotateClaim(
      claim,
      { [BIND_COMPLETED]: 'yes', ...(isNamed ? {} : { [BOUND_BY_CONTROLLER]: 'yes' }) },
      isNamed ? {} : { volumeName: volume.metadata.name },
    )
  }

  async #setClaimStatus(claim: PersistentVolumeClaim, status: object): Promise<void> {
    const { name = '', namespace = '' } = claim.metadata
    await this.#client.patch(
      Kinds.PersistentVolumeClaim,
      name,
      { type: 'merge', body: { metadata: versionOf(claim), status } },
      { namespace, subresource: 'status' },
    )
  }
}

/** `claimRef` of a volume that is this very claim's. */
export function claimReference({ metadata }: PersistentVolumeClaim): ObjectReference {
  return {
    apiVersion: apiVersionOf(Kinds.PersistentVolumeClaim),
    kind: Kinds.PersistentVolumeClaim.kind,
    namespace: metadata.namespace ?? '',
    name: metadata.name ?? '',
    uid: metadata.uid ?? '',
  }
}

function versionOf({ metadata }: PersistentVolume | PersistentVolumeClaim) {
  return { uid: metadata.uid, resourceVersion: metadata.resourceVersion }
}
