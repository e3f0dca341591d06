import { type Chain, contentChain, type Element, type Fragment, namedSet } from '../nft/index.ts'
import type { Backend } from './endpoints.ts'
import { PROTOCOL_NUMBERS } from './frame.ts'
import { PICKS_IN_FRAME, pickName, pickRule } from './pick.ts'
import type { Place } from './place.ts'
import { isWithin } from './ranges.ts'
import type { ServicePortRoute } from './service-ports.ts'

/** What the ports of one service want in the table. The text depends on nothing but the arguments. */
export function serviceFragment(ports: readonly ServicePortRoute[], place: Place): Fragment {
  const rules = new ServiceRules(place)
  for (const port of ports) rules.add(port)
  return rules
}

/** An address and port, or a port of every address of the host, by which a service is reached. */
type Frontend = { readonly address: string; readonly port: number } | { readonly nodePort: number }

class ServiceRules implements Fragment {
  readonly chains: Chain[] = []
  readonly sets: { readonly name: string; readonly declaration: string }[] = []
  readonly elements: Element[] = []
  readonly #place: Place

  constructor(place: Place) {
    this.#place = place
  }

  add(port: ServicePortRoute): void {
    const { clusterIP, backends, internalLocal } = port
    this.elements.push({ of: 'cluster-ips', key: clusterIP })
    const internal = { address: clusterIP, port: port.port }
    const isServed = backends.cluster.length > 0
    if (!isServed) for (const frontend of [internal, ...externalFrontends(port)]) this.#refuse(port, frontend)
    else {
      this.#aboutBackends(port)
      this.#serve(port, internal, internalLocal ? backends.local : backends.cluster)
      this.#serveOutside(port)
    }
  }

  #refuse({ protocol }: ServicePortRoute, frontend: Frontend): void {
    const number = PROTOCOL_NUMBERS[protocol]
    if ('nodePort' in frontend)
      this.elements.push({ of: 'unserved-node-ports', key: `${number} . ${frontend.nodePort}` })
    else this.elements.push({ of: 'unserved', key: `${frontend.address} . ${number} . ${frontend.port}` })
  }

  /** What has to be known of backends whoever reaches them. */
  #aboutBackends({ protocol, backends }: ServicePortRoute): void {
    const { podCidr, clusterCidr } = this.#place
    for (const { address, port } of backends.cluster) {
      if (isWithin(address, podCidr)) this.elements.push({ of: 'self', key: `${address} . ${address}` })
      else if (!isWithin(address, clusterCidr))
        this.elements.push({
          of: 'outside-backends',
          key: `${address} . ${PROTOCOL_NUMBERS[protocol]} . ${port}`,
        })
    }
  }

  /** Leads a frontend to one of the backends; to none, so that it drops, where the policy says `Local` and the host has none. */
  #serve(route: ServicePortRoute, frontend: Frontend, backends: readonly Backend[]): void {
    if (backends.length === 0) return this.#lead(route, frontend, 'drop')
    this.#noteFlows(route, frontend, backends)
    if (route.affinitySeconds !== undefined)
      return this.#lead(route, frontend, `goto ${this.#affineChain(route, backends)}`)
    const number = PROTOCOL_NUMBERS[route.protocol]
    const [of, key] =
      'nodePort' in frontend
        ? ['node-port-backends', `${number} . ${frontend.nodePort}`]
        : ['backends', `${frontend.address} . ${number} . ${frontend.port}`]
    backends.forEach(({ address, port }, index) => {
      this.elements.push({ of, key: `${key} . ${index}`, value: `${address} . ${port}` })
    })
    this.#lead(route, frontend, `goto ${this.#pickChain('nodePort' in frontend, backends.length)}`)
  }

  #serveOutside(route: ServicePortRoute): void {
    const { backends, externalLocal, sourceRanges, loadBalancerIPs } = route
    const plain: Frontend[] = []
    const guarded: Frontend[] = []
    for (const frontend of externalFrontends(route)) {
      const isBalancer = 'address' in frontend && loadBalancerIPs.includes(frontend.address)
      if (isBalancer && sourceRanges.length > 0) guarded.push(frontend)
      else plain.push(frontend)
    }
    if (!externalLocal) for (const frontend of plain) this.#serve(route, frontend, backends.cluster)
    const special = externalLocal ? [...plain, ...guarded] : guarded
    if (special.length === 0) return
    const everyone = externalLocal ? this.#localOnlyChain(route) : this.#anyChain(route, backends.cluster)
    for (const frontend of special) {
      const used = externalLocal && backends.local.length > 0 ? backends.local : backends.cluster
      this.#noteFlows(route, frontend, used)
      const guard = guarded.includes(frontend) ? this.#guardChain(route, everyone) : everyone
      this.#lead(route, frontend, `goto ${guard}`)
    }
  }

  /**
   * For `externalTrafficPolicy: Local`: pods of this node and the host itself reach every backend, since they are not outside; what
   * comes from outside stays here and keeps its source, and is dropped where there is no backend, so that balancers look elsewhere.
   */
  #localOnlyChain(route: ServicePortRoute): string {
    const { backends } = route
    const everywhere = this.#anyChain(route, backends.cluster)
    const rules = [
      `ip saddr ${this.#place.podCidr} goto ${everywhere}`,
      `fib saddr type local goto ${everywhere}`,
      backends.local.length === 0 ? 'drop' : `goto ${this.#anyChain(route, backends.local)}`,
    ]
    return this.#chain(`local/${labelOf(route)}`, rules)
  }

  #guardChain(route: ServicePortRoute, next: string): string {
    const rules = route.sourceRanges.map(range => `ip saddr ${range} goto ${next}`)
    return this.#chain(`guard/${labelOf(route)}`, [...rules, 'drop'])
  }

  /** A chain of the service's own that leads to one of the backends, whatever the frontend. */
  #anyChain(route: ServicePortRoute, backends: readonly Backend[]): string {
    if (route.affinitySeconds !== undefined) return this.#affineChain(route, backends)
    const targets = backends.map(({ address, port }, index) => `${index} : ${address} . ${port}`)
    return this.#chain(`service/${labelOf(route)}`, [
      `meta l4proto ${PROTOCOL_NUMBERS[route.protocol]} dnat to numgen random mod ${backends.length} map { ${targets.join(', ')} }`,
    ])
  }

  /**
   * Each backend has a set of its clients, which every new connection renews; a client that is in none gets any backend. The sets are
   * named for the port and the backend alone, so that clients keep their backend while others come and go.
   */
  #affineChain(route: ServicePortRoute, backends: readonly Backend[]): string {
    const known: string[] = []
    const verdicts: string[] = []
    backends.forEach(({ address, port }, index) => {
      const clients = namedSet(
        'clients',
        `${labelOf(route)} ${address}:${port}`,
        `type ipv4_addr; flags dynamic,timeout; timeout ${route.affinitySeconds}s;`,
      )
      this.sets.push(clients)
      const backend = this.#chain(`backend/${labelOf(route)}/${address}_${port}`, [
        `update @${clients.name} { ip saddr }`,
        `meta l4proto ${PROTOCOL_NUMBERS[route.protocol]} dnat to ${address}:${port}`,
      ])
      known.push(`ip saddr @${clients.name} goto ${backend}`)
      verdicts.push(`${index} : goto ${backend}`)
    })
    return this.#chain(`service/${labelOf(route)}`, [
      ...known,
      `numgen random mod ${backends.length} vmap { ${verdicts.join(', ')} }`,
    ])
  }

  #pickChain(byNodePort: boolean, count: number): string {
    const name = pickName(byNodePort, count)
    return count <= PICKS_IN_FRAME ? name : this.#chain(name, [pickRule(byNodePort, count)])
  }

  #chain(label: string, rules: readonly string[]): string {
    const chain = contentChain(label, rules)
    this.chains.push(chain)
    return chain.name
  }

  #lead({ protocol }: ServicePortRoute, frontend: Frontend, verdict: string): void {
    const number = PROTOCOL_NUMBERS[protocol]
    if ('nodePort' in frontend)
      this.elements.push({ of: 'node-ports', key: `${number} . ${frontend.nodePort}`, value: verdict })
    else
      this.elements.push({
        of: 'services',
        key: `${frontend.address} . ${number} . ${frontend.port}`,
        value: verdict,
      })
  }

  /** Which backends a UDP frontend has: read again when it loses one, whose flows must then be forgotten (see flows.ts). */
  #noteFlows({ protocol }: ServicePortRoute, frontend: Frontend, backends: readonly Backend[]): void {
    if (protocol !== 'UDP') return
    const from =
      'nodePort' in frontend ? `0.0.0.0 . ${frontend.nodePort}` : `${frontend.address} . ${frontend.port}`
    for (const { address, port } of backends)
      this.elements.push({ of: 'udp-flows', key: `${from} . ${address} . ${port}` })
  }
}

function externalFrontends(route: ServicePortRoute): readonly Frontend[] {
  const { externalIPs, loadBalancerIPs, nodePort, port } = route
  return [
    ...[...new Set([...externalIPs, ...loadBalancerIPs])].map(address => ({ address, port })),
    ...(nodePort === undefined ? [] : [{ nodePort }]),
  ]
}

/** For people who read the table; a name of nft's own alphabet. */
function labelOf({ service, protocol, name, port }: ServicePortRoute): string {
  return `${service}/${protocol.toLowerCase()}/${name || port}`.replace(/[^A-Za-z0-9/.-]/g, '_')
}
