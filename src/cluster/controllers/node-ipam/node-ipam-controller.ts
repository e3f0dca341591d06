import { BowlineError, deepEqual, overlaps, parseSubnet, type Service } from '../../../base/index.ts'
import { type Client, type Informer, ifFound } from '../../../client/index.ts'
import {
  DEFAULT_NETWORK,
  Kinds,
  type Node,
  type NodeNetwork,
  networkAnnotations,
  nodeNetworkOf,
} from '../../../kube/index.ts'
import { ControlLoop, type ControllerContext } from '../control-loop.ts'
import { RangePool } from './range-pool.ts'

const NAME = 'node-ipam-controller'
/** The index of nodes by the ranges of their pods. */
const RANGE_INDEX = 'podCIDR'
/** Smaller than this a node has no room for its own address and a pod. */
const LONGEST_PREFIX = 30
/** kubernetes `pkg/controller/nodeipam/ipam/cidrset`: more parts than 2^16 are refused. */
const MOST_BITS = 16

export interface NodeIpamOptions extends Partial<NodeNetwork> {
  /** The prefix of the part of the pod range that each node gets. Default 24, as upstream's `--node-cidr-mask-size`. */
  readonly nodeMaskSize?: number
}

/**
 * Gives each Node a part of the pods' range, which it keeps until it is deleted, and tells it by annotations what is the same on
 * every node. What is taken is read from the Nodes themselves, so that neither a restart nor a crash gives a part twice.
 */
export class NodeIpamController implements Service {
  readonly #client: Client
  readonly #loop: ControlLoop
  readonly #nodes: Informer<Node>
  readonly #network: NodeNetwork
  readonly #pool: RangePool
  /** What each Node without a range was promised: an attempt that failed halfway is repeated with the same. */
  readonly #promised = new Map<string, string>()
  /** The uids of the Nodes about whose trouble an event was written. */
  readonly #complained = new Set<string>()

  /** Throws when the ranges make no sense. */
  constructor(context: ControllerContext, options: NodeIpamOptions = {}) {
    const { nodeMaskSize = 24, ...network } = options
    this.#client = context.client
    this.#network = { ...DEFAULT_NETWORK, ...network }
    this.#pool = createPool(this.#network, nodeMaskSize)
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key) })
    this.#nodes = this.#loop.follow(
      Kinds.Node,
      {
        added: node => this.#nodeSeen(node),
        updated: (node, previous) => {
          // Nodes tell of themselves all the time, and only this concerns the network.
          if (!deepEqual(concern(node), concern(previous))) this.#nodeSeen(node)
        },
        deleted: node => this.#nodeGone(node),
      },
      { [RANGE_INDEX]: rangesOf },
    )
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  #nodeSeen(node: Node): void {
    const name = node.metadata.name ?? ''
    if (rangesOf(node).length > 0) {
      this.#pool.occupy(name, rangesOf(node))
      this.#promised.delete(name)
    }
    this.#loop.add(name)
  }

  #nodeGone({ metadata }: Node): void {
    const name = metadata.name ?? ''
    this.#pool.release(name)
    this.#promised.delete(name)
    this.#complained.delete(metadata.uid ?? '')
    // What it had may be what another waits for.
    for (const node of this.#nodes.list()) if (rangesOf(node).length === 0) this.#loop.enqueue(node)
  }

  async #reconcile(name: string): Promise<void> {
    const node = this.#nodes.get(name)
    if (node === undefined) return
    const ranges = rangesOf(node)
    if (ranges.length > 0) this.#check(node, ranges)
    const podCIDRs = ranges.length > 0 ? ranges : this.#promise(node)
    const isWritten = podCIDRs.length === 0 || (node.spec?.podCIDRs ?? []).length > 0
    if (isWritten && deepEqual(nodeNetworkOf(node), this.#network)) return
    const body = {
      // Of another Node of the same name nothing was promised.
      metadata: { uid: node.metadata.uid, annotations: networkAnnotations(this.#network) },
      // Of two writers the first wins: a range that is there cannot be changed.
      ...(isWritten ? {} : { spec: { podCIDR: podCIDRs[0], podCIDRs } }),
    }
    await ifFound(this.#client.patch(Kinds.Node, name, { type: 'merge', body }))
  }

  /** The range for a Node that has none; empty when all are taken. */
  #promise(node: Node): readonly string[] {
    const name = node.metadata.name ?? ''
    const range = this.#promised.get(name) ?? this.#pool.take(name)
    if (range === undefined) {
      const why = `Cannot give node ${name} a range for its pods: ${this.#network.podCidr} is used up`
      this.#complain(node, 'CIDRNotAvailable', why)
      return []
    }
    this.#promised.set(name, range)
    return [range]
  }

  /** A range that somebody chose by hand is let be, and said to be wrong where it is. */
  #check(node: Node, ranges: readonly string[]): void {
    const name = node.metadata.name ?? ''
    const other = ranges
      .flatMap(range => this.#nodes.byIndex(RANGE_INDEX, range))
      .find(one => one.metadata.name !== name)
    const within = parseSubnet(this.#network.podCidr)
    const isOutside = ranges.every(text => {
      const range = parseSubnet(text)
      return range === undefined || within === undefined || !overlaps(range, within)
    })
    if (other !== undefined)
      this.#complain(
        node,
        'CIDRConflict',
        `The pods of node ${name} have the range ${ranges.join(', ')}, which node ${other.metadata.name} has, too`,
      )
    else if (isOutside)
      this.#complain(
        node,
        'CIDROutOfRange',
        `The pods of node ${name} have the range ${ranges.join(', ')}, which is not in the cluster's ${this.#network.podCidr}`,
      )
  }

  #complain(node: Node, reason: string, message: string): void {
    const uid = node.metadata.uid ?? ''
    if (this.#complained.has(uid)) return
    this.#complained.add(uid)
    this.#loop.events.record(node, 'Warning', reason, message)
    this.#loop.log.warn('the range of a node is in question', { node: node.metadata.name, reason })
  }
}

function createPool(network: NodeNetwork, prefix: number): RangePool {
  const within = parseSubnet(network.podCidr)
  const services = parseSubnet(network.serviceCidr)
  if (within === undefined) throw unusable('the range of pods', network.podCidr, 'it is no IPv4 range')
  if (services === undefined)
    throw unusable('the range of services', network.serviceCidr, 'it is no IPv4 range')
  if (!(prefix >= within.prefix && prefix <= Math.min(LONGEST_PREFIX, within.prefix + MOST_BITS)))
    throw unusable('the range of pods', network.podCidr, `it cannot be divided into parts of /${prefix}`)
  return new RangePool({ within, prefix, except: [services] })
}

function unusable(what: string, range: string, why: string): BowlineError {
  return new BowlineError('bad-config', `Cannot use "${range}" as ${what}: ${why}`)
}

function rangesOf({ spec }: Node): readonly string[] {
  const { podCIDR = '', podCIDRs = [] } = spec ?? {}
  return [...new Set([podCIDR, ...podCIDRs])].filter(range => range !== '')
}

function concern(node: Node): unknown {
  return [node.spec?.podCIDR ?? null, node.spec?.podCIDRs ?? null, nodeNetworkOf(node) ?? null]
}
