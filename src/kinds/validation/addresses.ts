import { parseIpv4 } from '../../base/index.ts'

const NOT_AN_ADDRESS = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
const NOT_A_NETWORK = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'

/** apimachinery `IsValidIP`. */
export function addressProblems(text: string): readonly string[] {
  return isAddress(text) ? [] : [NOT_AN_ADDRESS]
}

/** apimachinery `IsValidIPv4Address`. */
export function ipv4Problems(text: string): readonly string[] {
  return isIPv4(text) ? [] : ['must be a valid IPv4 address']
}

/** apimachinery `IsValidIPv6Address`. */
export function ipv6Problems(text: string): readonly string[] {
  return isIPv6(text) ? [] : ['must be a valid IPv6 address']
}

/** apimachinery `IsValidCIDR`. */
export function networkProblems(text: string): readonly string[] {
  const [address = '', prefix = '', ...rest] = text.split('/')
  const longest = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1
  return rest.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= longest ? [] : [NOT_A_NETWORK]
}

/** kubernetes `ValidateNonSpecialIP`: an address that other machines can be reached by. */
export function specialAddressProblems(text: string): readonly string[] {
  const problems = [...unusableAddressProblems(text)]
  const number = parseIpv4(text)
  const first = number === undefined ? undefined : Math.floor(number / 2 ** 24)
  if (first === 127 || isLoopback(text))
    problems.push('may not be in the loopback range (127.0.0.0/8, ::1/128)')
  return problems
}

/** The same but for loopback addresses: pods that are processes of their host have those. */
export function unusableAddressProblems(text: string): readonly string[] {
  const problems: string[] = []
  const number = parseIpv4(text)
  const firstTwo = number === undefined ? undefined : Math.floor(number / 2 ** 16)
  if (number === 0 || isZero(text)) problems.push(`may not be unspecified (${text})`)
  if (firstTwo === (169 << 8) + 254 || /^fe[89ab][0-9a-f]:/i.test(text))
    problems.push('may not be in the link-local range (169.254.0.0/16, fe80::/10)')
  if ((number !== undefined && Math.floor(number / 2 ** 8) === 224 << 16) || /^ff02:/i.test(text))
    problems.push('may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)')
  return problems
}

/** An IPv4 or IPv6 address in one of its usual texts. */
export function isAddress(text: string): boolean {
  return isIPv4(text) || isIPv6(text)
}

export function isIPv4(text: string): boolean {
  const parts = text.split('.')
  return parts.length === 4 && parts.every(part => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
}

export function isIPv6(text: string): boolean {
  if (!text.includes(':') || text.length > 45) return false
  const lastColon = text.lastIndexOf(':')
  const tail = text.slice(lastColon + 1)
  // An IPv4 address may stand for the last two groups.
  const groups = tail.includes('.') ? (isIPv4(tail) ? `${text.slice(0, lastColon)}:0:0` : '') : text
  const halves = groups.split('::')
  if (groups === '' || halves.length > 2) return false
  const count = halves.flatMap(half => (half === '' ? [] : half.split(':')))
  if (!count.every(group => /^[0-9a-fA-F]{1,4}$/.test(group))) return false
  return halves.length === 2 ? count.length <= 7 : count.length === 8
}

/** `::` in any of its texts. */
function isZero(text: string): boolean {
  return text.includes(':') && /^[0:]+$/.test(text)
}

/** `::1` in any of its texts. */
function isLoopback(text: string): boolean {
  return text.includes(':') && /^[0:]+:0{0,3}1$/.test(text)
}
