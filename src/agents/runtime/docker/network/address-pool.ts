import { createHash } from 'node:crypto'
import { BowlineError, sizeOf } from '../../../../base/index.ts'
import type { PodNetwork } from './pod-network.ts'

/**
 * Picks addresses for sandboxes from the part of the subnet that the engine does not hand out. Agents of one engine
 * start at different places and go round, so that they seldom try the same one and no address is used again soon; who
 * really has an address is decided by `isTaken` and by making its interface.
 */
export class AddressPool {
  readonly #first: number
  readonly #count: number
  readonly #isTaken: (address: number) => boolean
  /** Picked, and its interface perhaps not made yet. */
  readonly #pending = new Set<number>()
  #next: number

  constructor(network: PodNetwork, seed: string, isTaken: (address: number) => boolean) {
    const size = sizeOf(network.subnet)
    const engineSize = sizeOf(network.engineRange)
    this.#first = network.engineRange.base + engineSize
    // Without the broadcast address.
    this.#count = size - engineSize - 1
    this.#isTaken = isTaken
    this.#next = createHash('sha256').update(seed).digest().readUInt32BE(0) % this.#count
  }

  /** The caller gives it back with `release` once its interface exists or never will. */
  pick(): number {
    for (let tried = 0; tried < this.#count; tried += 1) {
      const address = this.#first + this.#next
      this.#next = (this.#next + 1) % this.#count
      if (this.#pending.has(address) || this.#isTaken(address)) continue
      this.#pending.add(address)
      return address
    }
    throw new BowlineError('unavailable', `Cannot give the pod an address: all ${this.#count} are in use`, {
      retryable: true,
    })
  }

  release(address: number): void {
    this.#pending.delete(address)
  }
}
