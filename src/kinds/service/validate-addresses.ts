import type { Service } from '../../kube/generated/types.ts'
import { addressProblems, isIPv6 } from '../validation/addresses.ts'
import type { Problems } from '../validation/problems.ts'
import { type AnySpec, hasClusterIp, isHeadless, NO_ADDRESS, specOf } from './service-type.ts'

const FAMILIES = ['IPv4', 'IPv6']
const UNCHANGING = 'may not change once set'

/**
 * `clusterIP`, `clusterIPs` and `ipFamilies`: each good, and in agreement (kubernetes `ValidateServiceClusterIPsRelatedFields`).
 * Addresses that are to be given are not there yet and are no problem.
 */
export function validateClusterIps(spec: AnySpec, problems: Problems): void {
  if (!hasClusterIp(spec)) return
  const { clusterIP = '', clusterIPs = [], ipFamilies = [] } = spec
  const path = 'spec.clusterIPs'
  if (clusterIP === '') {
    if (clusterIPs.length > 0)
      problems.invalid(path, clusterIPs, 'must be empty when `clusterIP` is not specified')
  } else if (clusterIPs.length === 0) problems.required(path)
  else if (clusterIPs[0] !== clusterIP)
    problems.invalid(path, clusterIPs, 'first value must match `clusterIP`')
  validateFamilies(ipFamilies, problems)
  if (!areAddresses(clusterIPs, path, problems)) return
  if (clusterIPs.length === 2 && isIPv6(clusterIPs[0] ?? '') === isIPv6(clusterIPs[1] ?? ''))
    problems.invalid(path, clusterIPs, 'may specify no more than one IP for each IP family')
  if (isHeadless(spec)) return
  clusterIPs.slice(0, ipFamilies.length).forEach((address, index) => {
    const family = ipFamilies[index]
    if (family !== undefined && FAMILIES.includes(family) && (family === 'IPv6') !== isIPv6(address))
      problems.invalid(
        `${path}[${index}]`,
        address,
        `expected an ${family} value as indicated by \`ipFamilies[${index}]\``,
      )
  })
}

function validateFamilies(families: readonly string[], problems: Problems): void {
  families.forEach((family, index) => {
    const at = `spec.ipFamilies[${index}]`
    if (!FAMILIES.includes(family)) problems.notSupported(at, family, FAMILIES)
    if (families.indexOf(family) < index) problems.duplicate(at, family)
  })
}

/** False when further findings would only confuse. */
function areAddresses(clusterIPs: readonly string[], path: string, problems: Problems): boolean {
  let good = true
  clusterIPs.forEach((address, index) => {
    if (index === 0 && address === NO_ADDRESS) {
      if (clusterIPs.length === 1) return
      good = false
      problems.invalid(path, clusterIPs, "'None' must be the first and only value")
      return
    }
    const found = addressProblems(address)
    if (found.length > 0) good = false
    problems.invalidEach(`${path}[${index}]`, address, found)
  })
  if (clusterIPs.length > 2) problems.invalid(path, clusterIPs, 'may only hold up to 2 values')
  return good
}

/** What was given once stays, as long as the Service has addresses (kubernetes `validateUpgradeDowngradeClusterIPs` and `…IPFamilies`). */
export function validateClusterIpsUpdate(spec: AnySpec, before: Service, problems: Problems): void {
  const old = specOf(before)
  if (!hasClusterIp(spec) || !hasClusterIp(old)) return
  const staysHeadless = isHeadless(spec) && isHeadless(old)
  if (staysHeadless) return
  validateKept(
    { field: 'clusterIPs', unset: 'primary clusterIP can not be unset', secondary: 'clusterIP' },
    spec.clusterIPs ?? [],
    old.clusterIPs ?? [],
    spec,
    problems,
  )
  if (isHeadless(spec) || isHeadless(old)) return
  validateKept(
    { field: 'ipFamilies', unset: 'primary ipFamily can not be unset', secondary: 'ipFamily' },
    spec.ipFamilies ?? [],
    old.ipFamilies ?? [],
    spec,
    problems,
  )
}

function validateKept(
  { field, unset, secondary }: { readonly field: string; readonly unset: string; readonly secondary: string },
  next: readonly string[],
  old: readonly string[],
  { ipFamilyPolicy }: AnySpec,
  problems: Problems,
): void {
  const path = `spec.${field}`
  if (old.length > 0 && next.length === 0) {
    problems.invalid(`${path}[0]`, next, unset)
    return
  }
  const compared = old.length === next.length ? old.length : Math.min(old.length, 1)
  old.slice(0, compared).forEach((value, index) => {
    if (next[index] !== value) problems.invalid(`${path}[${index}]`, next, UNCHANGING)
  })
  if (old.length > next.length && ipFamilyPolicy !== 'SingleStack')
    problems.invalid(
      'spec.ipFamilyPolicy',
      ipFamilyPolicy,
      `must be set to 'SingleStack' when releasing the secondary ${secondary}`,
    )
}
