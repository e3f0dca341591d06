import { BowlineError, containsAddress, formatSubnet, type Subnet, sizeOf } from '../../../base/index.ts'

/**
 * The addresses of one node's range. The first is the range's own name, the second the host's (`.1`), the last is a broadcast
 * address to some programs; pods have the others. It goes round, so that no address is used again soon: peers and name caches
 * that still know its last owner would meet a stranger.
 */
export class AddressRange {
  readonly subnet: Subnet
  /** Addresses with an interface, as last looked at. */
  #present: ReadonlySet<number> = new Set()
  /** Reserved, and their interface not seen yet. */
  readonly #reserved = new Set<number>()
  #next: number

  /** `start` says where it begins: another place after each start of the agent. */
  constructor(subnet: Subnet, start: number) {
    this.subnet = subnet
    this.#next = Math.abs(Math.trunc(start)) % this.#count
  }

  /** The host's own address in it, where its name server listens. */
  get host(): number {
    return this.subnet.base + 1
  }

  /** Throws `unavailable` when all are in use. */
  reserve(): number {
    for (let tried = 0; tried < this.#count; tried += 1) {
      const address = this.subnet.base + 2 + this.#next
      this.#next = (this.#next + 1) % this.#count
      if (this.#present.has(address) || this.#reserved.has(address)) continue
      this.#reserved.add(address)
      return address
    }
    throw new BowlineError(
      'unavailable',
      `Cannot give the pod an address: all ${this.#count} of ${formatSubnet(this.subnet)} are in use`,
      { retryable: true },
    )
  }

  has(address: number): boolean {
    return containsAddress(this.subnet, address)
  }

  /** What a look at the host's interfaces showed. */
  setPresent(addresses: ReadonlySet<number>): void {
    this.#present = addresses
    for (const address of addresses) this.#reserved.delete(address)
  }

  release(address: number): void {
    this.#reserved.delete(address)
    if (!this.#present.has(address)) return
    const rest = new Set(this.#present)
    rest.delete(address)
    this.#present = rest
  }

  get #count(): number {
    return sizeOf(this.subnet) - 3
  }
}
