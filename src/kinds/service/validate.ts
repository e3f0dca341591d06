import { deepEqual } from '../../base/index.ts'
import type { LoadBalancerStatus, Service, ServicePort, ServiceSpec } from '../../kube/generated/types.ts'
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  labelKeyProblems,
  portNameProblems,
  portNumberProblems,
} from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import {
  addressProblems,
  isAddress,
  networkProblems,
  specialAddressProblems,
} from '../validation/addresses.ts'
import { validateLabels } from '../validation/labels.ts'
import type { Problems } from '../validation/problems.ts'
import {
  hasHealthCheckPort,
  hasNodePorts,
  isExternallyAccessible,
  isHeadless,
  specOf,
} from './service-type.ts'
import { validateClusterIps, validateClusterIpsUpdate } from './validate-addresses.ts'

const LOAD_BALANCER_ONLY = "may only be used when `type` is 'LoadBalancer'"
/** A client stays with its pod for a day at most. */
const MAX_AFFINITY_SECONDS = 86_400
/** The older way to say `loadBalancerSourceRanges`. */
const SOURCE_RANGES_ANNOTATION = 'service.beta.kubernetes.io/load-balancer-source-ranges'

type Spec = Draft<ServiceSpec>

/** kubernetes `ValidateService`, `ValidateServiceUpdate` and `ValidateServiceStatusUpdate`. */
export function validateService(object: Draft<Service>, problems: Problems, old: Service | undefined): void {
  const { spec } = object
  if (spec === undefined) {
    problems.required('spec.ports')
    return
  }
  if (old !== undefined) validateUpdate(spec, old, problems)
  validateType(spec, problems)
  validatePorts(spec, problems)
  validateLabels(spec.selector, 'spec.selector', problems)
  validateAffinity(spec, problems)
  validateClusterIps(spec, problems)
  validateExternalAddresses(spec, problems)
  validateSourceRanges(object, spec, problems)
  validateLoadBalancer(spec, problems)
  validatePolicies(spec, problems)
  if (!deepEqual(object.status, old?.status)) validateStatus(object.status?.loadBalancer, spec, problems)
}

function validateUpdate(spec: Spec, before: Service, problems: Problems): void {
  const old = specOf(before)
  validateClusterIpsUpdate(spec, before, problems)
  if (
    old.type === 'LoadBalancer' &&
    spec.type === 'LoadBalancer' &&
    spec.loadBalancerClass !== old.loadBalancerClass
  )
    problems.invalid('spec.loadBalancerClass', spec.loadBalancerClass, 'may not change once set')
  if (
    hasHealthCheckPort(old) &&
    hasHealthCheckPort(spec) &&
    spec.healthCheckNodePort !== old.healthCheckNodePort
  )
    problems.forbidden('spec.healthCheckNodePort', 'field is immutable')
}

function validateType(spec: Spec, problems: Problems): void {
  const { type, ports = [], externalName = '' } = spec
  if (ports.length === 0 && !isHeadless(spec) && type !== 'ExternalName') problems.required('spec.ports')
  if (hasNodePorts(spec) && isHeadless(spec))
    problems.invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${type} services`)
  if (type !== 'ExternalName') return
  const none = 'may not be set for ExternalName services'
  if ((spec.clusterIPs ?? []).length > 0) problems.forbidden('spec.clusterIPs', none)
  if ((spec.ipFamilies ?? []).length > 0) problems.forbidden('spec.ipFamilies', none)
  if (spec.ipFamilyPolicy !== undefined) problems.forbidden('spec.ipFamilyPolicy', none)
  const name = externalName.replace(/\.$/, '')
  if (name === '') problems.required('spec.externalName')
  else problems.invalidEach('spec.externalName', name, dnsSubdomainProblems(name))
}

function validatePorts({ ports = [], type }: Spec, problems: Problems): void {
  const names = new Set<string>()
  const numbers = new Set<string>()
  const nodePorts = new Set<string>()
  ports.forEach((port, index) => {
    const path = `spec.ports[${index}]`
    validatePort(port, path, problems)
    const { name = '', nodePort, protocol = 'TCP' } = port
    if (name !== '') {
      problems.invalidEach(`${path}.name`, name, dnsLabelProblems(name))
      if (names.has(name)) problems.duplicate(`${path}.name`, name)
      names.add(name)
    } else if (ports.length > 1) problems.required(`${path}.name`)
    if (nodePort !== undefined) {
      if (type === 'ClusterIP')
        problems.forbidden(`${path}.nodePort`, "may not be used when `type` is 'ClusterIP'")
      if (nodePorts.has(`${protocol}/${nodePort}`)) problems.duplicate(`${path}.nodePort`, nodePort)
      nodePorts.add(`${protocol}/${nodePort}`)
    }
    if (numbers.has(`${protocol}/${port.port}`)) problems.duplicate(path, { port: port.port, protocol })
    numbers.add(`${protocol}/${port.port}`)
  })
}

function validatePort(
  { port, targetPort, appProtocol }: Draft<ServicePort>,
  path: string,
  problems: Problems,
): void {
  if (port !== undefined) problems.invalidEach(`${path}.port`, port, portNumberProblems(port))
  if (typeof targetPort === 'number')
    problems.invalidEach(`${path}.targetPort`, targetPort, portNumberProblems(targetPort))
  else if (targetPort !== undefined)
    problems.invalidEach(`${path}.targetPort`, targetPort, portNameProblems(targetPort))
  if (appProtocol !== undefined)
    problems.invalidEach(`${path}.appProtocol`, appProtocol, labelKeyProblems(appProtocol))
}

function validateAffinity({ sessionAffinity, sessionAffinityConfig }: Spec, problems: Problems): void {
  const path = 'spec.sessionAffinityConfig'
  if (sessionAffinity === 'None' && sessionAffinityConfig !== undefined)
    problems.forbidden(path, 'must not be set when session affinity is None')
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds
  if (
    sessionAffinity === 'ClientIP' &&
    seconds !== undefined &&
    (seconds <= 0 || seconds > MAX_AFFINITY_SECONDS)
  )
    problems.invalid(
      `${path}.clientIP.timeoutSeconds`,
      seconds,
      `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`,
    )
}

function validateExternalAddresses({ externalIPs = [] }: Spec, problems: Problems): void {
  externalIPs.forEach((address, index) => {
    const at = `spec.externalIPs[${index}]`
    const found = addressProblems(address)
    problems.invalidEach(at, address, found.length > 0 ? found : specialAddressProblems(address))
  })
}

function validateSourceRanges({ metadata }: Draft<Service>, spec: Spec, problems: Problems): void {
  const { loadBalancerSourceRanges: ranges = [], type } = spec
  const annotation = metadata?.annotations?.[SOURCE_RANGES_ANNOTATION]
  if (ranges.length > 0) {
    // Upstream spells the field so here.
    const path = 'spec.LoadBalancerSourceRanges'
    if (type !== 'LoadBalancer') problems.forbidden(path, LOAD_BALANCER_ONLY)
    ranges.forEach((range, index) => {
      problems.invalidEach(`${path}[${index}]`, range, networkProblems(range.trim()))
    })
  } else if (annotation !== undefined) {
    const path = `metadata.annotations[${SOURCE_RANGES_ANNOTATION}]`
    if (type !== 'LoadBalancer') problems.forbidden(path, LOAD_BALANCER_ONLY)
    if (annotation.trim() === '') return
    for (const range of annotation.split(','))
      problems.invalidEach(path, range.trim(), networkProblems(range.trim()))
  }
}

function validateLoadBalancer(spec: Spec, problems: Problems): void {
  const { type, allocateLoadBalancerNodePorts, loadBalancerClass } = spec
  if (type !== 'LoadBalancer') {
    if (allocateLoadBalancerNodePorts !== undefined)
      problems.forbidden('spec.allocateLoadBalancerNodePorts', LOAD_BALANCER_ONLY)
    if (loadBalancerClass !== undefined) problems.forbidden('spec.loadBalancerClass', LOAD_BALANCER_ONLY)
  } else if (loadBalancerClass !== undefined) {
    problems.invalidEach('spec.loadBalancerClass', loadBalancerClass, labelKeyProblems(loadBalancerClass))
  }
}

function validatePolicies(spec: Spec, problems: Problems): void {
  const { externalTrafficPolicy, healthCheckNodePort, trafficDistribution } = spec
  if (externalTrafficPolicy && !isExternallyAccessible(spec))
    problems.invalid(
      'spec.externalTrafficPolicy',
      externalTrafficPolicy,
      'may only be set for externally-accessible services',
    )
  if (healthCheckNodePort !== undefined) {
    if (hasHealthCheckPort(spec))
      problems.invalidEach(
        'spec.healthCheckNodePort',
        healthCheckNodePort,
        portNumberProblems(healthCheckNodePort),
      )
    else
      problems.invalid(
        'spec.healthCheckNodePort',
        healthCheckNodePort,
        "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      )
  }
  if (trafficDistribution !== undefined && trafficDistribution !== 'PreferClose')
    problems.notSupported('spec.trafficDistribution', trafficDistribution, ['PreferClose'])
}

function validateStatus(status: Draft<LoadBalancerStatus> | undefined, spec: Spec, problems: Problems): void {
  const path = 'status.loadBalancer.ingress'
  const ingress = status?.ingress ?? []
  if (ingress.length > 0 && spec.type !== 'LoadBalancer') {
    problems.forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")
    return
  }
  ingress.forEach(({ ip, ipMode, hostname }, index) => {
    const at = `${path}[${index}]`
    if (ip) problems.invalidEach(`${at}.ip`, ip, addressProblems(ip))
    if (ipMode === undefined) {
      if (ip) problems.required(`${at}.ipMode`, 'must be specified when `ip` is set')
    } else if (!ip) problems.forbidden(`${at}.ipMode`, 'may not be specified when `ip` is not set')
    else if (ipMode !== 'VIP' && ipMode !== 'Proxy')
      problems.notSupported(`${at}.ipMode`, ipMode, ['Proxy', 'VIP'])
    if (!hostname) return
    problems.invalidEach(`${at}.hostname`, hostname, dnsSubdomainProblems(hostname))
    if (isAddress(hostname))
      problems.invalid(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address')
  })
}
