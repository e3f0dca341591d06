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

/** Listens on frontends and forwards to their backends. Frontends come and go; connections are cut by neither. */
export class Forwarders {
  readonly #options: ForwardersOptions
  readonly #entries = new Map<string, Entry>()
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

  async close(): Promise<void> {
    this.set([])
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
    const { clock, log } = this.#options
    const { protocol, host, port, service } = entry.frontend
    try {
      const forwarder =
        protocol === 'TCP'
          ? await listenTcp(host, port, entry.balancer)
          : await listenUdp(host, port, { balancer: entry.balancer, clock })
      if (entry.isGone) await forwarder.close()
      else entry.forwarder = forwarder
    } catch (error) {
      if (entry.isGone) return
      // An external address may be another host's, and most are.
      const isElsewhere = (error as { code?: unknown }).code === 'EADDRNOTAVAIL'
      if (isFirst && !isElsewhere)
        log.info('cannot listen for a service yet', { service, host, port, error: messageOf(error) })
      entry.stopRetry = clock.after(RETRY_MS, () => void this.#listen(entry, false))
    }
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
