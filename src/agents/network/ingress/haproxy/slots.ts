import type { BackendEndpoint } from '../endpoints.ts'
import type { BackendProtocol, ProxyBackend } from '../model.ts'

/** One server line of a backend. Endpoints come and go by its address and state, without a reload. */
export interface Slot {
  readonly address: string
  readonly port: number
  /** `free`: in maintenance; what its address was is kept for the connections that still end there. */
  readonly state: 'ready' | 'draining' | 'free'
}

/** The servers of a backend as they are, or are to be. */
export interface ServerGroup {
  readonly protocol: BackendProtocol
  readonly slots: readonly Slot[]
}

export const NOWHERE: Slot = { address: '127.0.0.1', port: 1, state: 'free' }

const MIN_SLOTS = 8

/**
 * Puts the endpoints of a backend into servers. Who has a place keeps it. Where the servers at hand do not do, because there are too
 * few or because they speak another protocol, the answer is a new group, which takes a reload.
 */
export function assignSlots(
  { protocol, endpoints }: ProxyBackend,
  current: ServerGroup | undefined,
): ServerGroup {
  if (current === undefined || current.protocol !== protocol || current.slots.length < endpoints.length)
    return {
      protocol,
      slots: place(
        endpoints,
        Array.from({ length: slotCount(endpoints.length) }, () => NOWHERE),
      ),
    }
  return { protocol, slots: place(endpoints, current.slots) }
}

/** True when no change of addresses and states makes one of the other. */
export function differsInStructure(a: ServerGroup, b: ServerGroup): boolean {
  return a.protocol !== b.protocol || a.slots.length !== b.slots.length
}

/** Half as many again as there are endpoints, so that a rolling update has its place. */
function slotCount(endpoints: number): number {
  return Math.max(MIN_SLOTS, 2 ** Math.ceil(Math.log2(Math.max(1, endpoints * 1.5))))
}

function place(endpoints: readonly BackendEndpoint[], current: readonly Slot[]): readonly Slot[] {
  const waiting = new Map(endpoints.map(endpoint => [keyOf(endpoint), endpoint]))
  const slots: Slot[] = current.map(slot => {
    const kept = waiting.get(keyOf(slot))
    if (kept === undefined) return { ...slot, state: 'free' as const }
    waiting.delete(keyOf(slot))
    return kept
  })
  // What was never used first: old connections of another may still be about.
  const free = slots.flatMap(({ state }, index) => (state === 'free' ? [index] : []))
  free.sort((a, b) => Number(isUsed(slots[a])) - Number(isUsed(slots[b])) || a - b)
  for (const endpoint of waiting.values()) {
    const index = free.shift()
    if (index !== undefined) slots[index] = endpoint
  }
  return slots
}

function isUsed(slot: Slot | undefined): boolean {
  return slot !== undefined && keyOf(slot) !== keyOf(NOWHERE)
}

function keyOf({ address, port }: Pick<Slot, 'address' | 'port'>): string {
  return `${address} ${port}`
}
