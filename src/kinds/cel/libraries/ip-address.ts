import { parseIpv4 } from '../../../base/index.ts'
import { isIPv4, isIPv6 } from '../../validation/addresses.ts'
import type { Comparable } from './library.ts'

/** An address as a number of 32 or 128 bits (Go `netip.Addr`); no zones, and no IPv4 addresses in IPv6. */
export class IpAddress implements Comparable {
  readonly family: 4 | 6
  readonly bits: bigint

  constructor(family: 4 | 6, bits: bigint) {
    this.family = family
    this.bits = bits
  }

  /** The address, or a `RangeError` in upstream's words. */
  static parse(text: string): IpAddress {
    const quoted = JSON.stringify(text)
    if (isIPv4(text)) return new IpAddress(4, BigInt(parseIpv4(text) ?? 0))
    const zone = text.indexOf('%')
    if (zone > 0 && zone < text.length - 1 && isIPv6(text.slice(0, zone)))
      throw new RangeError(`IP address ${quoted} with zone value is not allowed`)
    if (!isIPv6(text))
      throw new RangeError(
        `IP Address ${quoted} parse error during conversion from string: ParseAddr(${quoted}): unable to parse IP`,
      )
    const bits = ipv6Bits(text)
    if (bits >> 32n === 0xffffn) throw new RangeError(`IPv4-mapped IPv6 address ${quoted} is not allowed`)
    return new IpAddress(6, bits)
  }

  get size(): number {
    return this.family === 4 ? 32 : 128
  }

  get isUnspecified(): boolean {
    return this.bits === 0n
  }

  get isLoopback(): boolean {
    return this.family === 4 ? this.bits >> 24n === 127n : this.bits === 1n
  }

  get isMulticast(): boolean {
    return this.family === 4 ? this.bits >> 28n === 0xen : this.bits >> 120n === 0xffn
  }

  get isLinkLocalMulticast(): boolean {
    if (this.family === 4) return this.bits >> 8n === 0xe00000n
    return this.isMulticast && ((this.bits >> 112n) & 0xfn) === 2n
  }

  get isLinkLocalUnicast(): boolean {
    return this.family === 4 ? this.bits >> 16n === 0xa9fen : this.bits >> 118n === 0x3fan
  }

  get isGlobalUnicast(): boolean {
    if (this.family === 4 && this.bits === 0xffffffffn) return false
    return !this.isUnspecified && !this.isLoopback && !this.isMulticast && !this.isLinkLocalUnicast
  }

  equals(other: unknown): boolean {
    return other instanceof IpAddress && other.family === this.family && other.bits === this.bits
  }

  /** The one canonical text (RFC 5952). */
  toString(): string {
    return this.family === 4 ? ipv4Text(this.bits) : ipv6Text(this.bits)
  }
}

function ipv6Bits(text: string): bigint {
  const tail = text.slice(text.lastIndexOf(':') + 1)
  const inGroups = tail.includes('.')
    ? text.slice(0, text.length - tail.length) + groupsOf(BigInt(parseIpv4(tail) ?? 0))
    : text
  const [head = [], rest] = inGroups.split('::').map(half => (half === '' ? [] : half.split(':')))
  const zeros = rest === undefined ? [] : Array.from({ length: 8 - head.length - rest.length }, () => '0')
  return [...head, ...zeros, ...(rest ?? [])].reduce(
    (bits, group) => (bits << 16n) | BigInt(`0x${group}`),
    0n,
  )
}

function groupsOf(ipv4: bigint): string {
  return `${(ipv4 >> 16n).toString(16)}:${(ipv4 & 0xffffn).toString(16)}`
}

function ipv4Text(bits: bigint): string {
  return [24n, 16n, 8n, 0n].map(shift => (bits >> shift) & 0xffn).join('.')
}

function ipv6Text(bits: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => (bits >> BigInt(112 - 16 * index)) & 0xffffn)
  const zeros = longestZeros(groups)
  const text = (part: readonly bigint[]): string => part.map(group => group.toString(16)).join(':')
  // A single group of zeros stands as it is.
  if (zeros.length < 2) return text(groups)
  return `${text(groups.slice(0, zeros.start))}::${text(groups.slice(zeros.start + zeros.length))}`
}

/** The first of the longest runs of groups of zeros. */
function longestZeros(groups: readonly bigint[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 }
  for (let start = 0; start < groups.length; start += 1) {
    let length = 0
    while (groups[start + length] === 0n) length += 1
    if (length > best.length) best = { start, length }
  }
  return best
}
