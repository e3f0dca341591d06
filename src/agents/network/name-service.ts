import { type Clock, deepEqual, type Ids, type Logger, messageOf } from '../../base/index.ts'
import type { Informers } from '../../client/index.ts'
import { Kinds, type NodeNetwork } from '../../kube/index.ts'
import { createDnsServer, type HostResolvers } from './dns/index.ts'

export interface NameServiceOptions {
  readonly informers: Pick<Informers, 'of'>
  readonly hostResolvers: HostResolvers
  /** Whether other agents of the host have their server at the same address; default: no. */
  readonly isShared?: boolean
  /** Who else is answered besides the ranges of the place; default: nobody. */
  readonly isClient?: (address: string) => boolean
  /** Where askers reach a service; default: at its own address. */
  readonly serviceAddress?: (clusterIP: string) => string
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

export interface NameServicePlace {
  /** Where the server listens. */
  readonly address: string
  /** The ranges of who is answered, besides the host itself. */
  readonly clients: readonly string[]
  readonly network: NodeNetwork
}

/** How long pods wait for the server before they are told to do without. */
const LISTEN_PATIENCE_MS = 5_000

/** The DNS server of this node, at the address and for the networks that the node has now. */
export class NameService {
  readonly #options: NameServiceOptions
  /** Ends the first pods' wait. */
  readonly #awaited = new AbortController()
  #patience: Promise<void> | undefined
  #place: NameServicePlace | undefined
  #listensAt: string | undefined
  #moved: () => void = () => {}

  constructor(options: NameServiceOptions) {
    this.#options = options
  }

  setPlace(place: NameServicePlace): void {
    if (deepEqual(place, this.#place)) return
    this.#place = place
    this.#moved()
  }

  /**
   * Where pods that start now are answered. Who asks before the server listens waits for it, once and for some seconds; undefined while
   * it cannot: a pod keeps what it was told, and is better off with the host's resolvers than with none.
   */
  async address(): Promise<string | undefined> {
    this.#patience ??= this.#options.clock.sleep(LISTEN_PATIENCE_MS, this.#awaited.signal).catch(() => {})
    if (this.#listensAt === undefined) await this.#patience
    return this.#listensAt
  }

  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#awaited.abort(), { once: true })
    while (!signal.aborted) {
      const place = this.#place
      const moved = new AbortController()
      this.#moved = () => moved.abort()
      const until = AbortSignal.any([signal, moved.signal])
      if (place === undefined) await aborted(until)
      else await this.#serve(place, until)
    }
  }

  async #serve({ address, clients, network }: NameServicePlace, signal: AbortSignal): Promise<void> {
    const { informers, log, ...rest } = this.#options
    const server = createDnsServer({
      ...rest,
      log,
      address,
      clusterDomain: network.clusterDomain,
      clusterNetworks: [network.podCidr, network.serviceCidr],
      clients: [...clients, '127.0.0.0/8'],
      services: informers.of(Kinds.Service),
      slices: informers.of(Kinds.EndpointSlice),
    })
    const listens = () => {
      if (signal.aborted) return
      this.#listensAt = address
      this.#awaited.abort()
    }
    try {
      await Promise.all([
        server.start(signal),
        Promise.race([server.listening.then(listens), aborted(signal)]),
      ])
    } catch (error) {
      log.warn('names are not answered on this host', { error: messageOf(error) })
      await aborted(signal)
    } finally {
      this.#listensAt = undefined
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}
