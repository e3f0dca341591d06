import { IpAddress } from './ip-address.ts'
import type { Comparable } from './library.ts'

/** An address with the length of its network's prefix (Go `netip.Prefix`); the address may have bits beyond the prefix. */
export class IpNetwork implements Comparable {
  readonly address: IpAddress
  readonly prefix: number

  constructor(address: IpAddress, prefix: number) {
    this.address = address
    this.prefix = prefix
  }

  /** The network, or a `RangeError` in upstream's words. */
  static parse(text: string): IpNetwork {
    const slash = text.lastIndexOf('/')
    if (slash < 0) throw parseError(text, 'no "/"')
    if (text.includes('%')) throw parseError(text, 'IPv6 zones cannot be present in a prefix')
    let address: IpAddress
    try {
      address = IpAddress.parse(text.slice(0, slash))
    } catch (error) {
      if (error instanceof RangeError && error.message.startsWith('IPv4-mapped'))
        throw new RangeError(`IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`)
      throw parseError(text, 'unable to parse IP')
    }
    const length = text.slice(slash + 1)
    if (!/^(0|[1-9]\d{0,2})$/.test(length)) throw parseError(text, 'bad bits after slash')
    if (Number(length) > address.size) throw parseError(text, 'prefix length out of range')
    return new IpNetwork(address, Number(length))
  }

  get masked(): IpNetwork {
    const { family, bits } = this.address
    return new IpNetwork(new IpAddress(family, (bits >> this.#hostBits) << this.#hostBits), this.prefix)
  }

  containsAddress({ family, bits }: IpAddress): boolean {
    return family === this.address.family && bits >> this.#hostBits === this.address.bits >> this.#hostBits
  }

  containsNetwork(other: IpNetwork): boolean {
    return other.prefix >= this.prefix && this.containsAddress(other.address)
  }

  equals(other: unknown): boolean {
    return other instanceof IpNetwork && other.prefix === this.prefix && this.address.equals(other.address)
  }

  toString(): string {
    return `${this.address}/${this.prefix}`
  }

  get #hostBits(): bigint {
    return BigInt(this.address.size - this.prefix)
  }
}

function parseError(text: string, why: string): RangeError {
  return new RangeError(
    `network address parse error during conversion from string: netip.ParsePrefix(${JSON.stringify(text)}): ${why}`,
  )
}
