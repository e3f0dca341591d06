import { createServer, type Server } from 'node:http'
import { type Logger, messageOf } from '../../../base/index.ts'

/** What a load balancer's health check of one service is told. */
export interface HealthCheck {
  /** `namespace/name`. */
  readonly service: string
  /** The service's `healthCheckNodePort`. */
  readonly port: number
  /** Backends on this host that are ready. */
  readonly localReady: number
}

/**
 * Answers load balancers on the ports that services with `externalTrafficPolicy: Local` name: 200 while this host has a backend,
 * else 503, as kube-proxy's (pkg/proxy/healthcheck).
 */
export class HealthChecks {
  readonly #servers = new Map<number, { readonly server: Server; check: HealthCheck }>()
  readonly #log: Logger

  constructor(log: Logger) {
    this.#log = log
  }

  /** Serves exactly these. */
  set(checks: readonly HealthCheck[]): void {
    const wanted = new Map(checks.map(check => [check.port, check]))
    for (const [port, { server }] of this.#servers)
      if (!wanted.has(port)) {
        this.#servers.delete(port)
        close(server)
      }
    for (const [port, check] of wanted) {
      const known = this.#servers.get(port)
      if (known === undefined) this.#open(port, check)
      else known.check = check
    }
  }

  close(): void {
    this.set([])
  }

  #open(port: number, check: HealthCheck): void {
    const entry = {
      check,
      server: createServer((_request, response) => {
        const { service, localReady } = entry.check
        const [namespace, name] = service.split('/')
        response.writeHead(localReady > 0 ? 200 : 503, {
          'content-type': 'application/json',
          'x-content-type-options': 'nosniff',
          'x-load-balancing-endpoint-weight': String(localReady),
        })
        response.end(
          JSON.stringify({
            service: { namespace, name },
            localEndpoints: localReady,
            serviceProxyHealthy: true,
          }),
        )
      }),
    }
    this.#servers.set(port, entry)
    entry.server.on('error', error => {
      this.#log.warn('cannot answer health checks of a load balancer', {
        service: check.service,
        port,
        error: messageOf(error),
      })
      // Tried again with the next change, when whoever has the port may have gone.
      if (this.#servers.get(port) === entry) this.#servers.delete(port)
    })
    entry.server.listen(port, '0.0.0.0')
  }
}

function close(server: Server): void {
  server.close()
  server.closeAllConnections()
}
