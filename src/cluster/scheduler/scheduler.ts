import {
  type Clock,
  deepEqual,
  Limit,
  type Logger,
  messageOf,
  type Service,
  WorkQueue,
} from '../../base/index.ts'
import {
  type Client,
  createEventRecorder,
  type EventRecorder,
  type Informer,
  type Informers,
  untilSynced,
} from '../../client/index.ts'
import {
  formatTime,
  isConflict,
  isNotFound,
  Kinds,
  type KubeObject,
  type Namespace,
  type Node,
  objectKey,
  type Pod,
  type PodCondition,
} from '../../kube/index.ts'
import { ClusterView } from './cluster-view.ts'
import { FILTERS } from './filters.ts'
import { type NodeState, type PodFacts, podFacts } from './node-state.ts'
import { type Choice, canTake, explainRefusals, pickNode } from './pick-node.ts'
import { packingProfile, type SchedulerProfile, spreadingProfile } from './profiles.ts'
import { type RelationWorld, relationFilter } from './relation-filter.ts'
import { VolumeScheduling } from './volume-scheduling.ts'
import { WaitingPods } from './waiting-pods.ts'

/** Bindings under way at once. */
const BINDINGS = 64
/** After this long without a pause the event loop gets its turn. */
const SLICE_MS = 10

export interface SchedulerOptions {
  readonly client: Client
  readonly informers: Informers
  readonly clock: Clock
  readonly log: Logger
  /** One for each `spec.schedulerName` that is served; default: spreading as `default-scheduler`, packing as `bowline-packing`. */
  readonly profiles?: readonly SchedulerProfile[]
}

/** Gives every pod that waits for one a node, and says why when none can take it. Pods of other schedulers are left alone. */
export class Scheduler implements Service {
  readonly #client: Client
  readonly #clock: Clock
  readonly #log: Logger
  readonly #events: EventRecorder
  readonly #profiles: ReadonlyMap<string, SchedulerProfile>
  readonly #pods: Informer<Pod>
  readonly #nodes: Informer<Node>
  readonly #view = new ClusterView()
  readonly #queue: WorkQueue
  readonly #waiting: WaitingPods
  readonly #bindings = new Limit(BINDINGS)
  readonly #writes = new Set<Promise<void>>()
  readonly #volumes: VolumeScheduling
  readonly #namespaces: Informer<Namespace>
  readonly #relations: RelationWorld

  constructor({ client, informers, clock, log, profiles }: SchedulerOptions) {
    this.#client = client
    this.#clock = clock
    this.#log = log.with({ controller: 'scheduler' })
    this.#events = createEventRecorder({ client, component: 'default-scheduler', clock, log: this.#log })
    this.#profiles = new Map(
      (profiles ?? [spreadingProfile, packingProfile]).map(profile => [profile.schedulerName, profile]),
    )
    this.#pods = informers.of(Kinds.Pod)
    this.#nodes = informers.of(Kinds.Node)
    this.#namespaces = informers.of(Kinds.Namespace)
    this.#relations = {
      states: () => this.#view.states(),
      namespaceLabels: name => this.#namespaces.get(name)?.metadata.labels,
    }
    this.#queue = new WorkQueue(clock)
    this.#waiting = new WaitingPods(clock, this.#queue)
    this.#volumes = new VolumeScheduling({ client, informers, isPlaced: uid => this.#view.isPlaced(uid) })
  }

  async start(signal: AbortSignal): Promise<void> {
    const subscriptions = [
      this.#nodes.subscribe({
        added: node => this.#nodeChanged(node, undefined),
        updated: (node, previous) => this.#nodeChanged(node, previous),
        deleted: node => this.#view.removeNode(node.metadata.name ?? ''),
      }),
      this.#pods.subscribe({
        added: pod => this.#podChanged(pod),
        updated: (pod, previous) => {
          this.#podChanged(pod)
          if (!deepEqual(placeOf(pod), placeOf(previous))) this.#waiting.retry(isRelated)
        },
        deleted: pod => this.#podGone(pod),
      }),
      this.#volumes.subscribe(key => {
        if (this.#pods.get(key)?.spec?.nodeName === undefined) this.#queue.add(key)
      }),
    ]
    const close = () => this.#queue.close()
    signal.addEventListener('abort', close, { once: true })
    if (await untilSynced([this.#pods, this.#nodes, this.#namespaces, ...this.#volumes.informers], signal))
      await this.#work()
    signal.removeEventListener('abort', close)
    close()
    for (const unsubscribe of subscriptions) unsubscribe()
    await Promise.all(this.#writes)
    await this.#events.close()
  }

  #nodeChanged(node: Node, previous: Node | undefined): void {
    const state = this.#view.setNode(node)
    if (previous === undefined || !deepEqual(relevant(node), relevant(previous))) this.#roomIn(state)
  }

  #podChanged(pod: Pod): void {
    if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') {
      this.#podGone(pod)
      return
    }
    const node = pod.spec?.nodeName
    const key = objectKey(pod)
    if (node) {
      this.#volumes.forget(pod)
      this.#view.place(podFacts(pod), node)
      this.#waiting.forget(key)
    } else if (this.#profileOf(pod) !== undefined) this.#queue.add(key)
  }

  #podGone(pod: Pod): void {
    this.#waiting.forget(objectKey(pod))
    this.#volumes.forget(pod)
    const state = this.#view.remove(pod.metadata.uid ?? '')
    if (state !== undefined) this.#roomIn(state)
  }

  #roomIn(state: NodeState): void {
    this.#waiting.wake(pod => canTake(pod, state))
  }

  async #work(): Promise<void> {
    let sliceEnd = this.#clock.now() + SLICE_MS
    for (;;) {
      const key = await this.#queue.take()
      if (key === undefined) return
      try {
        this.#schedule(key)
      } catch (error) {
        this.#log.error('cannot schedule a pod', { object: key, error: messageOf(error) })
        this.#queue.addRateLimited(key)
      } finally {
        this.#queue.done(key)
      }
      if (this.#clock.now() < sliceEnd) continue
      await this.#clock.sleep(0)
      sliceEnd = this.#clock.now() + SLICE_MS
    }
  }

  #schedule(key: string): void {
    const pod = this.#pods.get(key)
    if (pod === undefined || pod.spec?.nodeName || pod.metadata.deletionTimestamp !== undefined) return
    const profile = this.#profileOf(pod)
    const uid = pod.metadata.uid ?? ''
    if (profile === undefined || (this.#view.isPlaced(uid) && !this.#volumes.isAwaited(uid))) return
    if ((pod.spec?.schedulingGates ?? []).length > 0) {
      this.#refuse(pod, 'SchedulingGated', 'Scheduling is blocked due to non-empty scheduling gates')
      return
    }
    const facts = podFacts(pod)
    // The room that it keeps while its volumes are made counts for others, not for itself.
    if (this.#volumes.isAwaited(uid)) this.#view.remove(uid)
    const needs = this.#volumes.needsOf(pod)
    const choice: Choice =
      needs.refusal === undefined
        ? pickNode(facts, this.#view.states(), profile, [
            ...FILTERS,
            this.#volumes.filter(needs),
            relationFilter(facts, this.#relations),
          ])
        : { node: undefined, refusals: [] }
    if (choice.node !== undefined) {
      this.#view.place(facts, choice.node)
      const node = this.#nodes.get(choice.node)
      if (needs.refusal === undefined && needs.open.length > 0 && node !== undefined)
        this.#track(this.#prepareVolumes(key, pod, this.#volumes.prepare(pod, needs, node)))
      else {
        this.#volumes.forget(pod)
        this.#track(this.#bindings.run(() => this.#bind(key, facts, choice.node)))
      }
      return
    }
    this.#volumes.park(pod)
    this.#waiting.park(key, facts)
    const message =
      needs.refusal === undefined
        ? explainRefusals(choice.refusals) + this.#volumes.explain(needs)
        : `0/${this.#view.nodeCount} nodes are available: ${needs.refusal}.`
    if (this.#refuse(pod, 'Unschedulable', message))
      this.#events.record(pod, 'Warning', 'FailedScheduling', message)
  }

  /** The pod keeps its place meanwhile; what its claims then become brings it back to the queue. */
  async #prepareVolumes(key: string, pod: Pod, written: Promise<void>): Promise<void> {
    try {
      await written
    } catch (error) {
      this.#volumes.forget(pod)
      this.#view.remove(pod.metadata.uid ?? '')
      if (!isConflict(error) && !isNotFound(error))
        this.#log.warn('cannot prepare the volumes of a pod, trying again', {
          object: key,
          error: messageOf(error),
        })
      this.#queue.addRateLimited(key)
    }
  }

  async #bind(key: string, { pod }: PodFacts, node: string): Promise<void> {
    const { name = '', namespace = '', uid = '' } = pod.metadata
    const binding: Binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: node },
    }
    try {
      await this.#client.createSubresource(Kinds.Pod, name, 'binding', binding, { namespace })
      this.#queue.forget(key)
      this.#waiting.forget(key)
      this.#events.record(pod, 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${name} to ${node}`)
    } catch (error) {
      const seen = this.#pods.get(key)
      if (seen?.metadata.uid !== uid || !seen.spec?.nodeName) this.#view.remove(uid)
      if (isNotFound(error)) return
      // Someone else bound it, or it is another pod of that name: the informer will show.
      if (isConflict(error)) this.#log.debug('a pod was bound meanwhile', { object: key })
      else this.#log.warn('cannot bind a pod, trying again', { object: key, node, error: messageOf(error) })
      this.#queue.addRateLimited(key)
    }
  }

  /** Notes on the pod why it has no node; false when it says so already. */
  #refuse(pod: Pod, reason: string, message: string): boolean {
    const known = pod.status?.conditions?.find(condition => condition.type === 'PodScheduled')
    if (known?.status === 'False' && known.reason === reason && known.message === message) return false
    const now = formatTime(this.#clock.now())
    const condition: PodCondition = {
      type: 'PodScheduled',
      status: 'False',
      reason,
      message,
      lastTransitionTime: known?.status === 'False' ? (known.lastTransitionTime ?? now) : now,
    }
    this.#track(this.#writeCondition(pod, condition))
    return true
  }

  async #writeCondition(pod: Pod, condition: PodCondition): Promise<void> {
    const { name = '', namespace = '', uid } = pod.metadata
    // Strategic: conditions merge by type, so that those of the node's agent stay.
    const body = { metadata: { uid }, status: { conditions: [condition] } }
    try {
      await this.#client.patch(
        Kinds.Pod,
        name,
        { type: 'strategic', body },
        { namespace, subresource: 'status' },
      )
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error))
        this.#log.warn('cannot note on a pod why it waits', {
          object: objectKey(pod),
          error: messageOf(error),
        })
    }
  }

  #profileOf(pod: Pod): SchedulerProfile | undefined {
    return this.#profiles.get(pod.spec?.schedulerName ?? spreadingProfile.schedulerName)
  }

  #track(write: Promise<void>): void {
    this.#writes.add(write)
    const settle = () => this.#writes.delete(write)
    write.then(settle, settle)
  }
}

interface Binding extends KubeObject {
  readonly target: { readonly apiVersion: string; readonly kind: string; readonly name: string }
}

/** What of a pod matters to pods that require something of where others are. */
function placeOf({ metadata, spec }: Pod): unknown {
  return { node: spec?.nodeName, labels: metadata.labels, isEnding: metadata.deletionTimestamp !== undefined }
}

function isRelated({ relations }: PodFacts): boolean {
  return relations !== undefined
}

/** What of a node can make room for a pod; its heartbeats cannot. */
function relevant(node: Node): unknown {
  return {
    labels: node.metadata.labels,
    taints: node.spec?.taints,
    unschedulable: node.spec?.unschedulable,
    allocatable: node.status?.allocatable,
    ready: node.status?.conditions?.find(condition => condition.type === 'Ready')?.status,
  }
}
