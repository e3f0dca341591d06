import { type Clock, deepEqual, type Ids, jittered, type Logger, messageOf } from '../../base/index.ts'
import type { Client } from '../../client/index.ts'
import {
  isAlreadyExists,
  isNodeRemoved,
  isNotFound,
  Kinds,
  type Node,
  type NodeStatus,
} from '../../kube/index.ts'
import { measureMachine } from './machine.ts'
import { type NodeFacts, newNode, nodeLabels, nodeStatus } from './node-object.ts'

export interface NodeReporterOptions {
  readonly client: Client
  /** Asked each time: an engine that comes late, or comes back changed, is told of. Undefined while there is none. */
  readonly facts: () => NodeFacts
  /** Why no container can be started; undefined when all is well. */
  readonly problem: () => string | undefined
  /** Why no pod can have a network; undefined when they can. */
  readonly networkProblem: () => string | undefined
  /** Whether memory or disk of the host run short. */
  readonly hasPressure: (type: 'MemoryPressure' | 'DiskPressure') => boolean
  readonly dataDir: string
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/** How often it looks, and how often it tells though nothing has changed (kubelet: 10 s and 5 min). */
const LOOK_EVERY_MS = 10_000
const TELL_EVERY_MS = 5 * 60_000
const RETRY_MS = 1000

/** Registers this node and keeps its Node's labels and status true. Throws what `isNodeRemoved` knows when the node was removed. */
export class NodeReporter {
  readonly #options: NodeReporterOptions
  #node: Node | undefined
  #toldAt = 0
  #wake: (() => void) | undefined
  /** A nudge that came during a look: what it is about may have been read before. */
  #isNudged = false

  constructor(options: NodeReporterOptions) {
    this.#options = options
  }

  /** The Node as the server has it; undefined before it is registered. */
  get node(): Node | undefined {
    return this.#node
  }

  /** Looks again at once: something has changed. */
  nudge(): void {
    this.#isNudged = true
    this.#wake?.()
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, ids, log } = this.#options
    let failures = 0
    while (!signal.aborted) {
      let waitMs = jittered(LOOK_EVERY_MS, 0.04, ids.random())
      this.#isNudged = false
      try {
        await this.#report(signal)
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        if (isNodeRemoved(error)) throw error
        failures += 1
        // A server may be away for days.
        if (failures === 1) log.warn('the node status was not written', { error: messageOf(error) })
        waitMs = jittered(RETRY_MS, 0.5, ids.random())
      }
      await this.#pause(waitMs, clock, signal)
    }
  }

  async #report(signal: AbortSignal): Promise<void> {
    const { client, facts: factsOf, problem, networkProblem, hasPressure, dataDir, clock } = this.#options
    const facts = factsOf()
    this.#node = await this.#look(facts, signal)
    const measured = await measureMachine(dataDir)
    const network = networkProblem()
    const health = {
      ...measured,
      networkProblem: network,
      // As kubelet says it: no pod is sent to a node that could not give it a network.
      problem: problem() ?? (network && `container runtime network not ready: ${network}`),
      memoryPressure: hasPressure('MemoryPressure'),
      diskPressure: hasPressure('DiskPressure'),
    }
    const now = clock.now()
    const status = nodeStatus(facts, health, this.#node.status, now)
    const isNews = !deepEqual(withoutHeartbeat(status), withoutHeartbeat(this.#node.status ?? {}))
    if (!isNews && now - this.#toldAt < TELL_EVERY_MS) return
    try {
      const body = { status: { ...status, addresses: [...(status.addresses ?? []), { $patch: 'replace' }] } }
      const options = { subresource: 'status', signal }
      this.#node = await client.patch(Kinds.Node, facts.nodeName, { type: 'strategic', body }, options)
      this.#toldAt = now
    } catch (error) {
      // Somebody deleted the Node: the next look registers it anew.
      if (isNotFound(error)) this.#node = undefined
      throw error
    }
  }

  /**
   * The Node as the server has it now, registered when it is not there. It is read each time (as kubelet does): what others wrote
   * meanwhile, such as that the node is lost, has to be put right as soon as the server is reached again.
   */
  async #look(facts: NodeFacts, signal: AbortSignal): Promise<Node> {
    try {
      const node = await this.#options.client.get(Kinds.Node, facts.nodeName, { signal })
      return this.#node === undefined ? await this.#label(node, facts, signal) : node
    } catch (error) {
      if (!isNotFound(error)) throw error
      return this.#register(facts, signal)
    }
  }

  async #register(facts: NodeFacts, signal: AbortSignal): Promise<Node> {
    const { client, log } = this.#options
    try {
      const node = await client.create(Kinds.Node, newNode(facts), { signal })
      log.info('node registered', { node: facts.nodeName })
      return node
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
    }
    return this.#label(await client.get(Kinds.Node, facts.nodeName, { signal }), facts, signal)
  }

  async #label(known: Node, facts: NodeFacts, signal: AbortSignal): Promise<Node> {
    const { client } = this.#options
    const labels = nodeLabels(facts)
    const missing = Object.entries(labels).some(([key, value]) => known.metadata.labels?.[key] !== value)
    if (!missing) return known
    const body = { metadata: { labels } }
    return client.patch(Kinds.Node, facts.nodeName, { type: 'merge', body }, { signal })
  }

  async #pause(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    if (this.#isNudged) woken.abort()
    await clock.sleep(ms, AbortSignal.any([signal, woken.signal])).catch(() => {})
    this.#wake = undefined
  }
}

/** What is worth telling: a heartbeat alone is the lease's business. Compared are the fields that the agent writes. */
function withoutHeartbeat(status: NodeStatus): unknown {
  const { capacity, allocatable, addresses, nodeInfo, conditions = [] } = status
  const own = conditions.filter(({ type }) => OWN_CONDITIONS.has(type))
  const verdicts = own.map(({ type, status: value, reason, message }) => [type, value, reason, message])
  return JSON.parse(JSON.stringify({ capacity, allocatable, addresses, nodeInfo, verdicts: verdicts.sort() }))
}

const OWN_CONDITIONS: ReadonlySet<string> = new Set([
  'MemoryPressure',
  'DiskPressure',
  'PIDPressure',
  'NetworkUnavailable',
  'Ready',
])
