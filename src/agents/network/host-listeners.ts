import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, deepEqual, type Logger, messageOf } from '../../base/index.ts'
import type { Element, Fragment } from './nft/index.ts'
import { type FragmentSource, PROTOCOL_NUMBERS } from './services/index.ts'

/** A port of the host that one of its programs listens at. */
export interface HostListener {
  readonly protocol: 'TCP' | 'UDP'
  readonly port: number
  /** Undefined: all of the host's. */
  readonly address: string | undefined
}

export interface HostListenersOptions {
  /** Ports that services and pods may take from who listens there: those of the ingress. */
  readonly sharedPorts: readonly number[]
  /** Gives a file of `/proc/net`. Default: of the network that this process is in. */
  readonly read?: (name: string) => Promise<string>
  readonly clock: Clock
  readonly log: Logger
}

/** Within so long a program that starts has its port for itself. */
const LOOK_EVERY_MS = 10_000
/** linux/net/tcp_states.h: TCP_LISTEN; for UDP TCP_CLOSE, which is a socket that hears everybody. */
const OPEN = { TCP: '0A', UDP: '07' } as const
/** From here on the kernel gives ports to programs that ask a question and hear the answer. */
const EPHEMERAL = 32_768

/**
 * The ports that programs of the host listen at: its ssh, the API. Nothing is led away from them, whatever a Service or a pod's
 * `hostPort` says: translation comes before any socket, so that a pod could take the host's ssh.
 */
export class HostListeners implements FragmentSource {
  readonly needs: readonly [] = []
  readonly #options: HostListenersOptions
  #known: readonly HostListener[] = []
  /** All that the last look saw. */
  #seen: ReadonlySet<string> = new Set()
  #onChange: () => void = () => {}

  constructor(options: HostListenersOptions) {
    this.#options = options
  }

  fragments(): Readonly<Record<string, Fragment>> {
    return { 'host-listeners': { elements: this.#known.map(elementOf) } }
  }

  subscribe(onChange: () => void): () => void {
    this.#onChange = onChange
    return () => {
      this.#onChange = () => {}
    }
  }

  /** Who listens at a port that a pod asks for, at one of the same addresses; undefined: nobody. */
  async holderOf({ protocol, port, address }: HostListener): Promise<HostListener | undefined> {
    await this.look()
    return this.#known.find(
      held =>
        held.protocol === protocol &&
        held.port === port &&
        (held.address === undefined || address === undefined || held.address === address),
    )
  }

  /** Looks now. What cannot be read is taken for what it was before. */
  async look(): Promise<void> {
    const { sharedPorts, log } = this.#options
    try {
      const open = await this.#read()
      const found = open.filter(
        one => !sharedPorts.includes(one.port) && (!isPassing(one) || this.#seen.has(textOf(one))),
      )
      this.#seen = new Set(open.map(textOf))
      if (deepEqual(found, this.#known)) return
      this.#known = found
      this.#onChange()
    } catch (error) {
      log.warn('the ports that programs of the host listen at could not be read', { error: messageOf(error) })
    }
  }

  /** Looks now and then until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look()
      await this.#options.clock.sleep(LOOK_EVERY_MS, signal).catch(() => {})
    }
  }

  async #read(): Promise<readonly HostListener[]> {
    const { read = readOwn } = this.#options
    const found: HostListener[] = []
    for (const protocol of ['TCP', 'UDP'] as const)
      for (const version of ['', '6']) {
        // Without IPv6 there is no such file.
        const text = await read(`${protocol.toLowerCase()}${version}`).catch(error => {
          if (version === '6') return ''
          throw error
        })
        found.push(...listenersIn(text, protocol))
      }
    const byText = new Map(found.map(one => [textOf(one), one]))
    return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
  }
}

function textOf({ protocol, port, address }: HostListener): string {
  return `${protocol} ${port} ${address ?? '*'}`
}

/** Whether it may only wait for the answer to a question. WireGuard's port is among those, too, but stays. */
function isPassing({ protocol, port }: HostListener): boolean {
  return protocol === 'UDP' && port >= EPHEMERAL
}

function readOwn(name: string): Promise<string> {
  return readFile(join('/proc/net', name), 'utf8')
}

/** What listens where others of the network, or pods, get at. Pure. */
export function listenersIn(text: string, protocol: 'TCP' | 'UDP'): readonly HostListener[] {
  const found: HostListener[] = []
  for (const line of text.split('\n').slice(1)) {
    // Nearly all lines of a busy host are connections, and not worth a closer look.
    if (!line.includes(` ${OPEN[protocol]} `)) continue
    const [, local = '', , state] = line.trim().split(/\s+/)
    if (state !== OPEN[protocol]) continue
    const [hex = '', portHex = ''] = local.split(':')
    const port = Number.parseInt(portHex, 16)
    const address = addressOf(hex)
    if (address !== null) found.push({ protocol, port, address })
  }
  return found
}

const MAPPED = '0000000000000000FFFF0000'

/** Words of four bytes, the lowest first. Null: an address that no IPv4 packet from elsewhere has. */
function addressOf(hex: string): string | undefined | null {
  if (/^0+$/.test(hex)) return undefined
  const word = hex.startsWith(MAPPED) ? hex.slice(MAPPED.length) : hex
  if (word.length !== 8) return null
  const bytes = Buffer.from(word, 'hex').reverse()
  return bytes[0] === 127 ? null : bytes.join('.')
}

function elementOf({ protocol, port, address }: HostListener): Element {
  const key = `${PROTOCOL_NUMBERS[protocol]} . ${port}`
  return address === undefined
    ? { of: 'host-listeners', key }
    : { of: 'host-listeners-at', key: `${address} . ${key}` }
}
