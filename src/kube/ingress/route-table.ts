import { withoutTrailing } from '../../base/index.ts'
import type { Ingress, IngressBackend } from '../generated/types.ts'
import { objectKey } from '../object.ts'
import { normalizeHost } from './host.ts'

/** Where requests of one host and path go. */
export interface IngressRoute {
  /** A host, a wildcard such as `*.shop.example`, or `*` for every host. */
  readonly host: string
  /**
   * `exact`: this very path. `prefix`: this path and everything below it, element by element, written without a slash at its end
   * (so the root is empty). Both are printable ASCII as it stands in a request, anything else percent-encoded, and of a bounded length.
   */
  readonly match: 'exact' | 'prefix'
  readonly path: string
  readonly ingress: Ingress
  readonly backend: IngressBackend
}

/** What an ingress asks for and does not get. Told as a Warning event. */
export interface IngressProblem {
  readonly ingress: Ingress
  readonly reason:
    | 'BackendNotSupported'
    | 'CertificateNotUsed'
    | 'HostNotValid'
    | 'PathConflict'
    | 'PathNotValid'
  readonly message: string
}

export interface RouteTable {
  readonly routes: readonly IngressRoute[]
  readonly problems: readonly IngressProblem[]
}

/**
 * Far above what anybody asks for. Upstream has no limit, but what is told to a proxy by the line has: HAProxy reads its maps in pieces of
 * 16 KiB, and takes what follows in a longer line for the route of another host.
 */
const MAX_PATH = 8192

/** The host of rules that name none. */
const ANY_HOST = '*'

/**
 * The routes of ingresses, which come the oldest first: of two that claim one host and path the older has it. A default backend
 * takes what the paths of its ingress' hosts leave over, and every request that nothing else takes when the ingress has no rules.
 * `ImplementationSpecific` is a prefix.
 */
export function routeTable(ingresses: readonly Ingress[]): RouteTable {
  const table = new Table()
  for (const ingress of ingresses) addRules(table, ingress)
  // A default is no claim: any path that an ingress names goes first, however young it is.
  for (const ingress of ingresses) addDefaults(table, ingress)
  return table
}

class Table implements RouteTable {
  readonly routes: IngressRoute[] = []
  readonly problems: IngressProblem[] = []
  readonly #claims = new Map<string, Ingress>()

  add(route: IngressRoute): void {
    const { host, match, path, ingress } = route
    const key = `${match} ${host}${path}`
    const holder = this.#claims.get(key)
    if (holder === undefined) {
      this.#claims.set(key, ingress)
      this.routes.push(route)
    } else if (holder !== ingress)
      this.problems.push({
        ingress,
        reason: 'PathConflict',
        message: `${host}${path === '' ? '/' : path} is served for the older ingress ${objectKey(holder)}`,
      })
  }

  /** As `add`, for what may give way without a word. */
  fill(route: IngressRoute): void {
    if (!this.#claims.has(`${route.match} ${route.host}${route.path}`)) this.add(route)
  }
}

function addRules(table: Table, ingress: Ingress): void {
  for (const { host: written, http } of ingress.spec?.rules ?? []) {
    const host = written ? normalizeHost(written) : ANY_HOST
    if (host === undefined) {
      const message = `the rule for host ${JSON.stringify(written)} is not served: it is no DNS name`
      table.problems.push({ ingress, reason: 'HostNotValid', message })
      continue
    }
    for (const { path = '', pathType, backend } of http?.paths ?? []) {
      const text = requestPath(path)
      if (text.length > MAX_PATH) {
        const message = `a path of ${text.length} characters is not served for ${host}: more than ${MAX_PATH} are too many`
        table.problems.push({ ingress, reason: 'PathNotValid', message })
        continue
      }
      table.add(
        pathType === 'Exact'
          ? { host, match: 'exact', path: text === '' ? '/' : text, ingress, backend }
          : { host, match: 'prefix', path: withoutTrailing(text, '/'), ingress, backend },
      )
    }
  }
}

function addDefaults(table: Table, ingress: Ingress): void {
  const { defaultBackend: backend, rules = [] } = ingress.spec ?? {}
  if (backend === undefined) return
  const hosts = rules.map(({ host }) => (host ? normalizeHost(host) : ANY_HOST))
  for (const host of new Set(rules.length === 0 ? [ANY_HOST] : hosts))
    if (host !== undefined) table.fill({ host, match: 'prefix', path: '', ingress, backend })
}

/** Clients send anything but printable ASCII percent-encoded, and UTF-8; the rest is compared as it was sent. */
function requestPath(path: string): string {
  return path.replace(/[^\x21-\x7e]+/g, text => encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\ufffd')))
}
