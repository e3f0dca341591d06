import type {
  Endpoint,
  EndpointPort,
  EndpointSlice,
  EndpointSlicePort,
  Endpoints,
} from '../../kube/generated/types.ts'
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  labelKeyProblems,
  portNumberProblems,
} from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import { addressProblems, ipv4Problems, ipv6Problems, unusableAddressProblems } from './addresses.ts'
import type { Problems } from './problems.ts'

const MAX_ENDPOINTS = 1000
const MAX_ADDRESSES = 100
const MAX_PORTS = 100

/** kubernetes `ValidateEndpoints`. Loopback addresses are allowed: pods that are processes of their host have them. */
export function validateEndpoints({ subsets = [] }: Draft<Endpoints>, problems: Problems): void {
  subsets.forEach(({ addresses = [], notReadyAddresses = [], ports = [] }, index) => {
    const path = `subsets[${index}]`
    if (addresses.length === 0 && notReadyAddresses.length === 0)
      problems.required(path, 'must specify `addresses` or `notReadyAddresses`')
    for (const [field, list] of Object.entries({ addresses, notReadyAddresses }))
      list.forEach(({ ip, hostname, nodeName }, number) => {
        const at = `${path}.${field}[${number}]`
        if (ip !== undefined) validateAddress(ip, `${at}.ip`, addressProblems(ip), problems)
        if (hostname) problems.invalidEach(`${at}.hostname`, hostname, dnsLabelProblems(hostname))
        if (nodeName !== undefined)
          problems.invalidEach(`${at}.nodeName`, nodeName, dnsSubdomainProblems(nodeName))
      })
    ports.forEach((port, number) => {
      const at = `${path}.ports[${number}]`
      const { name = '' } = port
      if (name !== '') problems.invalidEach(`${at}.name`, name, dnsLabelProblems(name))
      else if (ports.length > 1) problems.required(`${at}.name`)
      validatePort(port, at, problems)
    })
  })
}

/** kubernetes `ValidateEndpointSlice` and `ValidateEndpointSliceUpdate`. */
export function validateEndpointSlice(
  slice: Draft<EndpointSlice>,
  problems: Problems,
  old: EndpointSlice | undefined,
): void {
  const { addressType, endpoints = [], ports = [] } = slice
  if (endpoints.length > MAX_ENDPOINTS) problems.tooMany('endpoints', endpoints.length, MAX_ENDPOINTS)
  else
    endpoints.forEach((endpoint, index) => {
      validateEndpoint(endpoint, addressType, `endpoints[${index}]`, problems)
    })
  if (ports.length > MAX_PORTS) problems.tooMany('ports', ports.length, MAX_PORTS)
  else validateSlicePorts(ports, problems)
  if (old !== undefined && addressType !== old.addressType)
    problems.invalid('addressType', addressType, 'field is immutable')
}

function validateEndpoint(
  { addresses = [], hostname, nodeName }: Draft<Endpoint>,
  type: EndpointSlice['addressType'] | undefined,
  path: string,
  problems: Problems,
): void {
  const at = `${path}.addresses`
  if (addresses.length === 0) problems.required(at, 'must contain at least 1 address')
  else if (addresses.length > MAX_ADDRESSES) problems.tooMany(at, addresses.length, MAX_ADDRESSES)
  addresses.forEach((address, index) => {
    if (type === 'FQDN') problems.invalidEach(`${at}[${index}]`, address, domainProblems(address))
    else if (type !== undefined)
      validateAddress(
        address,
        `${at}[${index}]`,
        type === 'IPv4' ? ipv4Problems(address) : ipv6Problems(address),
        problems,
      )
  })
  if (hostname !== undefined) problems.invalidEach(`${path}.hostname`, hostname, dnsLabelProblems(hostname))
  if (nodeName !== undefined)
    problems.invalidEach(`${path}.nodeName`, nodeName, dnsSubdomainProblems(nodeName))
}

function validateAddress(address: string, path: string, found: readonly string[], problems: Problems): void {
  problems.invalidEach(path, address, found.length > 0 ? found : unusableAddressProblems(address))
}

function validateSlicePorts(ports: readonly Draft<EndpointSlicePort>[], problems: Problems): void {
  const names = new Set<string>()
  ports.forEach((port, index) => {
    const at = `ports[${index}]`
    const { name = '' } = port
    if (name !== '') problems.invalidEach(`${at}.name`, name, dnsLabelProblems(name))
    if (names.has(name)) problems.duplicate(`${at}.name`, name)
    names.add(name)
    validatePort(port, at, problems)
  })
}

function validatePort(
  { port, appProtocol }: Draft<EndpointPort> | Draft<EndpointSlicePort>,
  path: string,
  problems: Problems,
): void {
  if (port !== undefined) problems.invalidEach(`${path}.port`, port, portNumberProblems(port))
  if (appProtocol !== undefined)
    problems.invalidEach(`${path}.appProtocol`, appProtocol, labelKeyProblems(appProtocol))
}

/** apimachinery `IsFullyQualifiedDomainName`. */
function domainProblems(name: string): readonly string[] {
  const text = name.replace(/\.$/, '')
  const problems = dnsSubdomainProblems(text)
  if (problems.length > 0) return problems
  return text.includes('.') ? [] : ['should be a domain with at least two segments separated by dots']
}
