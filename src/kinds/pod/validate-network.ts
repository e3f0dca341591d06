import type { HostAlias, PodSpec } from '../../kube/generated/types.ts'
import { dnsSubdomainProblems } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import { addressProblems } from '../validation/addresses.ts'
import type { Problems } from '../validation/problems.ts'

const MAX_NAMESERVERS = 3
const MAX_SEARCHES = 32
const MAX_SEARCH_CHARACTERS = 2048

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
    problems.invalidEach(`${at}.nameservers[${index}]`, address, addressProblems(address))
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
    problems.invalidEach(`${path}[${index}].ip`, ip, addressProblems(ip))
    hostnames.forEach((name, number) => {
      problems.invalidEach(`${path}[${index}].hostnames[${number}]`, name, dnsSubdomainProblems(name))
    })
  })
}
