import type { Clock, Service } from '../../../base/index.ts'
import { type Client, type Informer, ifFound } from '../../../client/index.ts'
import {
  formatTime,
  Kinds,
  type Lease,
  type Node,
  type NodeCondition,
  type Pod,
} from '../../../kube/index.ts'
import { ControlLoop, type ControllerContext, type ReconcileResult } from '../control-loop.ts'
import { isPodReady, isPodTerminal } from '../pod-state.ts'
import { byNode, NODE_INDEX } from '../pods-of-node.ts'
import { EvictionRate, isAllDown } from './eviction-rate.ts'
import { nodeNews } from './node-news.ts'
import { conditionStatus, isEvicting, isLost, nextTaints } from './node-taints.ts'

const NAME = 'node-controller'
const LEASES = 'kube-node-lease'

export interface NodeLifecycleOptions {
  /** How long a node may be silent before it counts as lost. Default 50 s, as v1.32. */
  readonly gracePeriodMs?: number
  /** The same for a node that never reported its state. Default 60 s. */
  readonly startupGracePeriodMs?: number
}

/** The conditions that nobody vouches for any more when a node is silent. */
const REPORTED = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const

interface Heartbeat {
  /** Changes with every sign of life. */
  readonly sign: string
  /** When it last changed, by the clock of this server: those of the nodes are not trusted. */
  readonly seenAt: number
}

/**
 * Watches the signs of life of every node: its lease and the heartbeat of its Ready condition. A node that is silent for
 * too long becomes Unknown and its pods not ready; taints follow the conditions, the evicting ones at a bounded rate; all of it is
 * taken back when the node returns. The agent writes the conditions of a node that lives, this writes those of a silent one.
 */
export class NodeLifecycleController implements Service {
  readonly #client: Client
  readonly #clock: Clock
  readonly #loop: ControlLoop
  readonly #nodes: Informer<Node>
  readonly #leases: Informer<Lease>
  readonly #pods: Informer<Pod>
  readonly #rate: EvictionRate
  readonly #heartbeats = new Map<string, Heartbeat>()
  readonly #gracePeriodMs: number
  readonly #startupGracePeriodMs: number

  constructor(context: ControllerContext, options: NodeLifecycleOptions = {}) {
    this.#client = context.client
    this.#clock = context.clock
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key) })
    this.#nodes = this.#loop.follow(Kinds.Node, {
      added: node => this.#nodeSeen(node, undefined),
      updated: (node, previous) => this.#nodeSeen(node, previous),
      deleted: node => {
        this.#tell(node, undefined)
        this.#heartbeats.delete(node.metadata.name ?? '')
        this.#enqueueAll()
      },
    })
    this.#leases = this.#loop.follow(Kinds.Lease, {
      added: lease => this.#leaseSeen(lease),
      updated: lease => this.#leaseSeen(lease),
    })
    this.#pods = this.#loop.follow(Kinds.Pod, {}, { [NODE_INDEX]: byNode })
    this.#rate = new EvictionRate(context.clock)
    this.#gracePeriodMs = options.gracePeriodMs ?? 50_000
    this.#startupGracePeriodMs = options.startupGracePeriodMs ?? 60_000
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  #nodeSeen(node: Node, previous: Node | undefined): void {
    this.#tell(previous, node)
    this.#noteHeartbeat(node)
    this.#loop.enqueue(node)
    // The rate of the others depends on how many are ready.
    if (previous === undefined || conditionStatus(node, 'Ready') !== conditionStatus(previous, 'Ready'))
      this.#enqueueAll()
  }

  #tell(previous: Node | undefined, node: Node | undefined): void {
    for (const { reason, message } of nodeNews(previous, node))
      this.#loop.events.record((node ?? previous) as Node, 'Normal', reason, message)
  }

  #leaseSeen({ metadata }: Lease): void {
    if (metadata.namespace !== LEASES) return
    const node = this.#nodes.get(metadata.name ?? '')
    if (node !== undefined) this.#noteHeartbeat(node)
  }

  #enqueueAll(): void {
    for (const node of this.#nodes.list())
      if (this.#heartbeats.has(node.metadata.name ?? '')) this.#loop.enqueue(node)
  }

  #noteHeartbeat(node: Node): Heartbeat {
    const name = node.metadata.name ?? ''
    const ready = node.status?.conditions?.find(condition => condition.type === 'Ready')
    // Conditions that were given up here are no sign of life.
    const reported = ready?.status === 'Unknown' ? '' : (ready?.lastHeartbeatTime ?? '')
    const sign = `${this.#leases.get(`${LEASES}/${name}`)?.spec?.renewTime ?? ''} ${reported}`
    const known = this.#heartbeats.get(name)
    if (known?.sign === sign) return known
    const heartbeat = { sign, seenAt: this.#clock.now() }
    this.#heartbeats.set(name, heartbeat)
    return heartbeat
  }

  async #reconcile(name: string): Promise<ReconcileResult | undefined> {
    let node = this.#nodes.get(name)
    if (node === undefined) return undefined
    const { seenAt } = this.#noteHeartbeat(node)
    const isReported = conditionStatus(node, 'Ready') !== undefined
    const grace = isReported ? this.#gracePeriodMs : this.#startupGracePeriodMs
    const silentInMs = seenAt + grace - this.#clock.now()
    if (silentInMs <= 0 && conditionStatus(node, 'Ready') !== 'Unknown') node = await this.#giveUp(node)
    if (conditionStatus(node, 'Ready') === 'Unknown') await this.#markPodsNotReady(name)

    const waitMs = await this.#taint(node)
    const waits = [silentInMs, waitMs ?? 0].filter(ms => ms > 0)
    return waits.length === 0 ? undefined : { requeueAfterMs: Math.min(...waits) }
  }

  /** Nobody vouches for the node's state any more. */
  async #giveUp(node: Node): Promise<Node> {
    const name = node.metadata.name ?? ''
    const now = formatTime(this.#clock.now())
    const known = node.status?.conditions ?? []
    const conditions = REPORTED.map((type): NodeCondition => {
      const before = known.find(condition => condition.type === type)
      return {
        ...before,
        type,
        status: 'Unknown',
        reason: before === undefined ? 'NodeStatusNeverUpdated' : 'NodeStatusUnknown',
        message:
          before === undefined ? 'Kubelet never posted node status.' : 'Kubelet stopped posting node status.',
        lastTransitionTime: before?.status === 'Unknown' ? (before.lastTransitionTime ?? now) : now,
      }
    })
    this.#loop.log.warn('a node is silent', { node: name })
    this.#loop.events.record(node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`)
    // The version makes a report that comes in the same moment win.
    const { resourceVersion } = node.metadata
    return await this.#client.patch(
      Kinds.Node,
      name,
      { type: 'strategic', body: { metadata: { resourceVersion }, status: { conditions } } },
      { subresource: 'status' },
    )
  }

  /** Whatever they are, nobody can reach them: they must not count as ready. */
  async #markPodsNotReady(node: string): Promise<void> {
    const pods = this.#pods.byIndex(NODE_INDEX, node).filter(pod => isPodReady(pod) && !isPodTerminal(pod))
    await Promise.all(pods.map(pod => this.#markNotReady(pod)))
  }

  async #markNotReady(pod: Pod): Promise<void> {
    const { name = '', namespace = '', uid } = pod.metadata
    const lastTransitionTime = formatTime(this.#clock.now())
    const body = {
      metadata: { uid },
      status: { conditions: [{ type: 'Ready', status: 'False', lastTransitionTime }] },
    }
    const marked = await ifFound(
      this.#client.patch(Kinds.Pod, name, { type: 'strategic', body }, { namespace, subresource: 'status' }),
    )
    if (marked !== undefined) this.#loop.events.record(pod, 'Warning', 'NodeNotReady', 'Node is not ready')
  }

  /** Returns how long to wait until the node may begin to lose its pods; undefined when there is nothing to wait for. */
  async #taint(node: Node): Promise<number | undefined> {
    const nodes = this.#nodes.list().map(one => (one.metadata.name === node.metadata.name ? node : one))
    let evict = isEvicting(node) && !isAllDown(nodes)
    let waitMs: number | undefined
    if (isLost(node) && !evict) {
      waitMs = this.#rate.waitMs(node, nodes)
      evict = waitMs === 0
    }
    const taints = nextTaints(node, evict, this.#clock.now())
    if (taints !== undefined) {
      const { name = '', resourceVersion } = node.metadata
      const body = { metadata: { resourceVersion }, spec: { taints } }
      try {
        await this.#client.patch(Kinds.Node, name, { type: 'merge', body })
      } catch (error) {
        if (waitMs === 0) this.#rate.giveBack(node)
        throw error
      }
    }
    return waitMs
  }
}
