import { isIPv4 } from 'node:net'

/** A name for comparing: lower case, without the final dot. */
export function canonicalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}

/** Whether a message can carry the name: labels of 1 to 63 bytes, 255 bytes with their lengths. */
export function isWireName(name: string): boolean {
  const text = name.replace(/\.$/, '')
  return text.length <= 253 && text.split('.').every(label => label.length > 0 && label.length <= 63)
}

/** The address that a name such as `4.3.2.1.in-addr.arpa` is the reverse of. */
export function reversedAddress(name: string): string | undefined {
  if (!name.endsWith('.in-addr.arpa')) return undefined
  const address = name.slice(0, -'.in-addr.arpa'.length).split('.').reverse().join('.')
  return isIPv4(address) ? address : undefined
}

/** The address that a label such as `1-2-3-4` spells. */
export function dashedAddress(label: string): string | undefined {
  const address = label.replaceAll('-', '.')
  return /^\d+-\d+-\d+-\d+$/.test(label) && isIPv4(address) ? address : undefined
}
