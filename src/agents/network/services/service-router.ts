import {
  backoffMs,
  type Clock,
  deepEqual,
  type Logger,
  messageOf,
  type Service as Part,
} from '../../../base/index.ts'
import { type Informer, untilSynced } from '../../../client/index.ts'
import { type EndpointSlice, type KubeObject, objectKey, type Service } from '../../../kube/index.ts'
import { Assembly, type Fragment, type Nft, NftTable } from '../nft/index.ts'
import { type StaleFlow, staleFlows } from './flows.ts'
import { tableFrame } from './frame.ts'
import { type HealthCheck, HealthChecks } from './health-checks.ts'
import type { Place } from './place.ts'
import { BY_SERVICE, serviceKeysOf } from './service-index.ts'
import { type ServicePortRoute, servicePorts } from './service-ports.ts'
import { serviceFragment } from './service-rules.ts'

/** Fragments of other parts in the same table, such as host ports and policies; it tells when it has others. */
export interface FragmentSource {
  /** By what they are about. */
  fragments(place: Place): Readonly<Record<string, Fragment>>
  /** Informers that must hold everything before the first load. */
  readonly needs: readonly Pick<Informer<KubeObject>, 'synced'>[]
  subscribe(onChange: () => void): () => void
}

export interface ServiceRouterOptions {
  readonly services: Informer<Service>
  readonly endpointSlices: Informer<EndpointSlice>
  readonly others: readonly FragmentSource[]
  /** The name of this agent's table. */
  readonly table: string
  readonly nft: Nft
  readonly forgetFlows: (flows: readonly StaleFlow[]) => Promise<void>
  /** Called when the place is known, changes, and now and then: routes and leave to forward. */
  readonly ensurePaths: (place: Place) => Promise<void>
  readonly clock: Clock
  readonly log: Logger
}

/** How often it looks whether somebody else removed the table. Upstream's sync period. */
const CHECK_PERIOD_MS = 30_000
/** The set of the table that says which UDP frontends have which backends. */
const UDP_FLOWS = 'udp-flows'
const NONE: ReadonlyMap<string, string> = new Map()
const RETRY = { initialMs: 200, maxMs: 10_000 }

/**
 * Keeps the table of this node equal to the services, their endpoints and whatever other sources want. It loads nothing before all
 * of it is known, so that what an earlier agent left goes on meanwhile; and leaves the table when it stops, so that traffic does.
 */
export class ServiceRouter implements Part {
  readonly #options: ServiceRouterOptions
  readonly #table: NftTable
  readonly #health: HealthChecks
  /** The ports of each service, made anew only for those that changed. */
  readonly #known = new Map<string, readonly ServicePortRoute[]>()
  readonly #dirty = new Set<string>()
  #place: Place | undefined
  /** What the table is to hold for that place. */
  #assembly: Assembly | undefined
  #version = 0
  #loaded = 0
  #wake: () => void = () => {}
  readonly #waiting: { readonly version: number; readonly resolve: () => void }[] = []

  constructor(options: ServiceRouterOptions) {
    this.#options = options
    this.#health = new HealthChecks(options.log)
    this.#table = new NftTable(options.table, {
      nft: options.nft,
      log: options.log,
      onLoaded: (before, after, assembly) => {
        const stale = staleFlows(
          before?.elements.get(UDP_FLOWS) ?? NONE,
          after.elements.get(UDP_FLOWS) ?? NONE,
          assembly.keysOf(UDP_FLOWS),
        )
        if (stale.length > 0) void options.forgetFlows(stale)
      },
    })
    options.endpointSlices.addIndex(BY_SERVICE, serviceKeysOf)
  }

  /** Tells where this node stands. Without it nothing is loaded; another place makes every rule anew. */
  setPlace(place: Place): void {
    if (deepEqual(asPlain(place), this.#place && asPlain(this.#place))) return
    this.#place = place
    this.#assembly = undefined
    this.#known.clear()
    for (const service of this.#options.services.list()) this.#dirty.add(objectKey(service))
    this.#changed()
    void this.#ensurePaths()
  }

  /** Resolves when everything that was known at the call is in the kernel; at the end of the router at the latest. */
  settled(): Promise<void> {
    if (this.#loaded >= this.#version) return Promise.resolve()
    return new Promise(resolve => this.#waiting.push({ version: this.#version, resolve }))
  }

  async start(signal: AbortSignal): Promise<void> {
    const { services, endpointSlices, others } = this.#options
    const touched = (service: Service) => this.#touch([objectKey(service)])
    const sliced = (slice: EndpointSlice) => this.#touch(serviceKeysOf(slice))
    const subscriptions = [
      services.subscribe({ added: touched, updated: touched, deleted: touched }),
      endpointSlices.subscribe({
        added: sliced,
        updated: (slice, previous) => this.#touch([...serviceKeysOf(slice), ...serviceKeysOf(previous)]),
        deleted: sliced,
      }),
      ...others.map(other => other.subscribe(() => this.#changed())),
    ]
    this.#changed()
    try {
      const needs = [services, endpointSlices, ...others.flatMap(other => other.needs)]
      if (await untilSynced(needs, signal)) await Promise.all([this.#follow(signal), this.#check(signal)])
    } finally {
      for (const unsubscribe of subscriptions) unsubscribe()
      this.#health.close()
      for (const { resolve } of this.#waiting.splice(0)) resolve()
    }
  }

  #touch(keys: readonly string[]): void {
    for (const key of keys) this.#dirty.add(key)
    if (keys.length > 0) this.#changed()
  }

  #changed(): void {
    this.#version += 1
    this.#wake()
  }

  /** One load at a time; what changes meanwhile goes into the next one together. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options
    let failures = 0
    const stop = () => this.#wake()
    signal.addEventListener('abort', stop, { once: true })
    while (!signal.aborted) {
      if (this.#place === undefined || this.#loaded >= this.#version) {
        await new Promise<void>(resolve => {
          this.#wake = resolve
          if (signal.aborted) resolve()
        })
        continue
      }
      try {
        await this.#load(this.#place)
        failures = 0
      } catch (error) {
        failures += 1
        log.warn('services are not routed as they should be, trying again', { error: messageOf(error) })
        // Rejects only by the abort.
        await clock.sleep(backoffMs(failures, RETRY), signal).catch(() => {})
      }
    }
    signal.removeEventListener('abort', stop)
  }

  async #load(place: Place): Promise<void> {
    const version = this.#version
    this.#assembly ??= new Assembly(tableFrame(place))
    const assembly = this.#assembly
    this.#renew(place, assembly)
    this.#options.others.forEach((other, index) => {
      for (const [part, fragment] of Object.entries(other.fragments(place)))
        assembly.put(`${part} (${index})`, fragment)
    })
    const outcome = await this.#table.load(assembly)
    if (outcome === 'replaced')
      this.#options.log.info('made the table of services', { table: this.#table.name })
    this.#loaded = version
    this.#health.set([...this.#known.values()].flatMap(ports => this.#healthChecksOf(ports)))
    const met = this.#waiting.filter(waiting => waiting.version <= version)
    for (const waiting of met) {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
      waiting.resolve()
    }
  }

  #renew(place: Place, assembly: Assembly): void {
    const { services, endpointSlices } = this.#options
    for (const key of this.#dirty) {
      const service = services.get(key)
      const ports =
        service === undefined
          ? []
          : servicePorts(service, endpointSlices.byIndex(BY_SERVICE, key), node => place.localNodes.has(node))
      if (ports.length === 0) {
        this.#known.delete(key)
        assembly.remove(key)
      } else {
        this.#known.set(key, ports)
        assembly.put(key, serviceFragment(ports, place))
      }
    }
    this.#dirty.clear()
  }

  #healthChecksOf(ports: readonly ServicePortRoute[]): readonly HealthCheck[] {
    const [first] = ports
    const service = first && this.#options.services.get(first.service)
    const port = service?.spec?.healthCheckNodePort
    if (first === undefined || !first.externalLocal || !port) return []
    // The ports of a service share their endpoints, but for those whose named port a pod lacks.
    return [
      {
        service: first.service,
        port,
        localReady: Math.max(...ports.map(({ backends }) => backends.localReady)),
      },
    ]
  }

  async #check(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options
    for (;;) {
      await clock.sleep(CHECK_PERIOD_MS, signal).catch(() => {})
      if (signal.aborted) return
      try {
        if (await this.#table.isLost()) {
          log.warn('the table of services was removed: making it anew', { table: this.#table.name })
          this.#changed()
        }
      } catch (error) {
        log.warn('cannot look at the table of services', { error: messageOf(error) })
      }
      await this.#ensurePaths()
    }
  }

  async #ensurePaths(): Promise<void> {
    if (this.#place === undefined) return
    try {
      await this.#options.ensurePaths(this.#place)
    } catch (error) {
      this.#options.log.warn('cannot open the ways to services on this host', { error: messageOf(error) })
    }
  }
}

function asPlain({ localNodes, ...networks }: Place): object {
  return { ...networks, localNodes: [...localNodes].sort() }
}
