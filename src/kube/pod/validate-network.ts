import type { HostAlias, PodSpec } from '../generated/types.ts'
import type { Draft } from '../kinds/definition.ts'
import { dnsSubdomainProblems } from '../validation/names.ts'
import type { Problems } from '../validation/problems.ts'

const MAX_NAMESERVERS = 3
const MAX_SEARCHES = 32
const MAX_SEARCH_CHARACTERS = 2048
const NOT_AN_ADDRESS = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'

/** `dnsPolicy` and `dnsConfig`. */
export function validateDns(
  { dnsPolicy, dnsConfig }: Draft<PodSpec>,
  path: string,
  problems: Problems,
): void {
  const at = `${path}.dnsConfig`
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {}
  if (dnsPolicy === 'None') {
    if (dnsConfig === undefined) problems.required(at, 'must provide `dnsConfig` when `dnsPolicy` is None')
    else if (nameservers.length === 0)
      problems.required(
        `${at}.nameservers`,
        'must provide at least one DNS nameserver when `dnsPolicy` is None',
      )
  }
  if (nameservers.length > MAX_NAMESERVERS)
    problems.invalid(
      `${at}.nameservers`,
      nameservers,
      `must not have more than ${MAX_NAMESERVERS} nameservers`,
    )
  nameservers.forEach((address, index) => {
    if (!isAddress(address)) problems.invalid(`${at}.nameservers[${index}]`, address, NOT_AN_ADDRESS)
  })
  if (searches.length > MAX_SEARCHES)
    problems.invalid(`${at}.searches`, searches, `must not have more than ${MAX_SEARCHES} search paths`)
  if (searches.join(' ').length > MAX_SEARCH_CHARACTERS) {
    problems.invalid(
      `${at}.searches`,
      searches,
      `must not have more than ${MAX_SEARCH_CHARACTERS} characters (including spaces) in the search list`,
    )
  }
  searches.forEach((search, index) => {
    if (search === '.') return
    const name = search.replace(/\.$/, '').replaceAll('_', '-')
    problems.invalidEach(`${at}.searches[${index}]`, search, dnsSubdomainProblems(name))
  })
  options.forEach(({ name }, index) => {
    if (!name) problems.required(`${at}.options[${index}]`, 'must not be empty')
  })
}

/** Entries of `/etc/hosts`. */
export function validateHostAliases(
  aliases: readonly Draft<HostAlias>[],
  path: string,
  problems: Problems,
): void {
  aliases.forEach(({ ip = '', hostnames = [] }, index) => {
    if (!isAddress(ip)) problems.invalid(`${path}[${index}].ip`, ip, NOT_AN_ADDRESS)
    hostnames.forEach((name, number) => {
      problems.invalidEach(`${path}[${index}].hostnames[${number}]`, name, dnsSubdomainProblems(name))
    })
  })
}

/** An IPv4 or IPv6 address in one of its usual texts. */
export function isAddress(text: string): boolean {
  return isIPv4(text) || isIPv6(text)
}

function isIPv4(text: string): boolean {
  const parts = text.split('.')
  return parts.length === 4 && parts.every(part => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
}

function isIPv6(text: string): boolean {
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
