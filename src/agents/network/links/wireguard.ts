import { existsSync } from 'node:fs'
import { BowlineError, type Logger, messageOf } from '../../../base/index.ts'
import { type Interface, runIp, runProgram, startDaemon, writeSysctl } from '../iproute/index.ts'
import type { Peer } from './peers.ts'
import { ensureKey, keepPort, type WireguardKey } from './wireguard-key.ts'

/** Through firewalls and address translation a way stays open only while something goes through it. */
const KEEPALIVE_S = 25
/** Ports tried in a row: another cluster's agent on the same host may have the first. */
const PORTS = 16
/** Failures in a row after which a host counts as one without WireGuard, until its agent starts again. */
const GIVE_UP_AFTER = 3

/**
 * This host's end of WireGuard: the kernel's, else the one of the program wireguard-go, which outlives the agent. Peers are told to
 * it one by one, so that those that stay keep their sessions.
 */
export class Wireguard {
  readonly device: string
  readonly #folder: string
  readonly #log: Logger
  #isAbsent: boolean | undefined
  #failures = 0
  /** What each peer was last told to be reached at: it may have found a better one by itself since. */
  readonly #endpoints = new Map<string, string>()

  constructor({
    device,
    folder,
    log,
  }: { readonly device: string; readonly folder: string; readonly log: Logger }) {
    this.device = device
    this.#folder = folder
    this.#log = log
  }

  /** The key of this host; undefined where it has no WireGuard. */
  async key(): Promise<WireguardKey | undefined> {
    this.#isAbsent ??= await isAbsent()
    return this.#isAbsent ? undefined : await ensureKey(this.#folder)
  }

  async program(
    peers: readonly Peer[],
    end: { readonly hostAddress: string; readonly mtu: number },
  ): Promise<void> {
    try {
      await this.#program(peers, end)
      this.#failures = 0
    } catch (error) {
      this.#failures += 1
      // Peers are told that there is none, and both ends go another way.
      if (this.#failures === GIVE_UP_AFTER) {
        this.#isAbsent = true
        this.#log.warn('WireGuard does not work on this host and is not used', { error: messageOf(error) })
      }
      throw error
    }
  }

  async #program(
    peers: readonly Peer[],
    { hostAddress, mtu }: { readonly hostAddress: string; readonly mtu: number },
  ): Promise<void> {
    const { device } = this
    const key = await ensureKey(this.#folder)
    const known = (await this.#show()) ?? (await this.#make())
    if (known.publicKey !== key.publicKey || known.port !== key.port) await this.#open(key)
    await writeSysctl(['ipv4', 'conf', device, 'rp_filter'], '2')
    await runIp([
      `link set ${device} addrgenmode none mtu ${mtu} up`,
      `address replace ${hostAddress}/32 dev ${device}`,
    ])
    const args: string[] = []
    for (const { address, ranges, wireguard } of peers) {
      if (wireguard === undefined || wireguard === 'none') continue
      const { publicKey, port } = wireguard
      const endpoint = `${address}:${port}`
      const allowed = ranges.toSorted().join(',')
      const isTold = this.#endpoints.get(publicKey) === endpoint
      if (isTold && known.peers.get(publicKey) === allowed) continue
      args.push('peer', publicKey, 'allowed-ips', allowed, 'persistent-keepalive', String(KEEPALIVE_S))
      if (!isTold) args.push('endpoint', endpoint)
      this.#endpoints.set(publicKey, endpoint)
    }
    for (const publicKey of known.peers.keys()) {
      if (peers.some(({ wireguard }) => typeof wireguard === 'object' && wireguard.publicKey === publicKey))
        continue
      args.push('peer', publicKey, 'remove')
      this.#endpoints.delete(publicKey)
    }
    if (args.length > 0) await runProgram('wg', ['set', device, ...args])
  }

  async remove(interfaces: readonly Interface[]): Promise<void> {
    if (interfaces.some(({ name }) => name === this.device)) await runIp([`link delete ${this.device}`])
    this.#endpoints.clear()
  }

  /** The kernel's where it has it. A device that answers to nobody (its program ended) is made anew. */
  async #make(): Promise<Shown> {
    await runIp([`link delete ${this.device}`]).catch(() => undefined)
    this.#endpoints.clear()
    try {
      await runIp([`link add ${this.device} type wireguard`])
    } catch {
      await startDaemon('wireguard-go', [this.device])
    }
    const shown = await this.#show()
    if (shown !== undefined) return shown
    throw new BowlineError('internal', `Cannot use WireGuard: ${this.device} does not answer`, {
      retryable: true,
    })
  }

  /** Sets the key and the first port that is free, and keeps that. */
  async #open(key: WireguardKey): Promise<void> {
    for (let tried = 0; ; tried += 1) {
      const port = key.port + tried
      try {
        await runProgram('wg', ['set', this.device, 'private-key', key.file, 'listen-port', String(port)])
        // A program behind the device tells of a busy port only when the device comes up.
        await runIp([`link set ${this.device} up`])
        if ((await this.#show())?.port !== port)
          throw new BowlineError('conflict', `Cannot listen on port ${port}`)
        if (port !== key.port) await keepPort(this.#folder, port)
        return
      } catch (error) {
        if (tried >= PORTS) throw error
        this.#log.debug('a port for WireGuard is not free', { port, error: messageOf(error) })
      }
    }
  }

  /** Undefined when there is no such device, or nothing behind it. */
  async #show(): Promise<Shown | undefined> {
    const text = await runProgram('wg', ['show', this.device, 'dump']).catch(() => undefined)
    return text === undefined ? undefined : readDump(text)
  }
}

interface Shown {
  readonly publicKey: string
  readonly port: number
  /** Public keys, each with its ranges, sorted and joined by commas. */
  readonly peers: ReadonlyMap<string, string>
}

/** What `wg show DEVICE dump` prints: the device's line, then one a peer, columns between tabs. */
export function readDump(text: string): Shown {
  const [own = '', ...rest] = text.trimEnd().split('\n')
  const [, publicKey = '', port = '0'] = own.split('\t')
  const peers = new Map<string, string>()
  for (const line of rest) {
    const [key = '', , , allowed = ''] = line.split('\t')
    peers.set(key, allowed.split(',').toSorted().join(','))
  }
  return { publicKey, port: Number(port), peers }
}

/** Whether this host lacks the tool, or both the kernel's WireGuard and the program that stands in for it. */
async function isAbsent(): Promise<boolean> {
  try {
    await runProgram('wg', ['--version'])
  } catch {
    return true
  }
  const probe = 'bowg-probe'
  try {
    await runIp([`link add ${probe} type wireguard`])
    await runIp([`link delete ${probe}`])
    return false
  } catch {
    return !existsSync('/dev/net/tun') || !(await hasProgram('wireguard-go'))
  }
}

async function hasProgram(name: string): Promise<boolean> {
  return await runProgram(name, ['--version']).then(
    () => true,
    () => false,
  )
}
