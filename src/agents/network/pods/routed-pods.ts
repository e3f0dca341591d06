import { createHash } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import {
  BowlineError,
  type Clock,
  containsAddress,
  formatIpv4,
  formatSubnet,
  hasCode,
  type Ids,
  type Logger,
  messageOf,
  parseIpv4,
  parseSubnet,
} from '../../../base/index.ts'
import type { AttachTarget, PodNetwork } from '../../runtime/index.ts'
import {
  type Interface,
  KeptShell,
  readHostRoutes,
  readInterfaces,
  readRoutes,
  runIp,
  runIpAcross,
  runProgram,
  writeSysctl,
} from '../iproute/index.ts'
import { AddressRange } from './address-range.ts'
import {
  addressOf,
  hostCommands,
  interfaceName,
  podCommands,
  ROUTE_PROTOCOL,
  routeCommands,
  sandboxOf,
} from './pod-interface.ts'

export interface RoutedPodsOptions {
  readonly clusterUid: string
  readonly nodeName: string
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/** Where the range is not known how large packets may be. */
const DEFAULT_MTU = 1500
/** Any other route to an address of the range goes first. */
const LAST_METRIC = 2 ** 32 - 1

/** What tells the interfaces, tables and chains of this node from those of others on the same host. */
export function nodeHash({ clusterUid, nodeName }: { clusterUid: string; nodeName: string }): string {
  return createHash('sha256').update(`${clusterUid}\0${nodeName}`).digest('hex').slice(0, 7)
}

/**
 * Opens the routed network of a node's pods; undefined, with the reason logged, where this process may not change the host's
 * network: then the engine wires pods, and only this host reaches them.
 */
export async function openRoutedPods(options: RoutedPodsOptions): Promise<RoutedPods | undefined> {
  const pods = new RoutedPods(options)
  try {
    await pods.prepare()
    return pods
  } catch (error) {
    options.log.info("this agent may not change the host's network", { error: messageOf(error) })
    return undefined
  }
}

/** The addresses and interfaces of a node's pods. One for each agent; several agents of a host do not disturb each other. */
export class RoutedPods implements PodNetwork {
  /** The host's interface that has the first address of the range, where the node's name server listens. */
  readonly hostInterface: string
  readonly #clock: Clock
  readonly #log: Logger
  /** Wires pods, of which a host may start many at a time. */
  readonly #shell: KeptShell
  #range: AddressRange | undefined
  #mtu = DEFAULT_MTU
  #isReached = true

  constructor(options: RoutedPodsOptions) {
    this.hostInterface = `bowline-${nodeHash(options)}`
    this.#clock = options.clock
    this.#log = options.log
    this.#shell = new KeptShell(options)
  }

  /** `10.42.1.0/24`; undefined until the node has one. */
  get range(): string | undefined {
    return this.#range && formatSubnet(this.#range.subnet)
  }

  /** `10.42.1.1`; undefined until the node has a range. */
  get hostAddress(): string | undefined {
    return this.#range && formatIpv4(this.#range.host)
  }

  /** False where the engine is on another host: what pods are told must not lead to this one. */
  get isReached(): boolean {
    return this.#isReached
  }

  setReach(isHere: boolean): void {
    this.#isReached = isHere
  }

  /** Of the interfaces made from now on. */
  setMtu(mtu: number): void {
    this.#mtu = mtu
  }

  /** Makes the host's interface, which shows whether this process may; throws when it may not. */
  async prepare(): Promise<void> {
    await runProgram('nsenter', ['--version'])
    await this.#makeInterface()
  }

  /**
   * Takes over the range that the node was given and makes the host ready for it. Pods with addresses of another range count as not
   * wired from then on. Safe to repeat: puts right what others changed.
   */
  async setRange(text: string): Promise<void> {
    const subnet = parseSubnet(text)
    if (subnet === undefined || subnet.prefix > 29)
      throw new BowlineError(
        'bad-input',
        `Cannot give pods addresses of "${text}": it is no IPv4 range of 8 or more`,
      )
    const range =
      this.range === formatSubnet(subnet) ? this.#range : new AddressRange(subnet, this.#clock.now())
    if (range === undefined) return
    await this.#makeInterface()
    await runIp([
      `address replace ${formatIpv4(range.host)}/32 dev ${this.hostInterface}`,
      // A packet to a pod that is gone is refused; it must not leave by the default route.
      `route replace unreachable ${formatSubnet(subnet)} proto ${ROUTE_PROTOCOL} metric ${LAST_METRIC}`,
    ])
    if (range === this.#range) return
    range.setPresent(presentIn(await readInterfaces()))
    this.#range = range
    this.#log.info('pods have their addresses from the range of this node', { range: text })
  }

  reserve(): string {
    if (this.#range === undefined)
      throw new BowlineError(
        'unavailable',
        'Cannot give the pod an address: the node has no range of addresses yet (the server gives it one)',
        { retryable: true },
      )
    return formatIpv4(this.#range.reserve())
  }

  release(address: string): void {
    this.#range?.release(parseIpv4(address) ?? 0)
  }

  async attach({ sandboxId, address: text, namespaceFd }: AttachTarget): Promise<void> {
    const address = parseIpv4(text)
    if (address === undefined || this.#range === undefined)
      throw new BowlineError('conflict', `Cannot use the address "${text}": it is not of this node's range`, {
        retryable: true,
      })
    await runIpAcross(this.#shell, {
      namespaceFd,
      inside: podCommands(address, this.#mtu),
      // No pod sends in another's name.
      sysctls: { [`ipv4/conf/${interfaceName(address)}/rp_filter`]: '1' },
      here: hostCommands(address, this.#range.host, sandboxId),
    })
  }

  async detach(text: string, sandboxId: string): Promise<void> {
    const address = parseIpv4(text)
    if (address === undefined) return
    const found = (await readInterfaces()).find(({ name }) => name === interfaceName(address))
    if (found === undefined || (found.alias !== '' && sandboxOf(found.alias) !== sandboxId)) return
    await runIp([`link delete ${found.name}`]).catch(() => undefined)
  }

  async attached(): Promise<ReadonlyMap<string, string>> {
    const range = this.#range
    const attached = new Map<string, string>()
    const [interfaces, routes] = await Promise.all([readInterfaces(), readHostRoutes()])
    range?.setPresent(presentIn(interfaces))
    const lost: string[] = []
    for (const { name, alias, isUp } of interfaces) {
      const address = addressOf(name)
      const sandboxId = sandboxOf(alias)
      if (address === undefined || sandboxId === undefined || range?.has(address) === false) continue
      attached.set(sandboxId, formatIpv4(address))
      // An agent that starts does not know its range yet: what an earlier one made counts as it is.
      if (range === undefined) continue
      if (!isUp) lost.push(`link set ${name} up`)
      if (!isUp || routes.get(address) !== name) lost.push(...routeCommands(address, range.host))
    }
    if (lost.length > 0) {
      this.#log.warn('routes to pods were gone and are made again', { commands: lost.length })
      await runIp(lost)
    }
    return attached
  }

  /** Ends what this process has running. Pods keep what they have; none is wired any more. */
  async close(): Promise<void> {
    await this.#shell.close()
  }

  /** Removes what was made for this node, but for the interfaces of pods, which end with their sandboxes. */
  async purge(): Promise<void> {
    const own = networkInterfaces()[this.hostInterface]?.map(({ address }) => parseIpv4(address) ?? 0) ?? []
    for (const { type, to } of await readRoutes(ROUTE_PROTOCOL)) {
      const subnet = parseSubnet(to)
      if (type !== 'unreachable' || subnet === undefined) continue
      // Of several nodes on this host, the one whose range it is.
      if (own.some(address => containsAddress(subnet, address)))
        await runIp([`route delete unreachable ${to} proto ${ROUTE_PROTOCOL} metric ${LAST_METRIC}`])
    }
    await runIp([`link delete ${this.hostInterface}`]).catch(() => undefined)
  }

  async #makeInterface(): Promise<void> {
    // Without ports it does nothing but hold an address. (A dummy interface would, too, where the kernel has them.)
    await runIp([`link add ${this.hostInterface} type bridge`]).catch((error: unknown) => {
      if (!hasCode(error, 'conflict')) throw error
    })
    await runIp([`link set ${this.hostInterface} addrgenmode none up`])
    await writeSysctl(['ipv4', 'ip_forward'], '1')
  }
}

function presentIn(interfaces: readonly Interface[]): ReadonlySet<number> {
  return new Set(interfaces.flatMap(({ name }) => addressOf(name) ?? []))
}
