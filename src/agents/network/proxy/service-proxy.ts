import type { Service as Part } from '../../../base/index.ts'
import { type Informer, untilSynced } from '../../../client/index.ts'
import {
  type Endpoint,
  type EndpointSlice,
  type KubeObject,
  objectKey,
  type Service,
} from '../../../kube/index.ts'
import {
  BY_SERVICE,
  type LocalPod,
  type ServicePortRoute,
  serviceKeysOf,
  servicePorts,
} from '../services/index.ts'
import { Forwarders, type ForwardersOptions } from './forwarders.ts'
import {
  type Frontend,
  type HostScope,
  hostPortFrontends,
  localNodePort,
  serviceFrontends,
} from './frontends.ts'

/** The pods of this node with their ports of the host. */
export interface PodSource {
  /** Informers that must hold everything before the list is complete. */
  readonly needs: readonly Pick<Informer<KubeObject>, 'synced'>[]
  list(): readonly LocalPod[]
  subscribe(onChange: () => void): () => void
}

export interface ServiceProxyOptions extends ForwardersOptions {
  readonly services: Informer<Service>
  readonly endpointSlices: Informer<EndpointSlice>
  /** Undefined where somebody else serves ports of the host. */
  readonly pods: PodSource | undefined
}

/** Where a proxy stands. */
export interface ProxyPlace {
  /** `loopback`: nftables serves all but 127.0.0.1, where this proxy serves the ports of the host and nothing else. */
  readonly scope: HostScope
  readonly isLocalNode: (nodeName: string) => boolean
  /** Whether a connection of this host gets to an endpoint at all. */
  readonly reaches: (endpoint: Endpoint) => boolean
}

/**
 * Serves services and ports of the host in this process, by listening: for pods that are processes of the host, for agents that may not
 * change its network, and at 127.0.0.1. Backends see the host as their client, and connections end with the agent; otherwise as
 * Kubernetes does it.
 */
export class ServiceProxy implements Part {
  readonly #options: ServiceProxyOptions
  readonly #forwarders: Forwarders
  readonly #frontends = new Map<string, readonly Frontend[]>()
  readonly #dirty = new Set<string>()
  #place: ProxyPlace | undefined
  #isRunning = false
  #isScheduled = false

  constructor(options: ServiceProxyOptions) {
    this.#options = options
    this.#forwarders = new Forwarders(options)
    options.endpointSlices.addIndex(BY_SERVICE, serviceKeysOf)
  }

  /** Where it listens now, as `TCP 127.43.0.5:80`. */
  get listening(): readonly string[] {
    return this.#forwarders.listening
  }

  /** Tells where it stands. Until then it serves nothing. */
  setPlace(place: ProxyPlace): void {
    this.#place = place
    this.#touch(this.#options.services.list().map(objectKey))
  }

  async start(signal: AbortSignal): Promise<void> {
    const { services, endpointSlices, pods } = this.#options
    if (!(await untilSynced([services, endpointSlices, ...(pods?.needs ?? [])], signal))) return
    this.#isRunning = true
    const touched = (service: Service) => this.#touch([objectKey(service)])
    const sliced = (slice: EndpointSlice) => this.#touch(serviceKeysOf(slice))
    const subscriptions = [
      services.subscribe({ added: touched, updated: touched, deleted: touched }),
      endpointSlices.subscribe({
        added: sliced,
        updated: (slice, previous) => this.#touch([...serviceKeysOf(slice), ...serviceKeysOf(previous)]),
        deleted: sliced,
      }),
      ...(pods === undefined ? [] : [pods.subscribe(() => this.#touch([]))]),
    ]
    this.#touch([])
    if (!signal.aborted)
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
    this.#isRunning = false
    for (const unsubscribe of subscriptions) unsubscribe()
    await this.#forwarders.close()
  }

  /** What is told in one go is looked at once. */
  #touch(keys: readonly string[]): void {
    for (const key of keys) this.#dirty.add(key)
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      if (this.#isRunning && this.#place !== undefined) this.#renew(this.#place)
    })
  }

  #renew({ scope, isLocalNode, reaches }: ProxyPlace): void {
    const { services, endpointSlices, pods } = this.#options
    const frontendsOf: (route: ServicePortRoute) => readonly Frontend[] =
      scope === 'loopback' ? localNodePort : serviceFrontends
    for (const key of this.#dirty) {
      const service = services.get(key)
      const slices = endpointSlices
        .byIndex(BY_SERVICE, key)
        .map(slice => ({ ...slice, endpoints: slice.endpoints.filter(reaches) }))
      const frontends =
        service === undefined ? [] : servicePorts(service, slices, isLocalNode).flatMap(frontendsOf)
      if (frontends.length === 0) this.#frontends.delete(key)
      else this.#frontends.set(key, frontends)
    }
    this.#dirty.clear()
    this.#forwarders.set([
      ...[...this.#frontends.values()].flat(),
      ...hostPortFrontends(pods?.list() ?? [], scope),
    ])
  }
}
