import type { Service as Part } from '../../../base/index.ts'
import { type Informer, untilSynced } from '../../../client/index.ts'
import { type EndpointSlice, objectKey, type Service } from '../../../kube/index.ts'
import { BY_SERVICE, serviceKeysOf, servicePorts } from '../services/index.ts'
import { Forwarders, type ForwardersOptions } from './forwarders.ts'
import { type Frontend, frontendsOf } from './frontends.ts'

export interface ServiceProxyOptions extends ForwardersOptions {
  readonly services: Informer<Service>
  readonly endpointSlices: Informer<EndpointSlice>
  readonly isLocalNode: (nodeName: string) => boolean
}

/**
 * Serves the services of the cluster in this process, by listening: for pods that are processes of the host, and agents that may not
 * change its network. Backends see the host as their client, and connections end with the agent; otherwise as Kubernetes does it.
 */
export class ServiceProxy implements Part {
  readonly #options: ServiceProxyOptions
  readonly #forwarders: Forwarders
  readonly #frontends = new Map<string, readonly Frontend[]>()
  readonly #dirty = new Set<string>()
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

  async start(signal: AbortSignal): Promise<void> {
    const { services, endpointSlices } = this.#options
    if (!(await untilSynced([services, endpointSlices], signal))) return
    const touched = (service: Service) => this.#touch([objectKey(service)])
    const sliced = (slice: EndpointSlice) => this.#touch(serviceKeysOf(slice))
    const subscriptions = [
      services.subscribe({ added: touched, updated: touched, deleted: touched }),
      endpointSlices.subscribe({
        added: sliced,
        updated: (slice, previous) => this.#touch([...serviceKeysOf(slice), ...serviceKeysOf(previous)]),
        deleted: sliced,
      }),
    ]
    if (!signal.aborted)
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
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
      this.#renew()
    })
  }

  #renew(): void {
    const { services, endpointSlices, isLocalNode } = this.#options
    for (const key of this.#dirty) {
      const service = services.get(key)
      const slices = endpointSlices.byIndex(BY_SERVICE, key)
      const frontends =
        service === undefined ? [] : servicePorts(service, slices, isLocalNode).flatMap(frontendsOf)
      if (frontends.length === 0) this.#frontends.delete(key)
      else this.#frontends.set(key, frontends)
    }
    this.#dirty.clear()
    this.#forwarders.set([...this.#frontends.values()].flat())
  }
}
