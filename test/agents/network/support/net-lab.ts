/**
 * Hosts and pods as network namespaces of their own, joined by a bridge in one more: real routes, real nftables, real sockets, and
 * nothing of the machine's own network is touched. Needs root and the programs ip, nsenter and nft.
 *
 *     const lab = await NetLab.create()
 *     const host = await lab.addHost()               // 10.200.0.11, pods from 10.42.1.0/24
 *     const pod = await host.addPod()                // 10.42.1.2, with a process inside
 *     await pod.serve('TCP', 8080); await other.ask('TCP', pod.address, 8080)     // 'pod-… 10.42.…'
 *     await lab.destroy()
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import {
  createNft,
  type Nft,
  programRunner,
  type RunProgram,
} from '../../../../src/agents/network/nft/index.ts'

const execute = promisify(execFile)
const PROCESS = join(import.meta.dirname, 'pod-process.mjs')
/** Every pod's gateway, and the hardware address that it is known by. */
const GATEWAY = '169.254.1.1'
const GATEWAY_MAC = 'ee:ee:ee:ee:ee:ee'

/** Whether networks can be made here, and in words why not. Throws with `CI=true` when they cannot. */
export function netLabAvailability(): { readonly available: boolean; readonly reason: string } {
  const folders = `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter)
  const missing = ['ip', 'nsenter', 'nft', 'conntrack', 'iptables'].filter(
    name => !folders.some(folder => isProgram(folder, name)),
  )
  const reason =
    process.getuid?.() !== 0
      ? 'network namespaces need root'
      : missing.length > 0
        ? `not installed: ${missing.join(', ')}`
        : undefined
  if (reason === undefined) return { available: true, reason: 'in own network namespaces' }
  if (process.env.CI === 'true')
    throw new Error(`CI needs network namespaces and nftables for tests: ${reason}`)
  return { available: false, reason: `skipped: ${reason}` }
}

function isProgram(folder: string, name: string): boolean {
  try {
    accessSync(join(folder, name), constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** A network namespace, and a process in it that serves and asks. */
export class Place {
  readonly name: string
  readonly address: string
  readonly run: RunProgram
  #process: ChildProcess | undefined
  #next = 0
  readonly #waiting = new Map<number, { resolve(answer: string): void; reject(error: Error): void }>()

  constructor(name: string, address: string) {
    this.name = name
    this.address = address
    this.run = programRunner(this.prefix)
  }

  get prefix(): readonly string[] {
    return ['nsenter', `--net=/run/netns/${this.name}`]
  }

  get nft(): Nft {
    return createNft(this.run)
  }

  /** Runs a program inside, and gives what it prints. */
  async exec(...command: readonly string[]): Promise<string> {
    const [file = '', ...args] = [...this.prefix, ...command]
    return (await execute(file, args)).stdout
  }

  serve(protocol: 'TCP' | 'UDP', port: number, host?: string): Promise<string> {
    return this.#request({ kind: 'serve', protocol, port, host })
  }

  /**
   * Sends one request and gives the answer: who answered, and which source it saw. `refused` and `silent` are what else may come.
   * `flow` keeps the socket of a UDP request for the next one of that name.
   */
  async ask(
    protocol: 'TCP' | 'UDP',
    host: string,
    port: number,
    options: { readonly flow?: string; readonly localAddress?: string; readonly timeoutMs?: number } = {},
  ): Promise<string> {
    try {
      return await this.#request({ kind: protocol.toLowerCase(), host, port, ...options })
    } catch (error) {
      const { message } = error as Error
      if (message === 'ECONNREFUSED') return 'refused'
      if (message === 'silent') return 'silent'
      return message
    }
  }

  end(): void {
    this.#process?.kill('SIGKILL')
  }

  #request(request: object): Promise<string> {
    const process = this.#started()
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      process.stdin?.write(`${JSON.stringify({ id, ...request })}\n`)
    })
  }

  #started(): ChildProcess {
    if (this.#process !== undefined) return this.#process
    const [file = '', ...args] = [...this.prefix, process.execPath, PROCESS, this.name]
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#process = child
    createInterface({ input: child.stdout }).on('line', line => {
      const { id, answer, error } = JSON.parse(line) as { id: number; answer?: string; error?: string }
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error === undefined) waiting?.resolve(answer ?? '')
      else waiting?.reject(new Error(error))
    })
    child.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('its process ended'))
    })
    return child
  }
}

export class Host extends Place {
  /** `10.42.<n>.0/24`. */
  readonly podCidr: string
  readonly pods: Place[] = []
  readonly #number: number

  constructor(name: string, number: number) {
    super(name, `10.200.0.${10 + number}`)
    this.#number = number
    this.podCidr = `10.42.${number}.0/24`
  }

  /** The host's own address among its pods'. */
  get podGateway(): string {
    return `10.42.${this.#number}.1`
  }

  /** A pod with a routed veth and no bridge. */
  async addPod(): Promise<Place> {
    const index = this.pods.length + 2
    const pod = new Place(`${this.name}p${index}`, `10.42.${this.#number}.${index}`)
    this.pods.push(pod)
    const veth = `bwp${index}`
    await ip(`netns add ${pod.name}`)
    await ip(
      `-n ${this.name} link add ${veth} address ${GATEWAY_MAC} type veth peer name eth0 netns ${pod.name}`,
    )
    await ipBatch(pod.name, [
      'link set lo up',
      `address add ${pod.address}/32 dev eth0`,
      'link set eth0 up',
      `route add ${GATEWAY}/32 dev eth0`,
      `route add default via ${GATEWAY} dev eth0`,
      `neigh add ${GATEWAY} lladdr ${GATEWAY_MAC} dev eth0 nud permanent`,
    ])
    await ipBatch(this.name, [`link set ${veth} up`, `route add ${pod.address}/32 dev ${veth}`])
    return pod
  }
}

export class NetLab {
  readonly hosts: Host[] = []
  readonly #places: Place[] = []
  readonly #mark: string
  readonly #switch: string

  private constructor(mark: string) {
    this.#mark = mark
    this.#switch = `${mark}sw`
  }

  static async create(): Promise<NetLab> {
    const lab = new NetLab(`bw${randomBytes(3).toString('hex')}`)
    await ip(`netns add ${lab.#switch}`)
    await ipBatch(lab.#switch, ['link add br0 type bridge', 'link set br0 up'])
    return lab
  }

  /** A host with routes to the pods of all others. */
  async addHost(): Promise<Host> {
    const number = this.hosts.length + 1
    const host = new Host(`${this.#mark}h${number}`, number)
    await this.#join(host)
    await ipBatch(host.name, [`address add ${host.podGateway}/32 dev lo`])
    await host.exec('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
    for (const other of this.hosts) {
      await ip(`-n ${other.name} route add ${host.podCidr} via ${host.address} src ${other.podGateway}`)
      await ip(`-n ${host.name} route add ${other.podCidr} via ${other.address} src ${host.podGateway}`)
    }
    this.hosts.push(host)
    return host
  }

  /** A machine beside the hosts that is not of the cluster, and knows no way to pods. */
  async addOutsider(): Promise<Place> {
    const outsider = new Place(`${this.#mark}o`, '10.200.0.99')
    await this.#join(outsider)
    return outsider
  }

  async destroy(): Promise<void> {
    const places = [...this.#places, ...this.hosts.flatMap(({ pods }) => pods)]
    for (const place of places) place.end()
    for (const name of [...places.map(place => place.name), this.#switch])
      await ip(`netns delete ${name}`).catch(() => undefined)
  }

  async #join(place: Place): Promise<void> {
    this.#places.push(place)
    const port = `p${this.#places.length}`
    await ip(`netns add ${place.name}`)
    await ip(`-n ${place.name} link add eth0 type veth peer name ${port} netns ${this.#switch}`)
    await ipBatch(this.#switch, [`link set ${port} master br0 up`])
    await ipBatch(place.name, [
      'link set lo up',
      `address add ${place.address}/24 dev eth0`,
      'link set eth0 up',
    ])
  }
}

async function ip(command: string): Promise<void> {
  await execute('ip', command.split(' '))
}

async function ipBatch(namespace: string, commands: readonly string[]): Promise<void> {
  for (const command of commands) await ip(`-n ${namespace} ${command}`)
}
