import type { Client, Informer, Informers } from '../../client/index.ts'
import {
  apiVersionOf,
  BOUND_BY_CONTROLLER,
  claimKeyOf,
  claimNamesOf,
  Kinds,
  type KubeObject,
  type Node,
  objectKey,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  SELECTED_NODE,
  type StorageClass,
} from '../../kube/index.ts'
import type { Filter } from './filters.ts'
import {
  assignVolumes,
  explainHost,
  type VolumeAssignment,
  type VolumeNeeds,
  type VolumeWorld,
  volumeFilter,
  volumeNeedsOf,
} from './pod-volumes.ts'

export interface VolumeSchedulingOptions {
  readonly client: Client
  readonly informers: Informers
  /** Whether a pod is on a node, or on its way to one. */
  readonly isPlaced: (uid: string) => boolean
}

const CLAIM_INDEX = 'scheduler-claim'

/**
 * The scheduler's side of volumes: what pods' claims ask of nodes, the writes that let the binder go on for a chosen node, and
 * which pods to look at again when a claim, volume or class changes.
 */
export class VolumeScheduling {
  readonly #client: Client
  readonly #claims: Informer<PersistentVolumeClaim>
  readonly #volumes: Informer<PersistentVolume>
  readonly #classes: Informer<StorageClass>
  readonly #pods: Informer<Pod>
  readonly #nodes: Informer<Node>
  readonly #world: VolumeWorld
  /** Pods that have a place and wait for their claims' volumes, by uid. */
  readonly #awaited = new Set<string>()
  /** The keys of pods with claims that no node can take. */
  readonly #parked = new Set<string>()

  constructor({ client, informers, isPlaced }: VolumeSchedulingOptions) {
    this.#client = client
    this.#claims = informers.of(Kinds.PersistentVolumeClaim)
    this.#volumes = informers.of(Kinds.PersistentVolume)
    this.#classes = informers.of(Kinds.StorageClass)
    this.#pods = informers.of(Kinds.Pod)
    this.#nodes = informers.of(Kinds.Node)
    this.#pods.addIndex(CLAIM_INDEX, pod =>
      claimNamesOf(pod).map(name => `${pod.metadata.namespace ?? ''}/${name}`),
    )
    this.#world = {
      claim: key => this.#claims.get(key),
      volume: name => this.#volumes.get(name),
      volumes: () => this.#volumes.list(),
      storageClass: name => this.#classes.get(name),
      otherUser: (key, pod) =>
        this.#pods.byIndex(CLAIM_INDEX, key).find(other => {
          const { uid = '' } = other.metadata
          const isOver = other.status?.phase === 'Succeeded' || other.status?.phase === 'Failed'
          return uid !== pod.metadata.uid && !isOver && (Boolean(other.spec?.nodeName) || isPlaced(uid))
        }),
    }
  }

  /** What must be known before the first pod is scheduled. */
  get informers(): readonly Pick<Informer<KubeObject>, 'synced'>[] {
    return [this.#claims, this.#volumes, this.#classes]
  }

  /** `wake` is called with the key of each pod that may have come nearer to a node. */
  subscribe(wake: (key: string) => void): () => void {
    const wakeUsers = (claimKey: string) => {
      for (const pod of this.#pods.byIndex(CLAIM_INDEX, claimKey)) wake(objectKey(pod))
    }
    const wakeParked = () => {
      for (const key of [...this.#parked]) wake(key)
    }
    const claimChanged = (claim: PersistentVolumeClaim) => wakeUsers(objectKey(claim))
    const volumeChanged = ({ spec, status }: PersistentVolume) => {
      if (spec?.claimRef !== undefined) wakeUsers(claimKeyOf(spec.claimRef))
      else if (status?.phase === 'Available') wakeParked()
    }
    const subscriptions = [
      this.#claims.subscribe({ added: claimChanged, updated: claimChanged, deleted: claimChanged }),
      this.#volumes.subscribe({ added: volumeChanged, updated: volumeChanged }),
      this.#classes.subscribe({ added: wakeParked, updated: wakeParked }),
      // Who used a claim for itself alone lets go of it.
      this.#pods.subscribe({
        deleted: pod => {
          for (const name of claimNamesOf(pod)) wakeUsers(`${pod.metadata.namespace ?? ''}/${name}`)
        },
      }),
    ]
    return () => {
      for (const unsubscribe of subscriptions) unsubscribe()
    }
  }

  needsOf(pod: Pod): VolumeNeeds {
    return volumeNeedsOf(pod, this.#world)
  }

  filter(needs: VolumeNeeds & { refusal: undefined }): Filter {
    return volumeFilter(needs, this.#world)
  }

  explain(needs: VolumeNeeds): string {
    return explainHost(needs, name => this.#nodes.get(name))
  }

  /** The pod has its place and waits there for volumes. */
  isAwaited(uid: string): boolean {
    return this.#awaited.has(uid)
  }

  /** No node can take the pod. */
  park(pod: Pod): void {
    this.#awaited.delete(pod.metadata.uid ?? '')
    if (claimNamesOf(pod).length > 0) this.#parked.add(objectKey(pod))
  }

  /** The pod goes to its node now, or is gone. */
  forget(pod: Pod): void {
    this.#awaited.delete(pod.metadata.uid ?? '')
    this.#parked.delete(objectKey(pod))
  }

  /** Says on the pod's open claims what is to become of them on the chosen node. Repeating it changes nothing. */
  prepare(pod: Pod, needs: VolumeNeeds & { refusal: undefined }, node: Node): Promise<void> {
    this.#awaited.add(pod.metadata.uid ?? '')
    this.#parked.delete(objectKey(pod))
    const assigned = assignVolumes(needs.open, node, this.#world) ?? []
    return this.#write(assigned, node.metadata.name ?? '')
  }

  async #write(assigned: readonly VolumeAssignment[], node: string): Promise<void> {
    for (const { claim, volume } of assigned) {
      if (volume !== undefined) await this.#giveVolume(volume, claim)
      else if (claim.metadata.annotations?.[SELECTED_NODE] !== node) await this.#chooseNode(claim, node)
    }
  }

  async #giveVolume(volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<void> {
    if (volume.spec?.claimRef?.uid === claim.metadata.uid) return
    const { uid, resourceVersion, name = '' } = volume.metadata
    const isKept = volume.spec?.claimRef !== undefined
    const annotations = isKept ? {} : { [BOUND_BY_CONTROLLER]: 'yes' }
    const claimRef = {
      apiVersion: apiVersionOf(Kinds.PersistentVolumeClaim),
      kind: Kinds.PersistentVolumeClaim.kind,
      namespace: claim.metadata.namespace,
      name: claim.metadata.name,
      uid: claim.metadata.uid,
    }
    const body = { metadata: { uid, resourceVersion, annotations }, spec: { claimRef } }
    await this.#client.patch(Kinds.PersistentVolume, name, { type: 'merge', body })
  }

  async #chooseNode(claim: PersistentVolumeClaim, node: string): Promise<void> {
    const { uid, resourceVersion, name = '', namespace = '' } = claim.metadata
    const body = { metadata: { uid, resourceVersion, annotations: { [SELECTED_NODE]: node } } }
    await this.#client.patch(Kinds.PersistentVolumeClaim, name, { type: 'merge', body }, { namespace })
  }
}
