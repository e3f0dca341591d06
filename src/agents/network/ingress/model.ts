import { isLoopback } from '../../../base/index.ts'
import {
  backendPort,
  type EndpointSlice,
  type Ingress,
  IngressAnnotations,
  type IngressBackend,
  type IngressProblem,
  type IngressRoute,
  routeTable,
  type Secret,
  type Service,
  type TlsClaim,
  tlsClaims,
  tlsSecretsFor,
} from '../../../kube/index.ts'
import { type CertificatePair, certificatePair } from './certificate-pair.ts'
import { type BackendEndpoint, backendEndpoints } from './endpoints.ts'

/** Everything that a proxy has to know, in words of no proxy. */
export interface ProxyModel {
  readonly routes: readonly ProxyRoute[]
  readonly backends: readonly ProxyBackend[]
  readonly certificates: readonly ProxyCertificate[]
  /** Tokens of ACME challenges and what to answer. */
  readonly challenges: readonly (readonly [token: string, answer: string])[]
  /** What is wrong with services and certificates; what is wrong with claims, the server tells. */
  readonly problems: readonly IngressProblem[]
}

export interface ProxyRoute extends Pick<IngressRoute, 'host' | 'match' | 'path'> {
  /** The name of a backend; undefined: there is no such service, and the answer is 503. */
  readonly backend: string | undefined
  /** HTTP is sent to HTTPS. */
  readonly redirect: boolean
}

/** How the pods of a backend are spoken to. */
export type BackendProtocol = 'http' | 'h2c' | 'https'

export interface ProxyBackend {
  /** `<namespace>:<service>:<port>`. */
  readonly name: string
  readonly protocol: BackendProtocol
  readonly endpoints: readonly BackendEndpoint[]
}

export interface ProxyCertificate extends CertificatePair {
  /** `<namespace>/<name>` of its Secret. */
  readonly secret: string
  /** For these server names. */
  readonly hosts: readonly string[]
}

/** What the cluster holds, as far as the agent may know it. */
export interface ClusterView {
  /** Those that the agents serve, the oldest first. */
  readonly ingresses: readonly Ingress[]
  service(namespace: string, name: string): Service | undefined
  slices(namespace: string, service: string): readonly EndpointSlice[]
  /** Then they have loopback addresses; else what an endpoint says there is no pod but a process of the host, and gets nothing. */
  readonly podsAreProcesses: boolean
  secret(namespace: string, name: string): Secret | undefined
  /** What was served last of a Secret that the server has not told of yet; undefined when it has. */
  keptPair(namespace: string, name: string): CertificatePair | undefined
  readonly challenges: readonly (readonly [token: string, answer: string])[]
}

/** Names that may stand in a proxy's configuration as they are. */
const SAFE_NAME = /^[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?$/

/** What the proxy has to do for this cluster. Pure: every host comes to the same answer. */
export function assembleModel(view: ClusterView): ProxyModel {
  const table = routeTable(view.ingresses)
  const tls = tlsClaims(view.ingresses)
  const certificates = new Certificates(view, tls.claims)
  const backends = new Map<string, ProxyBackend>()
  const problems: IngressProblem[] = [...certificates.problems]
  const routes = table.routes.map(({ host, match, path, ingress, backend }) => {
    const found = resolveBackend(ingress, backend, view)
    if (typeof found === 'object') backends.set(found.name, found)
    else if (found === 'unsupported')
      problems.push({
        ingress,
        reason: 'BackendNotSupported',
        message: `${host}${path === '' ? '/' : path} is answered with 503: only services with endpoints are served`,
      })
    return {
      host,
      match,
      path,
      backend: typeof found === 'object' ? found.name : undefined,
      redirect: certificates.redirects(ingress, host),
    }
  })
  return {
    routes,
    backends: [...backends.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    certificates: certificates.shown,
    challenges: view.challenges,
    problems,
  }
}

function resolveBackend(
  { metadata: { namespace = '' } }: Ingress,
  backend: IngressBackend,
  view: ClusterView,
): ProxyBackend | 'absent' | 'unsupported' {
  if (backend.service === undefined) return 'unsupported'
  const { name } = backend.service
  const service = view.service(namespace, name)
  if (service === undefined) return 'absent'
  if (service.spec?.type === 'ExternalName') return 'unsupported'
  const port = backendPort(backend, service)
  if (port === undefined || !SAFE_NAME.test(namespace) || !SAFE_NAME.test(name)) return 'absent'
  return {
    name: `${namespace}:${name}:${port.port}`,
    protocol: PROTOCOLS.get(port.appProtocol ?? '') ?? 'http',
    endpoints: backendEndpoints(view.slices(namespace, name), port.name ?? '').filter(
      ({ address }) => view.podsAreProcesses || !isLoopback(address),
    ),
  }
}

/** `appProtocol`s that say more than HTTP/1.1; WebSocket is HTTP/1.1 here. */
const PROTOCOLS: ReadonlyMap<string, BackendProtocol> = new Map([
  ['kubernetes.io/h2c', 'h2c'],
  ['grpc', 'h2c'],
  ['https', 'https'],
])

/** Which certificates are there, and which ingresses miss theirs. */
class Certificates {
  readonly shown: readonly ProxyCertificate[]
  readonly problems: readonly IngressProblem[]
  readonly #usable: ReadonlySet<string>

  constructor(view: ClusterView, claims: readonly TlsClaim[]) {
    const shown: ProxyCertificate[] = []
    const faults = new Map<string, string>()
    for (const { namespace, secretName, hosts } of claims) {
      const key = `${namespace}/${secretName}`
      const secret = view.secret(namespace, secretName)
      const pair = secret === undefined ? view.keptPair(namespace, secretName) : certificatePair(secret)
      // One that is not there yet is no mistake: it is being made, or on its way here.
      if (pair === undefined) continue
      if (typeof pair === 'string') faults.set(key, pair)
      else shown.push({ secret: key, hosts, ...pair })
    }
    this.shown = shown
    this.#usable = new Set(shown.map(({ secret }) => secret))
    this.problems = view.ingresses.flatMap(ingress =>
      secretsOf(ingress).flatMap(key => {
        const fault = faults.get(key)
        if (fault === undefined) return []
        return [
          { ingress, reason: 'CertificateNotUsed' as const, message: `Secret ${key} is not used: ${fault}` },
        ]
      }),
    )
  }

  /** As soon as there is something to show at HTTPS, unless the ingress says otherwise. */
  redirects(ingress: Ingress, host: string): boolean {
    if (ingress.metadata.annotations?.[IngressAnnotations.sslRedirect] === 'false') return false
    return tlsSecretsFor(ingress, host).some(name =>
      this.#usable.has(`${ingress.metadata.namespace}/${name}`),
    )
  }
}

function secretsOf({ metadata, spec }: Ingress): readonly string[] {
  return [...new Set((spec?.tls ?? []).flatMap(({ secretName }) => secretName || []))].map(
    name => `${metadata.namespace}/${name}`,
  )
}
