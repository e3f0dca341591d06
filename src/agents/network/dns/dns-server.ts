import { type Clock, type Ids, type Logger, messageOf, type Service as Part } from '../../../base/index.ts'
import type { Informer } from '../../../client/index.ts'
import type { EndpointSlice, Service } from '../../../kube/index.ts'
import { Answering } from './answering.ts'
import type { Resolver } from './ask-resolver.ts'
import { ClusterZone } from './cluster-zone.ts'
import { createForwarder } from './forwarder.ts'
import type { HostResolvers } from './host-resolvers.ts'
import { listenTcp } from './listen-tcp.ts'
import { listenUdp } from './listen-udp.ts'
import { RecordIndex } from './record-index.ts'
import { createResponder } from './responder.ts'

export interface DnsServerOptions {
  /** The node's address for its pods' queries; it need not be there yet. */
  readonly address: string
  /** Other agents of the host listen there, too: who comes second takes over when the first is gone, and says nothing until then. */
  readonly isShared?: boolean
  /** Default 53. */
  readonly port?: number
  /** `cluster.local`. */
  readonly clusterDomain: string
  /** The ranges of the cluster's pods and services, whose addresses nobody else has names for. */
  readonly clusterNetworks: readonly string[]
  /** The ranges of who is answered: this node's pods and the node itself. */
  readonly clients: readonly string[]
  /** Who else is answered: pods of this node that have addresses of other ranges; default: nobody. */
  readonly isClient?: (address: string) => boolean
  /** Where clients reach a service; default: at its own address. */
  readonly serviceAddress?: (clusterIP: string) => string
  readonly services: Informer<Service>
  readonly slices: Informer<EndpointSlice>
  readonly hostResolvers: Pick<HostResolvers, 'forHost'>
  /** Default 53; the host's resolvers listen there. */
  readonly resolverPort?: number
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

export interface DnsServer extends Part {
  /** Resolves with the port when the server first listens. */
  readonly listening: Promise<number>
}

/** How long a name that is not known waits for the first list of services before it is said that nobody knows. */
const FIRST_LIST_MS = 3000
/** Between attempts to listen: the address appears with the node's network, a port is free when an earlier agent is gone. */
const LISTEN_AGAIN_MS = 250
/** So often in a row without a word. */
const QUIET_ATTEMPTS = 20

/**
 * The DNS server of a node, for its pods: names of services and endpoints from what the informers hold, whether or not the API
 * server answers; everything else from the host's resolvers. It listens until the signal aborts and comes back by itself when
 * it cannot; what clients send is never a reason to stop.
 */
export function createDnsServer(options: DnsServerOptions): DnsServer {
  const { address, clusterDomain, clusterNetworks, clients, services, slices, clock, ids, log } = options
  const index = new RecordIndex(options.serviceAddress)
  const forwarder = createForwarder({ resolvers: () => resolversOf(options), clock, ids })
  const zone = new ClusterZone({
    domain: clusterDomain,
    serverAddress: address,
    networks: clusterNetworks,
    index,
  })
  const answering = new Answering({
    respond: createResponder({
      zone,
      forwarder,
      isComplete: () => services.hasSynced && slices.hasSynced,
      completed,
      ids,
    }),
    networks: clients,
    isClient: options.isClient ?? (() => false),
    log,
  })
  let tellListening: (port: number) => void = () => {}
  const listening = new Promise<number>(resolve => {
    tellListening = resolve
  })

  async function completed(): Promise<void> {
    const over = new AbortController()
    const patience = clock.sleep(FIRST_LIST_MS, over.signal).catch(() => {})
    await Promise.race([Promise.all([services.synced, slices.synced]), patience])
    over.abort()
  }

  async function start(signal: AbortSignal): Promise<void> {
    const unfollow = index.follow(services, slices)
    try {
      for (let attempt = 1; !signal.aborted; attempt += 1) {
        try {
          await listenOnce(signal)
          attempt = 0
        } catch (error) {
          const isTaken = (error as { code?: unknown }).code === 'EADDRINUSE'
          if (attempt % QUIET_ATTEMPTS === 0 && !(options.isShared === true && isTaken))
            log.warn('the DNS server of this node cannot listen', { address, error: messageOf(error) })
        }
        if (!signal.aborted) await clock.sleep(LISTEN_AGAIN_MS, signal).catch(() => {})
      }
    } finally {
      unfollow()
      forwarder.close()
    }
  }

  /** Listens until the signal aborts or a socket fails. */
  async function listenOnce(signal: AbortSignal): Promise<void> {
    const udp = await listenUdp(address, options.port ?? DNS_PORT, answering)
    const { port } = udp.socket.address()
    try {
      const tcp = await listenTcp(address, port, answering, clock)
      try {
        log.info('answering DNS queries', { address, port })
        tellListening(port)
        await new Promise<void>((resolve, reject) => {
          udp.socket.once('error', reject)
          tcp.server.once('error', reject)
          if (signal.aborted) resolve()
          signal.addEventListener('abort', () => resolve(), { once: true })
        })
      } finally {
        tcp.close()
      }
    } finally {
      udp.close()
    }
  }

  return { listening, start }
}

const DNS_PORT = 53

/** Never this server itself: a host may well use it. */
async function resolversOf({
  hostResolvers,
  address,
  resolverPort = DNS_PORT,
}: DnsServerOptions): Promise<readonly Resolver[]> {
  const { servers } = await hostResolvers.forHost()
  return servers.filter(server => server !== address).map(server => ({ address: server, port: resolverPort }))
}
