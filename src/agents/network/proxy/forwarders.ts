import type { Socket } from 'node:net'
import { type Clock, deepEqual, type Ids, type Logger, messageOf } from '../../../base/index.ts'
import { Balancer } from './balancer.ts'
import type { Forwarder } from './forwarder.ts'
import type { Frontend } from './frontends.ts'
import { listenTcp } from './tcp-forwarder.ts'
import { listenUdp } from './udp-forwarder.ts'

export interface ForwardersOptions {
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/** Agents that share a host listen on the same addresses: whoever comes second takes over when the first is gone. */
const RETRY_MS = 2_000

interface Entry {
  frontend: Frontend
  readonly balancer: Balancer
  forwarder: Forwarder | undefined
  stopRetry: () => void
  isGone: boolean
}

/** Listens on frontends and forwards to their backends. Frontends come and go; connections are cut by neither, but by the end. */
export class Forwarders {
  readonly #options: ForwardersOptions
  readonly #entries = new Map<string, Entry>()
  readonly #connections = new Set<Socket>()
  readonly #closing = new Set<Promise<void>>()

  constructor(options: ForwardersOptions) {
    this.#options = options
  }

  /** Serves exactly these; of two with the same address, port and protocol the first. */
  set(frontends: Iterable<Frontend>): void {
    const wanted = new Map<string, Frontend>()
    for (const frontend of frontends) {
      const key = keyOf(frontend)
      if (!wanted.has(key)) wanted.set(key, frontend)
    }
    for (const [key, entry] of this.#entries) if (!wanted.has(key)) this.#remove(key, entry)
    for (const [key, frontend] of wanted) {
      const entry = this.#entries.get(key)
      if (entry === undefined) this.#add(key, frontend)
      else if (!deepEqual(entry.frontend, frontend)) {
        entry.frontend = frontend
        entry.balancer.update(frontend.backends, frontend.affinitySeconds)
        entry.forwarder?.update()
      }
    }
  }

  /** Where it listens now. */
  get listening(): readonly string[] {
    return [...this.#entries].flatMap(([key, { forwarder }]) => (forwarder === undefined ? [] : key))
  }

  /** Ends what goes through here, too: nothing would carry it on. */
  async close(): Promise<void> {
    this.set([])
    for (const socket of this.#connections) socket.destroy()
    await Promise.all(this.#closing)
  }

  #add(key: string, frontend: Frontend): void {
    const balancer = new Balancer(this.#options)
    balancer.update(frontend.backends, frontend.affinitySeconds)
    const entry: Entry = { frontend, balancer, forwarder: undefined, stopRetry: () => {}, isGone: false }
    this.#entries.set(key, entry)
    void this.#listen(entry, true)
  }

  async #listen(entry: Entry, isFirst: boolean): Promise<void> {
    const { clock } = this.#options
    const { protocol, host, port } = entry.frontend
    try {
      const forwarder =
        protocol === 'TCP'
          ? await listenTcp(host, port, { balancer: entry.balancer, connections: this.#connections })
          : await listenUdp(host, port, { balancer: entry.balancer, clock })
      if (entry.isGone) await forwarder.close()
      else entry.forwarder = forwarder
    } catch (error) {
      if (entry.isGone) return
      if (isFirst) this.#explain(entry.frontend, error)
      entry.stopRetry = clock.after(RETRY_MS, () => void this.#listen(entry, false))
    }
  }

  #explain({ owner, host, port }: Frontend, error: unknown): void {
    const { log } = this.#options
    const { code } = error as { code?: unknown }
    const about = { owner, host, port, error: messageOf(error) }
    // An external address may be another host's, and most are.
    if (code === 'EADDRNOTAVAIL') return
    if (code === 'EACCES')
      log.warn('this agent may not listen on this port: run it as root or with CAP_NET_BIND_SERVICE', about)
    else log.info('cannot listen on this port yet', about)
  }

  #remove(key: string, entry: Entry): void {
    entry.isGone = true
    entry.stopRetry()
    this.#entries.delete(key)
    if (entry.forwarder === undefined) return
    const closing = entry.forwarder.close().finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
  }
}

function keyOf({ protocol, host, port }: Frontend): string {
  return `${protocol} ${host}:${port}`
}
