import { type Clock, deepEqual, type Ids, type Logger, messageOf } from '../../base/index.ts'
import type { Informers } from '../../client/index.ts'
import { Kinds, type NodeNetwork } from '../../kube/index.ts'
import { createDnsServer, type HostResolvers } from './dns/index.ts'

export interface NameServiceOptions {
  readonly informers: Pick<Informers, 'of'>
  readonly hostResolvers: HostResolvers
  /** Whether other agents of the host have their server at the same address; default: no. */
  readonly isShared?: boolean
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

/** The DNS server of this node, at the address and for the networks that the node has now. */
export class NameService {
  readonly #options: NameServiceOptions
  #place: NameServicePlace | undefined
  #moved: () => void = () => {}

  constructor(options: NameServiceOptions) {
    this.#options = options
  }

  setPlace(place: NameServicePlace): void {
    if (deepEqual(place, this.#place)) return
    this.#place = place
    this.#moved()
  }

  async run(signal: AbortSignal): Promise<void> {
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
    try {
      await server.start(signal)
    } catch (error) {
      log.warn('names are not answered on this host', { error: messageOf(error) })
      await aborted(signal)
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}
