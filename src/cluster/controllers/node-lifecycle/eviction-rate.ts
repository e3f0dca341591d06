import type { Clock } from '../../../base/index.ts'
import type { Node } from '../../../kube/index.ts'
import { conditionStatus } from './node-taints.ts'

/** kube-controller-manager's defaults: nodes per second that may begin to lose their pods, and when a zone counts as unhealthy. */
const RATE = 0.1
const SECONDARY_RATE = 0.01
const LARGE_ZONE = 50
const UNHEALTHY_SHARE = 0.55
/** So few lost nodes are no disruption of a zone, whatever their share. */
const FEW_NODES = 2

/**
 * How fast nodes may begin to lose their pods, for each zone: one in ten seconds; one in a hundred, or none in a zone of 50 nodes
 * or fewer, when 55 % of it (and at least three nodes) are not ready; none at all when no node anywhere is ready, for then it
 * is likely the server that is cut off.
 */
export class EvictionRate {
  readonly #clock: Clock
  readonly #nextAt = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How long until `node` may begin to lose its pods: 0 now (which counts), undefined not as things are. */
  waitMs(node: Node, nodes: readonly Node[]): number | undefined {
    const rate = rateFor(node, nodes)
    if (rate === 0) return undefined
    const zone = zoneOf(node)
    const now = this.#clock.now()
    const wait = (this.#nextAt.get(zone) ?? 0) - now
    if (wait > 0) return wait
    this.#nextAt.set(zone, now + 1000 / rate)
    return 0
  }

  /** The node did not begin after all: its turn is free for the next try. */
  giveBack(node: Node): void {
    this.#nextAt.delete(zoneOf(node))
  }
}

/** Whether no node at all is ready. */
export function isAllDown(nodes: readonly Node[]): boolean {
  return nodes.every(node => !isReady(node))
}

function rateFor(node: Node, nodes: readonly Node[]): number {
  if (isAllDown(nodes)) return 0
  const zone = zoneOf(node)
  const members = nodes.filter(one => zoneOf(one) === zone)
  const lost = members.filter(one => !isReady(one)).length
  const isPartial = lost < members.length && lost > FEW_NODES && lost / members.length >= UNHEALTHY_SHARE
  if (!isPartial) return RATE
  return members.length > LARGE_ZONE ? SECONDARY_RATE : 0
}

function isReady(node: Node): boolean {
  return conditionStatus(node, 'Ready') === 'True'
}

function zoneOf({ metadata }: Node): string {
  const { labels = {} } = metadata
  return `${labels['topology.kubernetes.io/region'] ?? ''}/${labels['topology.kubernetes.io/zone'] ?? ''}`
}
