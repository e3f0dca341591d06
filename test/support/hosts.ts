/**
 * Several hosts on one machine: network namespaces joined by a bridge in another, each with an engine of its own, and one
 * more for the server. Nothing of the machine's own network is touched.
 *
 *     const hosts = await TestHosts.start({ hosts: 3 })
 *     const [first, second] = hosts.all
 *     await first.runOk('ping', ['-c1', second.address])
 *     await first.cutCable(); await first.mendCable(); await second.reboot()
 *     await hosts.destroy()
 *
 * Hosts of one site share a link (10.200.<site>.0/24); sites are joined by a router, which knows the hosts' addresses only.
 * Everybody's way out is the router, which is also all the internet there is (`outside`, 198.51.100.1): it has no route
 * back to what is behind a host. It needs what `dockerd.ts` needs, and nsenter.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { run, runOk } from '../e2e/support/program.ts'
import { startTestEngine, type TestEngine, testEngineAvailability } from './dockerd.ts'
import { Place } from './place.ts'

/** Whether hosts can be had here, and in words why not. Throws with `CI=true` when they cannot. */
export function testHostsAvailability(): { readonly available: boolean; readonly reason: string } {
  const engine = testEngineAvailability()
  if (process.env.BOWLINE_TEST_DOCKER === undefined) return engine
  return { available: false, reason: 'skipped: several hosts need engines of their own' }
}

export interface TestHostsOptions {
  /** How many, on one link; or how many at each of several sites. */
  readonly hosts: number | readonly number[]
  /** Default true: each host has an engine with the test image. */
  readonly engines?: boolean
}

/** The address of the world outside, which no host has a route to but by the router. */
const OUTSIDE_ADDRESS = '198.51.100.1'

export class TestHosts {
  /** Where the server lives: on the first site, without an engine. */
  readonly server: TestHost
  /** The router. Its processes are what the internet would be. */
  readonly outside: Place
  readonly outsideAddress: string = OUTSIDE_ADDRESS
  readonly all: readonly TestHost[]
  readonly #wire: Switch

  private constructor(wire: Switch, server: TestHost, all: readonly TestHost[]) {
    this.#wire = wire
    this.outside = wire.place
    this.server = server
    this.all = all
  }

  static async start({ hosts, engines = true }: TestHostsOptions): Promise<TestHosts> {
    const wire = new Switch(`bwt${randomBytes(3).toString('hex')}`)
    const sites = typeof hosts === 'number' ? [hosts] : hosts
    const server = new TestHost(wire, { name: 'srv', site: 0, number: 100 })
    let count = 0
    const all = sites.flatMap((size, site) =>
      Array.from({ length: size }, () => {
        count += 1
        return new TestHost(wire, { name: `h${count}`, site, number: count })
      }),
    )
    const made = new TestHosts(wire, server, all)
    try {
      await wire.make(sites.length)
      for (const host of [server, ...all]) await host.plugIn()
      if (engines) await Promise.all(all.map(host => host.startEngine()))
      return made
    } catch (error) {
      await made.destroy()
      throw error
    }
  }

  /** The host of this number, from 1. */
  host(number: number): TestHost {
    const host = this.all[number - 1]
    if (host === undefined) throw new RangeError(`there is no host ${number}`)
    return host
  }

  /** Ends every process of every host and removes everything, whatever state it is in. */
  async destroy(): Promise<void> {
    await Promise.all([...this.all, this.server].map(host => host.remove()))
    await this.#wire.remove()
  }
}

interface Position {
  readonly name: string
  readonly site: number
  /** The last byte of its address. */
  readonly number: number
}

/** One host: a place with a cable, and an engine unless it was made without. */
export class TestHost extends Place {
  readonly name: string
  readonly address: string
  readonly #wire: Switch
  readonly #position: Position
  #engine: TestEngine | undefined

  constructor(wire: Switch, position: Position) {
    super(`/run/netns/${wire.run}-${position.name}`)
    this.name = position.name
    this.address = `10.200.${position.site}.${position.number}`
    this.#wire = wire
    this.#position = position
  }

  get namespace(): string {
    return `${this.#wire.run}-${this.name}`
  }

  get engine(): TestEngine {
    if (this.#engine === undefined) throw new Error(`the host ${this.name} has no engine`)
    return this.#engine
  }

  /** Makes the namespace, its cable and its way out. */
  async plugIn(): Promise<void> {
    const { namespace } = this
    await runOk('ip', ['netns', 'add', namespace])
    await ipBatch(namespace, [
      'link set lo up',
      `link add eth0 type veth peer name ${this.#port} netns ${this.#wire.namespace}`,
      `address add ${this.address}/24 dev eth0`,
      'link set eth0 up',
    ])
    await ipBatch(this.#wire.namespace, [
      `link set ${this.#port} master br${this.#position.site}`,
      `link set ${this.#port} up`,
    ])
    await ipBatch(namespace, [`route add default via ${routerAddress(this.#position.site)}`])
  }

  async startEngine(): Promise<void> {
    if (this.#engine === undefined) this.#engine = await startTestEngine({ networkNamespace: this.namespace })
    else await this.#engine.start()
  }

  /** As `kill -9` of dockerd or a stop of its service, and a start. */
  async restartEngine(how: 'kill' | 'stop'): Promise<void> {
    await this.engine[how]()
    await this.engine.start()
  }

  /** Nothing reaches this host any more, and nothing leaves it; both ends see that the link is down. */
  async cutCable(): Promise<void> {
    await runOk('ip', ['-n', this.#wire.namespace, 'link', 'set', this.#port, 'down'])
  }

  async mendCable(): Promise<void> {
    await runOk('ip', ['-n', this.#wire.namespace, 'link', 'set', this.#port, 'up'])
  }

  /** Bounds what the host sends and receives. */
  async slowLink(megabits: number): Promise<void> {
    for (const [namespace, device] of this.#ends) {
      await runOk('tc', [
        '-n',
        namespace,
        'qdisc',
        'replace',
        'dev',
        device,
        ...words('root handle 1: htb default 1'),
      ])
      await runOk('tc', [
        ...['-n', namespace, 'class', 'replace', 'dev', device],
        ...words(`parent 1: classid 1:1 htb rate ${megabits}mbit`),
      ])
    }
  }

  async restoreLink(): Promise<void> {
    for (const [namespace, device] of this.#ends)
      await run('tc', ['-n', namespace, 'qdisc', 'del', 'dev', device, 'root'])
  }

  /** Gives the host another address of its link, as a DHCP server might. */
  async changeAddress(address: string): Promise<void> {
    await ipBatch(this.namespace, [
      'address flush dev eth0',
      `address add ${address}/24 dev eth0`,
      `route replace default via ${routerAddress(this.#position.site)}`,
    ])
    ;(this as { address: string }).address = address
  }

  /** As by a power cut: every process of the host ends at once, containers too, and its network with them. */
  async powerOff(): Promise<void> {
    await this.#engine?.crash()
    await this.close()
    for (let tries = 0; ; tries += 1) {
      const left = existsSync(this.path) ? await this.processes() : []
      if (left.length === 0) break
      if (tries > 200) throw new Error(`processes of ${this.name} do not end: ${left.join(', ')}`)
      for (const pid of left) endProcess(pid)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    if (existsSync(this.path)) await runOk('ip', ['netns', 'delete', this.namespace])
    // It goes with the other end, which the kernel removes when it comes to it.
    await run('ip', ['-n', this.#wire.namespace, 'link', 'delete', this.#port])
  }

  /** A fresh network, and the engine on its old data. What else ran here is its owner's to start. */
  async powerOn(): Promise<void> {
    await this.plugIn()
    if (this.#engine !== undefined) await this.#engine.start()
  }

  async reboot(): Promise<void> {
    await this.powerOff()
    await this.powerOn()
  }

  /** The network namespace of a container of this host, as a place of its own. The caller closes it. */
  async container(id: string): Promise<Place> {
    const { State } = await this.engine.docker.getContainer(id).inspect()
    if (!State.Running) throw new Error(`the container ${id} does not run`)
    return new Place(`/proc/${State.Pid}/ns/net`)
  }

  async remove(): Promise<void> {
    await this.#engine?.destroy()
    await this.powerOff().catch(() => undefined)
    this.#engine = undefined
  }

  /** The switch's end of the cable. */
  get #port(): string {
    return `p-${this.name}`
  }

  get #ends(): readonly (readonly [namespace: string, device: string])[] {
    return [
      [this.namespace, 'eth0'],
      [this.#wire.namespace, this.#port],
    ]
  }
}

/** The bridges that hosts are plugged into, one a site, and the router between them. */
class Switch {
  /** Unique among all test runs of the machine. */
  readonly run: string
  readonly namespace: string
  readonly place: Place

  constructor(name: string) {
    this.run = name
    this.namespace = `${name}-sw`
    this.place = new Place(`/run/netns/${this.namespace}`)
  }

  async make(sites: number): Promise<void> {
    await runOk('ip', ['netns', 'add', this.namespace])
    await ipBatch(this.namespace, [
      'link set lo up',
      `address add ${OUTSIDE_ADDRESS}/32 dev lo`,
      ...Array.from({ length: sites }, (_, site) => [
        // A bridge without an address of its own takes the lowest of its ports': with a host that goes or comes the router would
        // have another, and nobody would reach it until they asked anew for it, half a minute later.
        `link add br${site} address ${routerHardwareAddress(site)} type bridge`,
        `address add ${routerAddress(site)}/24 dev br${site}`,
        `link set br${site} up`,
      ]).flat(),
    ])
    await this.place.runOk('sh', ['-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward'])
  }

  async remove(): Promise<void> {
    await this.place.close()
    if (!existsSync(this.place.path)) return
    for (const pid of await this.place.processes()) endProcess(pid)
    await run('ip', ['netns', 'delete', this.namespace])
  }
}

function routerAddress(site: number): string {
  return `10.200.${site}.254`
}

function routerHardwareAddress(site: number): string {
  return `02:00:0a:c8:${site.toString(16).padStart(2, '0')}:fe`
}

function words(text: string): readonly string[] {
  return text.split(' ')
}

async function ipBatch(namespace: string, commands: readonly string[]): Promise<void> {
  await runOk('ip', ['-n', namespace, '-batch', '-'], { input: `${commands.join('\n')}\n` })
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
