/** An IPv4 network as numbers: addresses are unsigned 32-bit integers. */
export interface Subnet {
  /** The first address, all host bits zero. */
  readonly base: number
  readonly prefix: number
}

/** `172.18.0.0/16`; host bits are dropped. Undefined for anything else (an IPv6 subnet). */
export function parseSubnet(text: string): Subnet | undefined {
  const [address = '', prefixText = '', ...rest] = text.split('/')
  const number = parseIpv4(address)
  const prefix = Number(prefixText)
  if (number === undefined || !/^\d+$/.test(prefixText) || prefix > 32 || rest.length > 0) return undefined
  const size = 2 ** (32 - prefix)
  return { base: Math.floor(number / size) * size, prefix }
}

export function parseIpv4(text: string): number | undefined {
  const bytes = text.split('.').map(part => (/^\d{1,3}$/.test(part) ? Number(part) : 256))
  if (bytes.length !== 4 || bytes.some(byte => byte > 255)) return undefined
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0)
}

export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map(shift => Math.floor(address / 2 ** shift) % 256).join('.')
}

export function formatSubnet({ base, prefix }: Subnet): string {
  return `${formatIpv4(base)}/${prefix}`
}

export function sizeOf({ prefix }: Subnet): number {
  return 2 ** (32 - prefix)
}

export function containsAddress(subnet: Subnet, address: number): boolean {
  return address >= subnet.base && address < subnet.base + sizeOf(subnet)
}

/** Whether two networks have an address in common: then one holds the other. */
export function overlaps(a: Subnet, b: Subnet): boolean {
  return containsAddress(a, b.base) || containsAddress(b, a.base)
}
