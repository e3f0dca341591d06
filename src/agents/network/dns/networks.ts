import { BowlineError, parseIpv4, parseSubnet, type Subnet, sizeOf } from '../../../base/index.ts'

/** Ranges of addresses, asked for every query: Node's own `BlockList` takes longer than the rest of an answer. */
export class Networks {
  readonly #subnets: readonly Subnet[]

  /** Throws `bad-config` for what is no IPv4 range. */
  constructor(ranges: readonly string[]) {
    this.#subnets = ranges.map(range => {
      const subnet = parseSubnet(range)
      if (subnet !== undefined) return subnet
      throw new BowlineError('bad-config', `Cannot use the range "${range}": it is no IPv4 network`)
    })
  }

  includes(address: string): boolean {
    const number = parseIpv4(address)
    if (number === undefined) return false
    return this.#subnets.some(subnet => number >= subnet.base && number < subnet.base + sizeOf(subnet))
  }
}
