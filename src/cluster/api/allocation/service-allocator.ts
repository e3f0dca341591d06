import {
  containsAddress,
  formatIpv4,
  formatSubnet,
  parseIpv4,
  type Subnet,
  sizeOf,
} from '../../../base/index.ts'
import {
  hasClusterIp,
  hasHealthCheckPort,
  hasNodePorts,
  invalidError,
  isHeadless,
  Problems,
  wantsNodePorts,
} from '../../../kinds/index.ts'
import {
  type Kind,
  Kinds,
  type KubeObject,
  type Service,
  type ServicePort,
  type ServiceSpec,
  StatusError,
} from '../../../kube/index.ts'
import type { World } from '../cache/world.ts'
import type { Allocation, Allocator } from './allocator.ts'
import { completeFamilies } from './ip-families.ts'
import { type NumberPool, pickNumber, reservedPart } from './number-pool.ts'
import { type Claim, claimsOf, ServiceClaims } from './service-claims.ts'

/** Upstream's `--service-node-port-range`. */
const NODE_PORTS: NumberPool = {
  first: 30_000,
  count: 2_768,
  reserved: reservedPart(2_768, { part: 32, least: 16, most: 128 }),
}

/**
 * Gives Services their `clusterIP` and the ports of nodes, as upstream's API server does
 * (kubernetes `pkg/registry/core/service/storage/alloc.go`).
 */
export class ServiceAllocator implements Allocator {
  readonly #range: Subnet
  readonly #addresses: NumberPool
  readonly #claims: ServiceClaims

  constructor(world: World, range: Subnet) {
    this.#range = range
    this.#claims = new ServiceClaims(world)
    // Neither the network's own address nor that of all its hosts.
    this.#addresses = {
      first: range.base + 1,
      count: sizeOf(range) - 2,
      reserved: reservedPart(sizeOf(range), { part: 16, least: 16, most: 256 }),
    }
  }

  allocate(kind: Kind, object: KubeObject, old: KubeObject | undefined): Allocation {
    if (kind.group !== '' || kind.kind !== Kinds.Service.kind) return unchanged(object)
    const service = object as Service
    if (service.spec === undefined) return unchanged(object)
    const draw = new Draw(service, old as Service | undefined, this.#claims, {
      range: this.#range,
      addresses: this.#addresses,
    })
    const spec = draw.complete(service.spec)
    const claims = draw.claims
    this.#claims.hold(claims)
    const completed: Service = { ...service, spec }
    return {
      object: completed,
      settle: revision => this.#claims.settle(claims, revision),
    }
  }
}

function unchanged(object: KubeObject): Allocation {
  return { object, settle: () => undefined }
}

/** What one Service is given: each step takes a spec and answers with a completed one. */
class Draw {
  readonly #name: string
  readonly #seed: string
  readonly #old: Service | undefined
  readonly #before: ReadonlySet<Claim>
  readonly #all: ServiceClaims
  readonly #pools: { readonly range: Subnet; readonly addresses: NumberPool }
  readonly #taken = new Set<Claim>()

  constructor(
    { metadata: { namespace = '', name = '' } }: Service,
    old: Service | undefined,
    all: ServiceClaims,
    pools: { readonly range: Subnet; readonly addresses: NumberPool },
  ) {
    this.#name = name
    this.#seed = `${namespace}/${name}`
    this.#old = old
    this.#before = old === undefined ? new Set() : claimsOf(old)
    this.#all = all
    this.#pools = pools
  }

  /** What it took that it did not have before. */
  get claims(): readonly Claim[] {
    return [...this.#taken]
  }

  complete(given: ServiceSpec): ServiceSpec {
    const answer = completeFamilies(given, this.#old)
    if ('problems' in answer) throw invalidError(Kinds.Service, this.#name, answer.problems)
    return this.#withHealthCheckPort(this.#withNodePorts(this.#withAddress(answer.spec)))
  }

  #withAddress(spec: ServiceSpec): ServiceSpec {
    if (!hasClusterIp(spec) || isHeadless(spec)) return spec
    // What it has is immutable, and validation says so.
    if ((this.#old?.spec?.clusterIPs ?? []).length > 0) return spec
    const [requested] = spec.clusterIPs ?? []
    if (requested !== undefined) {
      this.#takeAddress(requested, spec.clusterIPs)
      return spec
    }
    const { addresses } = this.#pools
    // The first is the API's own, there already or not.
    const number = pickNumber(
      addresses,
      this.#seed,
      address => address === addresses.first || this.#isTaken(`address/${address}`),
    )
    if (number === undefined) throw exhausted('failed to allocate a serviceIP: range is full')
    this.#taken.add(`address/${number}`)
    const clusterIP = formatIpv4(number)
    return { ...spec, clusterIP, clusterIPs: [clusterIP] }
  }

  #takeAddress(address: string, shown: ServiceSpec['clusterIPs']): void {
    const number = parseIpv4(address) ?? -1
    const { range, addresses } = this.#pools
    const refuse = (why: string): StatusError =>
      this.#invalid('spec.clusterIPs', shown, `failed to allocate IP ${address}: ${why}`)
    if (
      !containsAddress(range, number) ||
      number < addresses.first ||
      number >= addresses.first + addresses.count
    )
      throw refuse(
        `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${formatSubnet(range)}`,
      )
    if (this.#isTaken(`address/${number}`)) throw refuse('provided IP is already allocated')
    this.#taken.add(`address/${number}`)
  }

  #withNodePorts(spec: ServiceSpec): ServiceSpec {
    if (!hasNodePorts(spec)) return spec
    const { ports = [] } = spec
    ports.forEach(({ nodePort }, index) => {
      if (nodePort) this.#takePort(nodePort, `spec.ports[${index}].nodePort`, '')
    })
    if (!wantsNodePorts(spec)) return spec
    const given = new Map(
      ports.flatMap(({ port, nodePort }) => (nodePort ? [[port, nodePort] as const] : [])),
    )
    const complete = (port: ServicePort): ServicePort => {
      if (port.nodePort) return port
      const nodePort = this.#sharedPort(port, given, ports) ?? this.#pickPort(`${port.port}/${port.protocol}`)
      if (nodePort === undefined) throw exhausted('failed to allocate a nodePort: range is full')
      given.set(port.port, nodePort)
      return { ...port, nodePort }
    }
    // One after the other: a later port may share what an earlier one was given.
    const completed: ServicePort[] = []
    for (const port of ports) completed.push(complete(port))
    return { ...spec, ports: completed }
  }

  /** The same number for TCP and UDP of one port (DNS), as a new Service gets it; none when that number has the protocol already. */
  #sharedPort(
    { port, protocol }: ServicePort,
    given: ReadonlyMap<number, number>,
    ports: readonly ServicePort[],
  ): number | undefined {
    const shared = this.#old === undefined ? given.get(port) : undefined
    const isUsed = ports.some(other => other.nodePort === shared && other.protocol === protocol)
    return shared === undefined || isUsed ? undefined : shared
  }

  #withHealthCheckPort(spec: ServiceSpec): ServiceSpec {
    if (!hasHealthCheckPort(spec)) return spec
    const { healthCheckNodePort } = spec
    if (healthCheckNodePort) {
      this.#takePort(
        healthCheckNodePort,
        'spec.healthCheckNodePort',
        `failed to allocate requested HealthCheck NodePort ${healthCheckNodePort}: `,
      )
      return spec
    }
    const port = this.#pickPort('health')
    if (port === undefined) throw exhausted('failed to allocate a HealthCheck NodePort: range is full')
    return { ...spec, healthCheckNodePort: port }
  }

  /** What it has already, or has asked for twice, it may have: validation judges whether it is the same one. */
  #takePort(port: number, path: string, intro: string): void {
    const claim: Claim = `port/${port}`
    if (this.#before.has(claim) || this.#taken.has(claim)) return
    const { first, count } = NODE_PORTS
    if (port < first || port >= first + count)
      throw this.#invalid(
        path,
        port,
        `${intro}provided port is not in the valid range. The range of valid ports is ${first}-${first + count - 1}`,
      )
    if (this.#all.isTaken(claim))
      throw this.#invalid(path, port, `${intro}provided port is already allocated`)
    this.#taken.add(claim)
  }

  #pickPort(part: string): number | undefined {
    const port = pickNumber(NODE_PORTS, `${this.#seed}/${part}`, number => this.#isTaken(`port/${number}`))
    if (port !== undefined) this.#taken.add(`port/${port}`)
    return port
  }

  #isTaken(claim: Claim): boolean {
    return this.#taken.has(claim) || this.#before.has(claim) || this.#all.isTaken(claim)
  }

  #invalid(path: string, value: unknown, why: string): StatusError {
    const problems = new Problems()
    problems.invalid(path, value, why)
    return invalidError(Kinds.Service, this.#name, problems.list)
  }
}

function exhausted(message: string): StatusError {
  return new StatusError('InternalError', `Internal error occurred: ${message}`)
}
