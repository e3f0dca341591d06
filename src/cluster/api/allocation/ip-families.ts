import { deepEqual } from '../../../base/index.ts'
import {
  type FieldProblem,
  hasClusterIp,
  isHeadless,
  Problems,
  validateClusterIps,
} from '../../../kinds/index.ts'
import type { Service, ServiceSpec } from '../../../kube/index.ts'

/** The one family of this cluster's services. */
const FAMILY = 'IPv4'
const OTHER = 'IPv6'
const POLICY = 'spec.ipFamilyPolicy'

type Answer = { readonly spec: ServiceSpec } | { readonly problems: readonly FieldProblem[] }

/**
 * A Service's `ipFamilyPolicy` and `ipFamilies` in a cluster that has IPv4 addresses for services, or why they cannot be what they
 * are said to be (kubernetes `pkg/registry/core/service/storage/alloc.go`, `initIPFamilyFields`).
 */
export function completeFamilies(given: ServiceSpec, old: Service | undefined): Answer {
  if (!hasClusterIp(given)) return { spec: given }
  const problems = new Problems()
  validateClusterIps(given, problems)
  if (problems.list.length > 0) return { problems: problems.list }
  const isNameOnly = isHeadless(given) && Object.keys(given.selector ?? {}).length === 0
  const policy =
    given.ipFamilyPolicy ?? old?.spec?.ipFamilyPolicy ?? (isNameOnly ? 'RequireDualStack' : 'SingleStack')
  const spec = narrow({ ...given, ipFamilyPolicy: policy }, old)
  const families = [...(spec.ipFamilies ?? [])]
  checkCounts(spec, old, problems)
  if (!isHeadless(spec))
    (spec.clusterIPs ?? []).slice(families.length).forEach((address, index) => {
      const at = families.length + index
      if (address.includes(':'))
        problems.invalid(`spec.clusterIPs[${at}]`, spec.clusterIPs, 'IPv6 is not configured on this cluster')
      else families.push(FAMILY)
    })
  if (problems.list.length > 0) return { problems: problems.list }
  if (isNameOnly) return { spec: { ...spec, ipFamilies: familiesOfName(families, policy) } }
  if (policy === 'RequireDualStack')
    problems.invalid(POLICY, policy, 'this cluster is not configured for dual-stack services')
  families.forEach((family, index) => {
    if (family !== FAMILY)
      problems.invalid(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster')
  })
  if (problems.list.length > 0) return { problems: problems.list }
  return { spec: { ...spec, ipFamilies: families.length === 0 ? [FAMILY] : families } }
}

/** Who asks for one family and leaves the lists as they were asks to give up the second. */
function narrow(spec: ServiceSpec, old: Service | undefined): ServiceSpec {
  if (old === undefined || spec.ipFamilyPolicy !== 'SingleStack') return spec
  const { clusterIPs = [], ipFamilies = [] } = spec
  return {
    ...spec,
    ...(clusterIPs.length > 1 && deepEqual(clusterIPs, old.spec?.clusterIPs)
      ? { clusterIPs: clusterIPs.slice(0, 1) }
      : {}),
    ...(ipFamilies.length > 1 && deepEqual(ipFamilies, old.spec?.ipFamilies)
      ? { ipFamilies: ipFamilies.slice(0, 1) }
      : {}),
  }
}

function checkCounts(spec: ServiceSpec, old: Service | undefined, problems: Problems): void {
  const { ipFamilyPolicy, clusterIPs = [], ipFamilies = [] } = spec
  if (ipFamilyPolicy === 'SingleStack') {
    const needed = (what: string): string =>
      `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`
    if (clusterIPs.length === 2) problems.invalid(POLICY, ipFamilyPolicy, needed('cluster IPs'))
    if (ipFamilies.length === 2) problems.invalid(POLICY, ipFamilyPolicy, needed('IP families'))
    return
  }
  const released = (what: string): string => `must be 'SingleStack' to release the secondary ${what}`
  if (clusterIPs.length === 1 && old?.spec?.clusterIPs?.length === 2)
    problems.invalid(POLICY, ipFamilyPolicy, released('cluster IP'))
  if (ipFamilies.length === 1 && old?.spec?.ipFamilies?.length === 2)
    problems.invalid(POLICY, ipFamilyPolicy, released('IP family'))
}

/** A headless Service without a selector has what its endpoints have. */
function familiesOfName(
  families: readonly string[],
  policy: NonNullable<ServiceSpec['ipFamilyPolicy']>,
): readonly string[] {
  const [first = FAMILY] = families
  if (families.length > 1) return families
  return policy === 'SingleStack' ? [first] : [first, first === FAMILY ? OTHER : FAMILY]
}
