import { type Clock, type Logger, messageOf } from '../../base/index.ts'
import type { Informer, Informers } from '../../client/index.ts'
import { Kinds, type Pod } from '../../kube/index.ts'
import { createNft, programRunner, removeTable } from './nft/index.ts'
import { nodeHash } from './pods/index.ts'
import { LocalPods } from './policy/index.ts'
import {
  createFlowForgetter,
  ensureHostPaths,
  type Place,
  removeHostPaths,
  ServiceRouter,
} from './services/index.ts'

export interface RoutingOptions {
  readonly informers: Pick<Informers, 'of'>
  readonly ownPods: Informer<Pod>
  readonly clusterUid: string
  readonly nodeName: string
  readonly clock: Clock
  readonly log: Logger
}

/** Services, host ports and network policies of this node: what is in its table of nftables. */
export class Routing {
  readonly #log: Logger
  readonly #nft = createNft(programRunner())
  readonly #localPods: LocalPods
  readonly #router: ServiceRouter
  readonly #table: string
  /** False where there can be no table: nothing is waited for then. */
  #isRouting = true

  constructor({ informers, ownPods, clock, log, ...owner }: RoutingOptions) {
    const run = programRunner()
    const table = tableName(owner)
    this.#log = log
    this.#table = table
    this.#localPods = new LocalPods({ pods: ownPods, policies: informers.of(Kinds.PolicyEndpoints) })
    this.#router = new ServiceRouter({
      services: informers.of(Kinds.Service),
      endpointSlices: informers.of(Kinds.EndpointSlice),
      others: [this.#localPods],
      table,
      nft: this.#nft,
      forgetFlows: createFlowForgetter(run, log),
      ensurePaths: place => ensureHostPaths(run, place, table),
      clock,
      log,
    })
  }

  setPlace(place: Place): void {
    this.#router.setPlace(place)
  }

  async admit(pod: Pod, address: string): Promise<void> {
    if (this.#localPods.admit(pod, address) && this.#isRouting) await this.#router.settled()
  }

  forget(uid: string): void {
    this.#localPods.forget(uid)
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#nft.has(this.#table)
    } catch (error) {
      this.#isRouting = false
      this.#log.warn('services, host ports and network policies do not work on this host: install nftables', {
        error: messageOf(error),
      })
      return
    }
    await this.#router.start(signal)
  }
}

/** Removes the table and what made room for it in the host's firewall. */
export async function removeRouting(owner: {
  readonly clusterUid: string
  readonly nodeName: string
}): Promise<void> {
  const run = programRunner()
  const table = tableName(owner)
  await removeHostPaths(run, table)
  await removeTable(createNft(run), table)
}

function tableName(owner: { readonly clusterUid: string; readonly nodeName: string }): string {
  return `bowline-${nodeHash(owner)}`
}
