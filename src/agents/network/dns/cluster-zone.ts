import { isIPv4 } from 'node:net'
import { canonicalName, dashedAddress, isWireName, reversedAddress } from './names.ts'
import { Networks } from './networks.ts'
import type { RecordIndex } from './record-index.ts'
import type { ServicePortRecord, ServiceRecords } from './service-records.ts'

/** A record without its name and time to live, as the codec takes them. */
export type RecordData =
  | { readonly type: 'A' | 'AAAA' | 'CNAME' | 'NS' | 'PTR'; readonly data: string }
  | { readonly type: 'TXT'; readonly data: string }
  | {
      readonly type: 'SRV'
      readonly data: {
        readonly priority: number
        readonly weight: number
        readonly port: number
        readonly target: string
      }
    }

export interface NamedRecord {
  readonly name: string
  readonly record: RecordData
}

/** What the cluster has to say to a question. */
export type Resolution =
  /** The name's records of the type, and others that the asker will want next. */
  | {
      readonly type: 'found'
      readonly records: readonly RecordData[]
      readonly ttlSeconds: number
      readonly additionals: readonly NamedRecord[]
    }
  /** The name stands for another one, whose records are asked for in its place. */
  | { readonly type: 'alias'; readonly target: string }
  /** The name exists, and has no records of the type; or it does not exist. Both are known for sure below `zone`. */
  | { readonly type: 'no-data' | 'no-name'; readonly zone: string }
  /** Not a name of the cluster. */
  | { readonly type: 'elsewhere' }

export interface ClusterZoneOptions {
  /** `cluster.local`. */
  readonly domain: string
  /** Where the node's server listens; `ns.dns.<domain>` leads there. */
  readonly serverAddress: string
  /** The ranges of pods and services: nobody else knows the names of these addresses. */
  readonly networks: readonly string[]
  readonly index: RecordIndex
}

/** As CoreDNS has it by default; endpoints come and go. */
export const RECORD_TTL_SECONDS = 5
const VERSION_TTL_SECONDS = 28_800
/** Of the specification that the records follow (kubernetes/dns `docs/specification.md`). */
const SCHEMA_VERSION = '1.1.0'

/** The names of the cluster: `<service>.<namespace>.svc.<domain>` and the rest of the specification. Pure but for its index. */
export class ClusterZone {
  readonly domain: string
  readonly #serverAddress: string
  readonly #index: RecordIndex
  readonly #networks: Networks

  constructor({ domain, serverAddress, networks, index }: ClusterZoneOptions) {
    this.domain = canonicalName(domain)
    this.#serverAddress = serverAddress
    this.#index = index
    this.#networks = new Networks(networks)
  }

  /** Answers for a name as it was asked, in any case, and a type in the codec's words. */
  resolve(askedName: string, type: string): Resolution {
    const name = canonicalName(askedName)
    if (name === this.domain) return this.#apex(type)
    if (name.endsWith(`.${this.domain}`))
      return this.#below(name.slice(0, -this.domain.length - 1).split('.'), type)
    const address = reversedAddress(name)
    return address === undefined ? { type: 'elsewhere' } : this.#reverse(address, type)
  }

  #apex(type: string): Resolution {
    return type === 'NS' ? found([{ type: 'NS', data: `ns.dns.${this.domain}` }]) : this.#noData()
  }

  #below(labels: readonly string[], type: string): Resolution {
    switch (labels.at(-1)) {
      case 'svc':
        return this.#underServices(labels, type)
      case 'pod':
        return this.#underPods(labels, type)
      case 'dns':
        return this.#underDns(labels, type)
      case 'dns-version':
        if (labels.length > 1) return this.#noName()
        return type === 'TXT'
          ? found([{ type: 'TXT', data: SCHEMA_VERSION }], VERSION_TTL_SECONDS)
          : this.#noData()
      default:
        return this.#noName()
    }
  }

  #underDns(labels: readonly string[], type: string): Resolution {
    if (labels.length === 1) return this.#noData()
    if (labels.length > 2 || labels[0] !== 'ns') return this.#noName()
    return this.#addresses([this.#serverAddress], type)
  }

  /** The address that the name spells, whoever has it: what kubeadm's and k3s' `pods insecure` answers. */
  #underPods(labels: readonly string[], type: string): Resolution {
    if (labels.length < 3) return this.#noData()
    const address = labels.length === 3 ? dashedAddress(labels[0] ?? '') : undefined
    return address === undefined ? this.#noName() : this.#addresses([address], type)
  }

  #underServices(labels: readonly string[], type: string): Resolution {
    if (labels.length === 1) return this.#noData()
    const [namespace = '', name = '', ...rest] = labels.slice(0, -1).reverse()
    if (name === '') return this.#index.hasNamespace(namespace) ? this.#noData() : this.#noName()
    const service = this.#index.service(namespace, name)
    // A headless service without ready endpoints has no name, says the specification.
    if (service === undefined || (service.isHeadless && service.hosts.size === 0)) return this.#noName()
    const own = `${name}.${namespace}.svc.${this.domain}`
    if (rest.length === 0) return this.#ofService(service, own, type)
    if (service.target !== undefined) return this.#noName()
    const [host = '', port] = rest
    if (rest.length === 1 && !host.startsWith('_')) {
      const addresses = service.hosts.get(host)
      return addresses === undefined ? this.#noName() : this.#addresses(addresses, type)
    }
    return rest.length > 2 ? this.#noName() : this.#ofPorts(service, own, host, port, type)
  }

  #ofService(service: ServiceRecords, own: string, type: string): Resolution {
    if (service.target !== undefined) return this.#external(service.target, type)
    // CoreDNS tells all ports at the service's own name, and finders of peers rely on it.
    if (type === 'SRV') return this.#srv(service, own, service.ports)
    return this.#addresses(service.addresses, type)
  }

  #external(target: string, type: string): Resolution {
    // An address is no name: upstream answers nothing for it either.
    if (!isWireName(target) || isIPv4(target)) return this.#noData()
    return type === 'CNAME' ? found([{ type: 'CNAME', data: target }]) : { type: 'alias', target }
  }

  /** `_port._protocol`, and the name between that and the service, `_protocol`, which exists and has nothing. */
  #ofPorts(
    service: ServiceRecords,
    own: string,
    protocolLabel: string,
    portLabel: string | undefined,
    type: string,
  ): Resolution {
    const ports = service.ports.filter(
      ({ name, protocol }) =>
        name !== '' &&
        protocolLabel === `_${protocol}` &&
        (portLabel === undefined || portLabel === `_${name}`),
    )
    if (ports.length === 0) return this.#noName()
    return portLabel !== undefined && type === 'SRV' ? this.#srv(service, own, ports) : this.#noData()
  }

  #srv(service: ServiceRecords, own: string, ports: readonly ServicePortRecord[]): Resolution {
    if (ports.length === 0) return this.#noData()
    const weight = Math.max(1, Math.floor(100 / ports.length))
    const targetOf = (host: string | undefined) => (host === undefined ? own : `${host}.${own}`)
    const hosts = new Set(ports.map(({ host }) => host))
    return {
      type: 'found',
      records: ports.map(({ port, host }) => ({
        type: 'SRV',
        data: { priority: 0, weight, port, target: targetOf(host) },
      })),
      ttlSeconds: RECORD_TTL_SECONDS,
      additionals: [...hosts].flatMap(host =>
        (host === undefined ? service.addresses : (service.hosts.get(host) ?? [])).map(address => ({
          name: targetOf(host),
          record: addressRecord(address),
        })),
      ),
    }
  }

  #reverse(address: string, type: string): Resolution {
    const names = this.#index.namesOf(address)
    if (names.length > 0)
      return type === 'PTR' || type === 'ANY'
        ? found(names.map(name => ({ type: 'PTR', data: `${name}.svc.${this.domain}` })))
        : { type: 'no-data', zone: 'in-addr.arpa' }
    return this.#networks.includes(address)
      ? { type: 'no-name', zone: 'in-addr.arpa' }
      : { type: 'elsewhere' }
  }

  #addresses(addresses: readonly string[], type: string): Resolution {
    const records = addresses.map(addressRecord).filter(record => record.type === type || type === 'ANY')
    return records.length === 0 ? this.#noData() : found(records)
  }

  #noData(): Resolution {
    return { type: 'no-data', zone: this.domain }
  }

  #noName(): Resolution {
    return { type: 'no-name', zone: this.domain }
  }
}

function addressRecord(address: string): RecordData {
  return { type: isIPv4(address) ? 'A' : 'AAAA', data: address }
}

function found(records: readonly RecordData[], ttlSeconds: number = RECORD_TTL_SECONDS): Resolution {
  return { type: 'found', records, ttlSeconds, additionals: [] }
}
