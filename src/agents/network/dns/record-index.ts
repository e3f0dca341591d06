import type { Informer } from '../../../client/index.ts'
import type { EndpointSlice, Service } from '../../../kube/index.ts'
import {
  clusterAddresses,
  describeService,
  readyEndpoints,
  type ServiceAddress,
  type ServiceRecords,
} from './service-records.ts'

/** The label by which an EndpointSlice names its service. */
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'

interface Entry {
  readonly namespace: string
  readonly name: string
  service: Service | undefined
  /** By name. */
  readonly slices: Map<string, EndpointSlice>
  /** Worked out when somebody asks, kept until something changes. */
  records: ServiceRecords | undefined
}

/**
 * The services of the cluster as names see them. An event costs what it changes: one service or slice is taken in, and the
 * records of its service are worked out anew when somebody next asks for them; no other service is looked at.
 */
export class RecordIndex {
  readonly #entries = new Map<string, Entry>()
  /** How many services each namespace has. */
  readonly #namespaces = new Map<string, number>()
  /** The service that each slice belonged to when it was last seen. */
  readonly #sliceOwners = new Map<string, string>()
  readonly #byClusterAddress = new Map<string, string>()
  /** Per endpoint address the services that have it, each with the number of times. */
  readonly #byEndpoint = new Map<string, Map<string, number>>()
  readonly #serviceAddress: ServiceAddress

  constructor(serviceAddress: ServiceAddress = address => address) {
    this.#serviceAddress = serviceAddress
  }

  /** Takes in what informers hold and every change after it; returns the function that ends it. */
  follow(
    services: Pick<Informer<Service>, 'subscribe'>,
    slices: Pick<Informer<EndpointSlice>, 'subscribe'>,
  ): () => void {
    const ends = [
      services.subscribe({
        added: service => this.setService(service),
        updated: service => this.setService(service),
        deleted: service => this.removeService(service),
      }),
      slices.subscribe({
        added: slice => this.setSlice(slice),
        updated: slice => this.setSlice(slice),
        deleted: slice => this.removeSlice(slice),
      }),
    ]
    return () => {
      for (const end of ends) end()
    }
  }

  setService(service: Service): void {
    this.removeService(service)
    const { namespace = '', name = '' } = service.metadata
    const entry = this.#entryOf(namespace, name)
    entry.service = service
    entry.records = undefined
    this.#namespaces.set(namespace, (this.#namespaces.get(namespace) ?? 0) + 1)
    for (const address of clusterAddresses(service, this.#serviceAddress))
      this.#byClusterAddress.set(address, keyOf(namespace, name))
  }

  removeService({ metadata: { namespace = '', name = '' } }: Service): void {
    const key = keyOf(namespace, name)
    const entry = this.#entries.get(key)
    if (entry?.service === undefined) return
    // What was last taken in, not what the event says of its end.
    for (const address of clusterAddresses(entry.service, this.#serviceAddress))
      if (this.#byClusterAddress.get(address) === key) this.#byClusterAddress.delete(address)
    entry.service = undefined
    entry.records = undefined
    const left = (this.#namespaces.get(namespace) ?? 1) - 1
    if (left === 0) this.#namespaces.delete(namespace)
    else this.#namespaces.set(namespace, left)
    this.#forgetEmpty(key, entry)
  }

  setSlice(slice: EndpointSlice): void {
    this.removeSlice(slice)
    const { namespace = '', name = '', labels = {} } = slice.metadata
    const serviceName = labels[SERVICE_NAME_LABEL]
    if (!serviceName) return
    const key = keyOf(namespace, serviceName)
    const entry = this.#entryOf(namespace, serviceName)
    entry.slices.set(name, slice)
    entry.records = undefined
    this.#sliceOwners.set(keyOf(namespace, name), key)
    for (const address of addressesOf(slice)) {
      const owners = this.#byEndpoint.get(address)
      if (owners === undefined) this.#byEndpoint.set(address, new Map([[key, 1]]))
      else owners.set(key, (owners.get(key) ?? 0) + 1)
    }
  }

  removeSlice({ metadata: { namespace = '', name = '' } }: EndpointSlice): void {
    const key = this.#sliceOwners.get(keyOf(namespace, name))
    const entry = key === undefined ? undefined : this.#entries.get(key)
    const slice = entry?.slices.get(name)
    if (key === undefined || entry === undefined || slice === undefined) return
    this.#sliceOwners.delete(keyOf(namespace, name))
    entry.slices.delete(name)
    entry.records = undefined
    for (const address of addressesOf(slice)) {
      const owners = this.#byEndpoint.get(address)
      const left = (owners?.get(key) ?? 1) - 1
      if (left > 0) owners?.set(key, left)
      else if (owners?.delete(key) && owners.size === 0) this.#byEndpoint.delete(address)
    }
    this.#forgetEmpty(key, entry)
  }

  /** Undefined when there is no such service. */
  service(namespace: string, name: string): ServiceRecords | undefined {
    const entry = this.#entries.get(keyOf(namespace, name))
    return entry === undefined ? undefined : this.#recordsOf(entry)
  }

  hasNamespace(namespace: string): boolean {
    return this.#namespaces.has(namespace)
  }

  /** The names of an address below `svc.<domain>`: its service's, else those that it has as an endpoint of services. */
  namesOf(address: string): readonly string[] {
    const owner = this.#entries.get(this.#byClusterAddress.get(address) ?? '')
    if (owner !== undefined) return [`${owner.name}.${owner.namespace}`]
    const names: string[] = []
    for (const key of this.#byEndpoint.get(address)?.keys() ?? []) {
      const entry = this.#entries.get(key)
      for (const [host, addresses] of (entry && this.#recordsOf(entry)?.hosts) ?? [])
        if (entry !== undefined && addresses.includes(address))
          names.push(`${host}.${entry.name}.${entry.namespace}`)
    }
    return names
  }

  #entryOf(namespace: string, name: string): Entry {
    const key = keyOf(namespace, name)
    const known = this.#entries.get(key)
    if (known !== undefined) return known
    const entry: Entry = { namespace, name, service: undefined, slices: new Map(), records: undefined }
    this.#entries.set(key, entry)
    return entry
  }

  #recordsOf(entry: Entry): ServiceRecords | undefined {
    if (entry.service === undefined) return undefined
    entry.records ??= describeService(entry.service, [...entry.slices.values()], this.#serviceAddress)
    return entry.records
  }

  #forgetEmpty(key: string, { service, slices }: Entry): void {
    if (service === undefined && slices.size === 0) this.#entries.delete(key)
  }
}

function addressesOf(slice: EndpointSlice): readonly string[] {
  return readyEndpoints(slice).flatMap(({ addresses }) => addresses)
}

function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`
}
