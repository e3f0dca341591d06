import { type Clock, type KeyValueStore, type Logger, messageOf, type Service } from '../../base/index.ts'
import { type EventObject, Kinds, parseTime } from '../../kube/index.ts'
import { selectionOf } from './cache/selection.ts'
import type { StoredEntry } from './cache/stored-entry.ts'
import type { World } from './cache/world.ts'

/** Upstream's `--event-ttl`. */
const TTL_MS = 3_600_000
const SWEEP_MS = 60_000
const EVERY_EVENT = { namespace: '', labelSelector: '', fieldSelector: '' }

/** Takes Events away an hour after they last happened. */
export class EventExpiry implements Service {
  readonly #store: KeyValueStore
  readonly #world: World
  readonly #clock: Clock
  readonly #log: Logger

  constructor(options: { store: KeyValueStore; world: World; clock: Clock; log: Logger }) {
    this.#store = options.store
    this.#world = options.world
    this.#clock = options.clock
    this.#log = options.log
  }

  async start(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#clock.sleep(SWEEP_MS, signal)
        await this.#sweep(signal)
      } catch (error) {
        if (signal.aborted) return
        this.#log.warn('Cannot remove expired events', { error: messageOf(error) })
      }
    }
  }

  async #sweep(signal: AbortSignal): Promise<void> {
    await this.#world.fresh({ signal })
    const limit = this.#clock.now() - TTL_MS
    const entries = this.#world.cacheOf(Kinds.Event).select(selectionOf(Kinds.Event, EVERY_EVENT))
    for (const entry of entries) {
      if (signal.aborted) return
      if (lastSeen(entry) > limit) continue
      // An event that happened again meanwhile stays: the compare does not hold.
      await this.#store.txn(
        [{ key: entry.key, modRevision: entry.revision }],
        [{ type: 'delete', key: entry.key }],
      )
    }
  }
}

function lastSeen({ object }: StoredEntry): number {
  const event = object as EventObject
  const times = [
    event.metadata.creationTimestamp,
    event.firstTimestamp,
    event.lastTimestamp,
    event.eventTime,
    event.series?.lastObservedTime,
  ]
  return Math.max(0, ...times.map(time => parseTime(time ?? undefined) ?? 0))
}
