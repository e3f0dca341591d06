import { containsAddress, parseSubnet } from '../../base/index.ts'
import type {
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '../../kube/generated/types.ts'
import { portNameProblems, portNumberProblems } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import { networkProblems } from './addresses.ts'
import { validateLabelSelector } from './labels.ts'
import type { Problems } from './problems.ts'

const TYPES = ['Ingress', 'Egress']

/** A policy that does not say for which direction holds for what comes in, and for what goes out when it has rules for that. */
export function setPolicyTypes({ spec }: Draft<NetworkPolicy>): void {
  if (spec === undefined || (spec.policyTypes ?? []).length > 0) return
  spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress']
}

/** kubernetes `ValidateNetworkPolicy`. */
export function validateNetworkPolicy({ spec }: Draft<NetworkPolicy>, problems: Problems): void {
  const { podSelector, ingress = [], egress = [], policyTypes = [] } = spec ?? {}
  validateLabelSelector(podSelector, 'spec.podSelector', problems)
  ingress.forEach(({ ports = [], from = [] }, index) => {
    validateRule({ ports, peers: from, field: 'from' }, `spec.ingress[${index}]`, problems)
  })
  egress.forEach(({ ports = [], to = [] }, index) => {
    validateRule({ ports, peers: to, field: 'to' }, `spec.egress[${index}]`, problems)
  })
  if (policyTypes.length > TYPES.length) {
    problems.invalid('spec.policyTypes', policyTypes, 'may not specify more than two policyTypes')
    return
  }
  policyTypes.forEach((type, index) => {
    if (!TYPES.includes(type)) problems.notSupported(`spec.policyTypes[${index}]`, type, TYPES)
  })
}

interface Rule {
  readonly ports: readonly Draft<NetworkPolicyPort>[]
  readonly peers: readonly Draft<NetworkPolicyPeer>[]
  readonly field: 'from' | 'to'
}

function validateRule({ ports, peers, field }: Rule, path: string, problems: Problems): void {
  ports.forEach((port, index) => {
    validatePort(port, `${path}.ports[${index}]`, problems)
  })
  peers.forEach((peer, index) => {
    validatePeer(peer, `${path}.${field}[${index}]`, problems)
  })
}

function validatePort({ port, endPort }: Draft<NetworkPolicyPort>, path: string, problems: Problems): void {
  if (typeof port === 'number') {
    problems.invalidEach(`${path}.port`, port, portNumberProblems(port))
    if (endPort === undefined) return
    if (endPort < port)
      problems.invalid(`${path}.endPort`, endPort, 'must be greater than or equal to `port`')
    problems.invalidEach(`${path}.endPort`, endPort, portNumberProblems(endPort))
    return
  }
  if (endPort !== undefined)
    problems.invalid(
      `${path}.endPort`,
      endPort,
      port === undefined
        ? 'may not be specified when `port` is not specified'
        : 'may not be specified when `port` is non-numeric',
    )
  if (port !== undefined) problems.invalidEach(`${path}.port`, port, portNameProblems(port))
}

function validatePeer(
  { podSelector, namespaceSelector, ipBlock }: Draft<NetworkPolicyPeer>,
  path: string,
  problems: Problems,
): void {
  validateLabelSelector(podSelector, `${path}.podSelector`, problems)
  validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`, problems)
  if (ipBlock !== undefined) {
    validateBlock(ipBlock, `${path}.ipBlock`, problems)
    if (podSelector !== undefined || namespaceSelector !== undefined)
      problems.forbidden(path, 'may not specify both ipBlock and another peer')
  } else if (podSelector === undefined && namespaceSelector === undefined) {
    problems.required(path, 'must specify a peer')
  }
}

function validateBlock({ cidr, except = [] }: Draft<IPBlock>, path: string, problems: Problems): void {
  if (cidr === undefined) return
  if (cidr === '') return problems.required(`${path}.cidr`)
  const found = networkProblems(cidr)
  problems.invalidEach(`${path}.cidr`, cidr, found)
  if (found.length > 0) return
  except.forEach((part, index) => {
    const at = `${path}.except[${index}]`
    const wrong = networkProblems(part)
    problems.invalidEach(at, part, wrong)
    if (wrong.length === 0 && !isPartOf(part, cidr))
      problems.invalid(at, part, 'must be a strict subset of `cidr`')
  })
}

/** Whether one network is a part of another, smaller than it. Of IPv6 only the sizes and the families are compared. */
function isPartOf(part: string, whole: string): boolean {
  if (prefixOf(part) <= prefixOf(whole)) return false
  const inner = parseSubnet(part)
  const outer = parseSubnet(whole)
  if (inner === undefined || outer === undefined) return inner === outer
  return containsAddress(outer, inner.base)
}

function prefixOf(network: string): number {
  return Number(network.slice(network.indexOf('/') + 1))
}
