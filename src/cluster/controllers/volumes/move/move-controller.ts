import { type Ids, messageOf, type Service } from '../../../../base/index.ts'
import { type Client, type Informer, ifFound } from '../../../../client/index.ts'
import {
  FOLDER_FINALIZER,
  folderNodeOf,
  HELD,
  Kinds,
  MOVE_CONFIRMED,
  MOVE_STATE,
  MOVE_TO,
  type MoveState,
  moveStateOf,
  type Node,
  objectKey,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  SELECTED_NODE,
  VOLUME_PROTECTION,
} from '../../../../kube/index.ts'
import { ControlLoop, type ControllerContext, type ReconcileResult } from '../../control-loop.ts'
import { deleteObject } from '../../delete-object.ts'
import { isPodTerminal } from '../../pod-state.ts'
import { folderOn } from '../local-volume.ts'
import { byClaim } from '../volume-binder.ts'
import type { VolumeHosts } from '../volume-hosts.ts'
import { VolumeWrites } from '../volume-writes.ts'
import { refuseMove } from './refusal.ts'

const NAME = 'volume-move-controller'
/** Looks again at pods that end, and at a host that could not do what it was asked. */
const PODS_AGAIN_MS = 1000
const HOST_AGAIN_MS = 10_000

/**
 * Moves the folders of volumes between hosts, as the annotation `move-to` of their claims asks. The claim is held, so that its pods
 * wait whoever makes them again; the state is kept on the claim after each step, and each step can be repeated: cut off anywhere, the
 * next look goes on. Until the copy was compared and bound nothing of the original changes; afterwards it is kept until somebody
 * confirms. Keys are claims, `namespace/name`.
 */
export class VolumeMoveController implements Service {
  readonly #client: Client
  readonly #ids: Ids
  readonly #loop: ControlLoop
  readonly #hosts: VolumeHosts
  readonly #writes: VolumeWrites
  readonly #claims: Informer<PersistentVolumeClaim>
  readonly #volumes: Informer<PersistentVolume>
  readonly #nodes: Informer<Node>

  constructor(context: ControllerContext, hosts: VolumeHosts) {
    this.#client = context.client
    this.#ids = context.ids
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key) })
    this.#hosts = hosts
    this.#writes = new VolumeWrites(context.client)
    const claimSeen = (claim: PersistentVolumeClaim) => {
      const { [MOVE_TO]: to, [MOVE_STATE]: state } = claim.metadata.annotations ?? {}
      if (to !== undefined || state !== undefined) this.#loop.enqueue(claim)
    }
    this.#claims = this.#loop.follow(Kinds.PersistentVolumeClaim, { added: claimSeen, updated: claimSeen })
    this.#volumes = this.#loop.follow(Kinds.PersistentVolume)
    this.#nodes = this.#loop.follow(Kinds.Node)
    this.#loop.follow(Kinds.Pod, {
      deleted: pod => {
        for (const key of byClaim(pod)) this.#loop.add(key)
      },
    })
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  async #reconcile(key: string): Promise<ReconcileResult | undefined> {
    const claim = this.#claims.get(key)
    if (claim === undefined) return undefined
    const { [MOVE_TO]: to, [MOVE_CONFIRMED]: confirmed } = claim.metadata.annotations ?? {}
    // What an unbound claim says of itself is nobody's move: the volume that it names is not its own.
    const state = claim.status?.phase === 'Bound' ? moveStateOf(claim) : undefined
    switch (state?.phase) {
      case 'Stopping':
      case 'Copying':
        if (to !== state.to || claim.metadata.deletionTimestamp !== undefined)
          return this.#cancel(claim, state)
        return this.#copy(claim, state)
      case 'Rebinding':
        return this.#rebind(claim, state)
      case 'Keeping':
        return this.#keep(claim, state)
      case 'Kept':
        if (confirmed === state.id) return this.#forget(claim, state)
        break
      default:
    }
    return to === undefined ? undefined : this.#begin(claim, to, state)
  }

  async #begin(claim: PersistentVolumeClaim, to: string, earlier: MoveState | undefined): Promise<undefined> {
    const volume = this.#volumes.get(claim.spec?.volumeName ?? '')
    const pods = await this.#users(claim)
    const refusal = refuseMove({ claim, volume, node: this.#nodes.get(to), to, pods, earlier })
    const from = volume === undefined ? '' : (folderNodeOf(volume) ?? '')
    if (refusal !== undefined) {
      this.#loop.events.record(claim, 'Warning', 'MoveRefused', `Cannot move to ${to}: ${refusal}`)
      // What is known of an earlier move stays: its original still waits.
      const known = earlier ?? ({ id: this.#ids.suffix(), from, to, phase: 'Refused' } as const)
      await this.#write(claim, { ...known, message: refusal }, { [MOVE_TO]: null })
      return undefined
    }
    this.#loop.events.record(claim, 'Normal', 'Moving', `Moving from ${from} to ${to}: its pods are stopped`)
    const state: MoveState = { id: this.#ids.suffix(), from, to, phase: 'Stopping' }
    await this.#write(claim, state, holdFor(to))
    return undefined
  }

  /** Stops the pods, then copies. A pod that came to its node meanwhile is stopped too: the host refuses to copy under it. */
  async #copy(claim: PersistentVolumeClaim, state: MoveState): Promise<ReconcileResult | undefined> {
    // Whoever took it away changed the claim: a copy that was under way is not bound, and is made again.
    if (claim.metadata.annotations?.[HELD] === undefined) {
      await this.#write(claim, state, holdFor(state.to))
      return undefined
    }
    const pods = await this.#users(claim)
    if (pods.length > 0) {
      await this.#stop(pods)
      const names = pods.map(({ metadata }) => metadata.name).join(', ')
      await this.#note(claim, state, `waits for its pods to end: ${names}`)
      return { requeueAfterMs: PODS_AGAIN_MS }
    }
    if (state.phase === 'Stopping') {
      await this.#write(claim, { ...withoutMessage(state), phase: 'Copying' })
      return undefined
    }
    const volume = await this.#client.get(Kinds.PersistentVolume, claim.spec?.volumeName ?? '')
    const { id, from, to } = state
    const name = volume.metadata.name ?? ''
    try {
      const { files, bytes } = await this.#hosts.copy(from, to, name, id)
      await this.#hosts.adopt(to, name, id)
      const { labels, annotations } = volume.metadata
      const moving = {
        ...(labels && { labels }),
        ...(annotations && { annotations }),
        spec: volume.spec ?? {},
      }
      await this.#write(claim, { ...withoutMessage(state), phase: 'Rebinding', volume: moving, files, bytes })
      return undefined
    } catch (error) {
      return this.#again(claim, state, error)
    }
  }

  /** A volume cannot change its place: it is made anew under its name, and the claim never notices. */
  async #rebind(claim: PersistentVolumeClaim, state: MoveState): Promise<undefined> {
    const name = claim.spec?.volumeName ?? ''
    const node = await this.#client.get(Kinds.Node, state.to)
    const known = await ifFound(this.#client.get(Kinds.PersistentVolume, name))
    const { labels, annotations, spec } = state.volume ?? { spec: {} }
    if (known !== undefined && folderNodeOf(known) !== state.to) await this.#removeOld(known)
    if (known === undefined || folderNodeOf(known) !== state.to)
      // Where one of that name is there all the same, this fails and is looked at anew: its pods must not start at the old place.
      await this.#client.create(Kinds.PersistentVolume, {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: {
          name,
          ...(labels && { labels }),
          ...(annotations && { annotations }),
          finalizers: [FOLDER_FINALIZER, VOLUME_PROTECTION],
        },
        spec: { ...spec, ...folderOn(node, name) },
      })
    this.#loop.events.record(
      claim,
      'Normal',
      'Moved',
      `Moved from ${state.from} to ${state.to}: its pods may start`,
    )
    await this.#write(
      claim,
      { ...withoutMessage(state), phase: 'Keeping' },
      { [HELD]: null, [MOVE_TO]: null, [SELECTED_NODE]: state.to },
    )
    return undefined
  }

  /**
   * Only the object: no finalizer of it stands for data that is not elsewhere too. The protection goes last, when the volume is being
   * deleted: from one that is not, the protection controller would miss it and put it back.
   */
  async #removeOld(volume: PersistentVolume): Promise<void> {
    const { name = '', uid, resourceVersion, deletionTimestamp } = volume.metadata
    const patch = (metadata: object) =>
      this.#client.patch(Kinds.PersistentVolume, name, { type: 'merge', body: { metadata } })
    if (deletionTimestamp === undefined)
      await patch({ uid, resourceVersion, finalizers: [VOLUME_PROTECTION] })
    await deleteObject(this.#client, Kinds.PersistentVolume, volume)
    await ifFound(patch({ uid, finalizers: [] }))
  }

  async #keep(claim: PersistentVolumeClaim, state: MoveState): Promise<ReconcileResult | undefined> {
    try {
      await this.#hosts.keep(state.from, claim.spec?.volumeName ?? '', state.id)
    } catch (error) {
      return this.#again(claim, state, error)
    }
    const { volume: _, ...rest } = withoutMessage(state)
    await this.#write(claim, { ...rest, phase: 'Kept' })
    return undefined
  }

  async #forget(claim: PersistentVolumeClaim, state: MoveState): Promise<ReconcileResult | undefined> {
    try {
      await this.#hosts.forget(state.from, claim.spec?.volumeName ?? '', state.id)
    } catch (error) {
      return this.#again(claim, state, error)
    }
    this.#loop.events.record(claim, 'Normal', 'MoveConfirmed', `The original on ${state.from} was put aside`)
    await this.#writes.annotateClaim(claim, { [MOVE_STATE]: null, [MOVE_CONFIRMED]: null })
    return undefined
  }

  /** Nothing has changed yet but the copy, which may stay if its host cannot be reached: it is no volume, and the next one replaces it. */
  async #cancel(claim: PersistentVolumeClaim, state: MoveState): Promise<undefined> {
    await this.#hosts
      .discard(state.to, claim.spec?.volumeName ?? '', state.id)
      .catch(error => this.#loop.log.debug('a copy was left behind', { error: messageOf(error) }))
    this.#loop.events.record(claim, 'Normal', 'MoveCancelled', `Stays on ${state.from}: its pods may start`)
    await this.#writes.annotateClaim(claim, { [MOVE_STATE]: null, [MOVE_TO]: null, [HELD]: null })
    return undefined
  }

  async #again(claim: PersistentVolumeClaim, state: MoveState, error: unknown): Promise<ReconcileResult> {
    this.#loop.events.record(claim, 'Warning', 'MoveFailed', `${messageOf(error)}; trying again`)
    await this.#note(claim, state, messageOf(error))
    return { requeueAfterMs: HOST_AGAIN_MS }
  }

  /** The pods that use the claim and are on a node; asked of the server: a cache may not show the newest yet. */
  async #users(claim: PersistentVolumeClaim): Promise<readonly Pod[]> {
    const { items } = await this.#client.list(Kinds.Pod, { namespace: claim.metadata.namespace ?? '' })
    return items.filter(
      pod => Boolean(pod.spec?.nodeName) && !isPodTerminal(pod) && byClaim(pod).includes(objectKey(claim)),
    )
  }

  async #stop(pods: readonly Pod[]): Promise<void> {
    for (const pod of pods)
      if (pod.metadata.deletionTimestamp === undefined) await deleteObject(this.#client, Kinds.Pod, pod)
  }

  async #note(claim: PersistentVolumeClaim, state: MoveState, message: string): Promise<void> {
    if (state.message !== message) await this.#write(claim, { ...state, message })
  }

  async #write(
    claim: PersistentVolumeClaim,
    state: MoveState,
    annotations: Readonly<Record<string, string | null>> = {},
  ): Promise<void> {
    await this.#writes.annotateClaim(claim, { ...annotations, [MOVE_STATE]: JSON.stringify(state) })
  }
}

function withoutMessage({ message: _, ...state }: MoveState): MoveState {
  return state
}

/** Why no pod of the claim starts. */
function holdFor(to: string): { readonly [HELD]: string } {
  return { [HELD]: `its volume moves to host ${to}` }
}
