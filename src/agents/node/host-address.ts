import type { Clock, Logger } from '../../base/index.ts'

export interface HostAddressOptions {
  /** The addresses by which others may know this host, now. */
  readonly read: () => readonly string[]
  readonly clock: Clock
  readonly log: Logger
}

/** Cheap to look at; others learn of a change within moments after. */
const LOOK_EVERY_MS = 5_000

/**
 * The address by which the cluster knows this host. It stays the same as long as the host has it, however many others come before
 * it, and while the host has none at all; else it is the first that the host has.
 */
export class HostAddress {
  readonly #options: HostAddressOptions
  #current: string

  constructor(options: HostAddressOptions) {
    this.#options = options
    this.#current = options.read()[0] ?? '127.0.0.1'
  }

  get current(): string {
    return this.#current
  }

  /** Calls `onChange` after each change until the signal aborts. */
  async follow(onChange: () => void, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options
    while (!signal.aborted) {
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => {})
      const before = this.#current
      if (signal.aborted || !this.#look()) continue
      log.info('this host has another address', { before, now: this.#current })
      onChange()
    }
  }

  #look(): boolean {
    const found = this.#options.read()
    const [first] = found
    if (first === undefined || found.includes(this.#current)) return false
    this.#current = first
    return true
  }
}
