import type { BackendProtocol } from '../model.ts'
import type { ServerGroup, Slot } from './slots.ts'

/** What holds for the whole proxy, as long as its agent runs. */
export interface ProxyOptions {
  readonly httpPort: number
  readonly httpsPort: number
  /** The addresses to listen at, such as `0.0.0.0` and `::`. */
  readonly addresses: readonly string[]
  /** Who it becomes once it has bound its ports; undefined: it stays who it is. */
  readonly user: { readonly name: string; readonly group: string } | undefined
  readonly threads: number
  /** Connections at once; with the size of their buffers they bound its memory. */
  readonly maxConnections: number
}

/** Where an agent learns that a port is another Bowline agent's. Answered to the host itself only. */
export const IDENTITY_PATH = '/.well-known/bowline-ingress'
export const IDENTITY = 'bowline-ingress'

/** How the description of the running proxy begins; behind it is the digest of its base. */
export const DESCRIPTION = 'bowline-ingress-'

/**
 * The whole configuration. Nothing in it comes from an ingress but the names of backends, which are made of names that `model.ts`
 * let through: hosts and paths are in the maps. Addresses and states of servers are as they are now, for a start after a reboot.
 */
export function renderConfig(
  base: string,
  options: ProxyOptions,
  groups: ReadonlyMap<string, ServerGroup>,
): string {
  const backends = [...groups].map(([name, group]) => renderBackend(name, group))
  return [baseConfig(base, options), ...backends].join('\n')
}

/** Everything but the backends of services. */
export function baseConfig(base: string, options: ProxyOptions): string {
  const { httpPort, httpsPort, addresses, user, threads, maxConnections } = options
  const at = (address: string, port: number): string =>
    address.includes(':') ? `[${address}]:${port} v6only` : `${address}:${port}`
  const outside = httpsPort === 443 ? '' : `:${httpsPort}`
  return `global
  description ${DESCRIPTION}${base}
  stats socket unix@admin.sock mode 600 level admin expose-fd listeners
${user === undefined ? '' : `  user ${user.name}\n  group ${user.group}\n  chroot empty\n`}  maxconn ${maxConnections}
  nbthread ${threads}
  noreuseport
  no strict-limits
  hard-stop-after 1h
  mworker-max-reloads 10
  ssl-default-bind-options ssl-min-ver TLSv1.2
  tune.ssl.default-dh-param 2048

defaults
  mode http
  timeout connect 2s
  timeout client 10m
  timeout server 10m
  timeout tunnel 1h
  timeout http-request 15s
  timeout http-keep-alive 75s
  timeout queue 10s
  timeout check 2s
  retries 3
  option redispatch 1
  retry-on conn-failure empty-response
  option srvtcpka
  srvtcpka-idle 3s
  srvtcpka-intvl 2s
  srvtcpka-cnt 3
  option http-server-close
  option idle-close-on-response
  balance roundrobin
  default-server check inter 10s fastinter 1s downinter 1s fall 3 rise 1 observe layer4 error-limit 3 on-error mark-down tcp-ut 10s
  errorfile 503 503.http

frontend ingress
${addresses
  .flatMap(address => [
    `  bind ${at(address, httpPort)}`,
    `  bind ${at(address, httpsPort)} ssl crt default.pem crt-list certificates.list alpn h2,http/1.1`,
  ])
  .join('\n')}
  http-request set-var(txn.host) req.hdr(host),host_only,lower,rtrim(.)
  http-request set-var(txn.path) path
  http-request deny deny_status 400 unless { var(txn.host) -m reg ^[]a-z0-9.:_[-]*$ }
  http-request return status 200 content-type text/plain string ${IDENTITY} if !{ ssl_fc } { path ${IDENTITY_PATH} } { src 127.0.0.0/8 }
  http-request set-var(txn.answer) path,field(4,/),map_str(challenges.map) if !{ ssl_fc } { path_beg /.well-known/acme-challenge/ }
  http-request return status 200 content-type text/plain lf-string %[var(txn.answer)] if { var(txn.answer) -m found }
${lookups()}
  http-request redirect location https://%[var(txn.host)]${outside}%[pathq] code 308 if !{ ssl_fc } { var(txn.route),field(1,|) redirect } { var(txn.host) -m len gt 0 }
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Real-IP %[src]
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Forwarded-Port %[dst_port]
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Proto https if { ssl_fc }
  http-request del-header Forwarded
  http-request del-header Proxy
  http-request disable-l7-retry unless { method GET HEAD OPTIONS }
  use_backend %[var(txn.route),field(2,|)] if { var(txn.route) -m found }
  default_backend unknown

backend unknown
  http-request return status 404 content-type text/plain string "No ingress answers for this host and path.\\n"

backend unavailable
`
}

/** The host as it is, then the wildcard of its domain, then any host; in each the exact path, then the longest prefix. */
function lookups(): string {
  const missing = 'if !{ var(txn.route) -m found }'
  return ['var(txn.host)', 'var(txn.host),regsub(^[^.]+,*)', 'str(*)']
    .flatMap(host => [
      `  http-request set-var(txn.key) ${host},concat(,txn.path) ${missing}`,
      `  http-request set-var(txn.route) var(txn.key),map_str(exact.map) ${missing}`,
      `  http-request set-var(txn.route) var(txn.key),concat(/),map_beg(prefix.map) ${missing}`,
    ])
    .join('\n')
}

const PROTOCOL_WORDS: Readonly<Record<BackendProtocol, string>> = {
  http: '',
  h2c: ' proto h2',
  https: ' ssl verify none',
}

function renderBackend(name: string, { protocol, slots }: ServerGroup): string {
  const servers = slots.map(
    (slot, index) =>
      `  server ${serverName(protocol, index)} ${addressOf(slot)}${PROTOCOL_WORDS[protocol]}${disabledUnlessReady(slot)}`,
  )
  return [`backend ${name}`, ...servers, ''].join('\n')
}

/** One that drains has nothing to finish in a process that only starts. */
function disabledUnlessReady({ state }: Slot): string {
  return state === 'ready' ? '' : ' disabled'
}

function addressOf({ address, port }: Slot): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** What a server speaks is in its name: that is where it is read from when the proxy was running before the agent. */
export function serverName(protocol: BackendProtocol, index: number): string {
  return `${protocol}-${index + 1}`
}
