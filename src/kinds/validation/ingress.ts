import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressClass,
  IngressRule,
  IngressTLS,
  TypedLocalObjectReference,
} from '../../kube/generated/types.ts'
import {
  dnsSubdomainProblems,
  LEGACY_CLASS_ANNOTATION,
  portNameProblems,
  portNumberProblems,
  rfc1035LabelProblems,
  wildcardSubdomainProblems,
} from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import { isAddress } from './addresses.ts'
import type { Problems } from './problems.ts'

const PATH_SEQUENCES = ['//', '/./', '/../', '%2f', '%2F']
const PATH_ENDS = ['/..', '/.']
const MAX_CONTROLLER = 250
const CONTROLLER_PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"

/** kubernetes `ValidateIngressCreate` and `ValidateIngressUpdate`. */
export function validateIngress(object: Draft<Ingress>, problems: Problems, old: Ingress | undefined): void {
  const { defaultBackend, rules = [], tls = [], ingressClassName } = object.spec ?? {}
  if (rules.length === 0 && defaultBackend === undefined)
    problems.invalid('spec', rules, 'either `defaultBackend` or `rules` must be specified')
  if (defaultBackend !== undefined) validateBackend(defaultBackend, 'spec.defaultBackend', problems)
  rules.forEach((rule, index) => {
    validateRule(rule, `spec.rules[${index}]`, problems)
  })
  tls.forEach((entry, index) => {
    validateTls(entry, `spec.tls[${index}]`, problems)
  })
  if (ingressClassName !== undefined)
    problems.invalidEach('spec.ingressClassName', ingressClassName, dnsSubdomainProblems(ingressClassName))
  const annotation = object.metadata?.annotations?.[LEGACY_CLASS_ANNOTATION]
  const differs =
    annotation !== undefined && ingressClassName !== undefined && annotation !== ingressClassName
  if (old === undefined && differs)
    problems.invalid(
      `annotations.${LEGACY_CLASS_ANNOTATION}`,
      annotation,
      'must match `ingressClassName` when both are specified',
    )
}

function validateRule({ host, http }: Draft<IngressRule>, path: string, problems: Problems): void {
  if (host) {
    if (isAddress(host)) problems.invalid(`${path}.host`, host, 'must be a DNS name, not an IP address')
    problems.invalidEach(`${path}.host`, host, hostProblems(host))
  }
  if (http === undefined) return
  if (http.paths?.length === 0) problems.required(`${path}.http.paths`)
  http.paths?.forEach((entry, index) => {
    validatePath(entry, `${path}.http.paths[${index}]`, problems)
  })
}

function hostProblems(host: string): readonly string[] {
  return host.includes('*') ? wildcardSubdomainProblems(host) : dnsSubdomainProblems(host)
}

function validatePath(
  { pathType, path = '', backend }: Draft<HTTPIngressPath>,
  at: string,
  problems: Problems,
): void {
  const isExact = pathType === 'Exact' || pathType === 'Prefix'
  if ((isExact || path !== '') && !path.startsWith('/'))
    problems.invalid(`${at}.path`, path, 'must be an absolute path')
  if (isExact) {
    for (const sequence of PATH_SEQUENCES)
      if (path.includes(sequence)) problems.invalid(`${at}.path`, path, `must not contain '${sequence}'`)
    for (const end of PATH_ENDS)
      if (path.endsWith(end)) problems.invalid(`${at}.path`, path, `cannot end with '${end}'`)
  }
  if (backend !== undefined) validateBackend(backend, `${at}.backend`, problems)
}

function validateBackend(
  { service, resource }: Draft<IngressBackend>,
  path: string,
  problems: Problems,
): void {
  if (service !== undefined && resource !== undefined) {
    problems.invalid(path, '', 'cannot set both resource and service backends')
  } else if (resource !== undefined) {
    validateResource(resource, `${path}.resource`, problems)
  } else if (service === undefined) {
    problems.invalid(path, '', 'resource or service backend is required')
  } else {
    const { name, port: { name: portName = '', number = 0 } = {} } = service
    if (name === '') problems.required(`${path}.service.name`)
    else if (name !== undefined)
      problems.invalidEach(`${path}.service.name`, name, rfc1035LabelProblems(name))
    if (portName !== '' && number !== 0) problems.invalid(path, '', 'cannot set both port name & port number')
    else if (portName !== '')
      problems.invalidEach(`${path}.service.port.name`, portName, portNameProblems(portName))
    else if (number !== 0)
      problems.invalidEach(`${path}.service.port.number`, number, portNumberProblems(number))
    else problems.required(path, 'port name or number is required')
  }
}

function validateResource(
  { apiGroup, kind, name }: Draft<TypedLocalObjectReference>,
  path: string,
  problems: Problems,
): void {
  if (apiGroup !== undefined)
    problems.invalidEach(`${path}.apiGroup`, apiGroup, dnsSubdomainProblems(apiGroup))
  if (kind === '') problems.required(`${path}.kind`, 'kind is required')
  if (name === '') problems.required(`${path}.name`, 'name is required')
}

function validateTls({ hosts = [], secretName }: Draft<IngressTLS>, path: string, problems: Problems): void {
  hosts.forEach((host, index) => {
    problems.invalidEach(`${path}.hosts[${index}]`, host, hostProblems(host))
  })
  if (secretName) problems.invalidEach(`${path}.secretName`, secretName, dnsSubdomainProblems(secretName))
}

/** kubernetes `ValidateIngressClass` and `ValidateIngressClassUpdate`. */
export function validateIngressClass(
  { spec }: Draft<IngressClass>,
  problems: Problems,
  old: IngressClass | undefined,
): void {
  const { controller = '', parameters } = spec ?? {}
  if (old !== undefined && controller !== (old.spec?.controller ?? ''))
    problems.invalid('spec.controller', controller, 'field is immutable')
  if (controller.length > MAX_CONTROLLER) problems.tooLong('spec.controller', MAX_CONTROLLER)
  else validateController(controller, problems)
  if (parameters === undefined) return
  const path = 'spec.parameters'
  validateResource(parameters, path, problems)
  const { scope, namespace } = parameters
  if (scope === 'Namespace' && !namespace)
    problems.required(`${path}.namespace`, "`parameters.scope` is set to 'Namespace'")
  if (scope === 'Cluster' && namespace !== undefined)
    problems.forbidden(`${path}.namespace`, "`parameters.scope` is set to 'Cluster'")
}

/** apimachinery `IsDomainPrefixedPath`. */
function validateController(controller: string, problems: Problems): void {
  const path = 'spec.controller'
  if (controller === '') return problems.required(path)
  const slash = controller.indexOf('/')
  if (slash < 1 || slash === controller.length - 1)
    return problems.invalid(path, controller, 'must be a domain-prefixed path (such as "acme.io/foo")')
  const host = controller.slice(0, slash)
  const rest = controller.slice(slash + 1)
  problems.invalidEach(path, host, dnsSubdomainProblems(host))
  if (!new RegExp(`^${CONTROLLER_PATH}$`).test(rest))
    problems.invalid(path, rest, `Invalid path (regex used for validation is '${CONTROLLER_PATH}')`)
}
