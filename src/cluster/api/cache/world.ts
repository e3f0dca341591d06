import {
  backoffMs,
  breathe,
  type Clock,
  type KeyEvent,
  type KeyValueStore,
  type Logger,
  messageOf,
  type Service,
} from '../../../base/index.ts'
import { type Kind, registryPrefix } from '../../../kube/index.ts'
import type { Abortable } from '../contract.ts'
import { stopping, tooLargeResourceVersion } from '../refusals.ts'
import { type CacheFollower, KindCache } from './kind-cache.ts'
import { StoredEntry } from './stored-entry.ts'

/** Under it the API keeps its objects; everything else in the store belongs to others. */
const REGISTRY = '/registry/'
/** Keys that are gone through at once when the caches are filled; the event loop runs in between. */
const PAGE = 1_000
/** How long a read waits for a revision that nobody has written yet (apiserver `watch_cache.go`, `blockTimeout`). */
const FUTURE_WAIT_MS = 3_000
const BOOKMARK_MS = 60_000
const RETRY = { initialMs: 20, maxMs: 2_000 }

interface Waiter {
  readonly revision: number
  readonly wake: () => void
  /** The revision will never be seen. */
  readonly giveUp: () => void
}

/**
 * The newest state of every kind, in memory, fed by one watch over the whole registry: all kinds are at the same revision,
 * and a read is consistent once that revision is the store's.
 */
export class World implements Service {
  readonly #store: KeyValueStore
  readonly #clock: Clock
  readonly #log: Logger
  readonly #eventWindow: number
  /** By prefix of the registry. Kinds may come while the server runs: what is there and not served yet is kept too. */
  readonly #caches = new Map<string, KindCache>()
  /** The same by handles of kinds, of which there are a few for each: a write asks a dozen times. */
  readonly #byHandle = new WeakMap<Kind, KindCache>()
  readonly #waiters = new Set<Waiter>()
  /** Everything up to here is in the caches; 0 until they are filled. */
  #seen = 0
  /** Nothing follows the store any more: what is not seen yet never will be. */
  #isOver = false

  constructor(options: {
    store: KeyValueStore
    kinds: readonly Kind[]
    clock: Clock
    log: Logger
    eventWindow: number
  }) {
    this.#store = options.store
    this.#clock = options.clock
    this.#log = options.log
    this.#eventWindow = options.eventWindow
    for (const kind of options.kinds) this.cacheOf(kind)
  }

  /** The revision that the caches show. */
  get revision(): number {
    return this.#seen
  }

  /** The cache of a kind, whatever its version. */
  cacheOf(kind: Kind): KindCache {
    const known = this.#byHandle.get(kind)
    if (known !== undefined) return known
    const cache = this.#cacheAt(registryPrefix(kind))
    this.#byHandle.set(kind, cache)
    return cache
  }

  #cacheAt(prefix: string): KindCache {
    const known = this.#caches.get(prefix)
    if (known !== undefined) return known
    const cache = new KindCache(prefix, this.#eventWindow, this.#seen)
    this.#caches.set(prefix, cache)
    return cache
  }

  /** Resolves when the caches show everything that was acknowledged before the call. */
  async fresh(caller: Abortable): Promise<void> {
    await this.#reach(Math.max(1, this.#store.revision), caller)
  }

  /** Resolves when the caches are filled, however old what they show. */
  async loaded(caller: Abortable): Promise<void> {
    await this.#reach(1, caller)
  }

  /** Resolves when the caches show `revision`; a Timeout after three seconds when nobody writes it. */
  async reach(revision: number, caller: Abortable): Promise<void> {
    await this.#reach(1, caller)
    if (this.#seen >= revision) return
    const { signal } = caller
    const patience = new AbortController()
    const cancel = this.#clock.after(FUTURE_WAIT_MS, () => patience.abort())
    try {
      await this.#reach(revision, { signal: AbortSignal.any([signal, patience.signal]) })
    } catch (error) {
      if (patience.signal.aborted && !signal.aborted) throw tooLargeResourceVersion(revision, this.#seen)
      throw error
    } finally {
      cancel()
    }
  }

  /** Fills the caches and follows the store until the signal aborts. */
  async start(signal: AbortSignal): Promise<void> {
    const bookmarks = this.#sendBookmarks(signal)
    let failures = 0
    while (!signal.aborted) {
      try {
        await this.#load()
        failures = 0
        await this.#follow(signal)
      } catch (error) {
        if (signal.aborted) break
        await this.#detachAll()
        failures += 1
        this.#log.warn('Lost the place in the store, reading it again', { error: messageOf(error) })
        await this.#clock.sleep(backoffMs(failures, RETRY), signal).catch(() => undefined)
      }
    }
    this.#tell(follower => follower.onEnd())
    this.#isOver = true
    for (const waiter of [...this.#waiters]) waiter.giveUp()
    await bookmarks
  }

  async #load(): Promise<void> {
    const entries = new Map<KindCache, StoredEntry[]>()
    let after: string | undefined
    let revision: number | undefined
    for (;;) {
      const page = await this.#store.heads(REGISTRY, {
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
        ...(revision === undefined ? {} : { atRevision: revision }),
      })
      revision = page.revision
      for (const { key, modRevision } of page.items) {
        const cache = this.#cacheAt(prefixOf(key))
        const list = entries.get(cache)
        const entry = new StoredEntry({ key, value: () => this.#store.read(key, modRevision) }, modRevision)
        if (list === undefined) entries.set(cache, [entry])
        else list.push(entry)
        if (cache.prepare(entry)) await breathe()
      }
      after = page.items.at(-1)?.key
      if (!page.more) break
      await breathe()
    }
    // Followers of the state before this one may have missed something.
    this.#tell(follower => follower.onLost())
    for (const cache of this.#caches.values()) cache.reset(entries.get(cache) ?? [], revision)
    this.#advance(revision)
  }

  async #follow(signal: AbortSignal): Promise<void> {
    // The caches have what was there before.
    const events = this.#store.watch(REGISTRY, this.#seen + 1, signal, { previous: false })
    for await (const batch of events) {
      for (const event of batch.events) this.#apply(event)
      this.#advance(batch.revision)
    }
  }

  #apply(event: KeyEvent): void {
    const cache = this.#cacheAt(prefixOf(event.key))
    // The entry that readers already share, with what was made of it.
    const previous = cache.get(event.key)
    previous?.detach()
    cache.apply({
      revision: event.revision,
      previous,
      current: event.current && new StoredEntry(event.current, event.revision),
    })
  }

  /** Until the place is found again nobody hears what is superseded, and what is held of it by then may be gone from the store. */
  async #detachAll(): Promise<void> {
    for (const cache of this.#caches.values())
      for (const entry of cache.values()) {
        try {
          entry.detach()
        } catch {
          // Who asks for it is told so.
        }
        await breathe()
      }
  }

  #advance(revision: number): void {
    this.#seen = revision
    for (const waiter of this.#waiters) if (waiter.revision <= revision) waiter.wake()
  }

  #tell(message: (follower: CacheFollower) => void): void {
    for (const { followers } of this.#caches.values())
      for (const follower of [...followers]) message(follower)
  }

  async #reach(revision: number, caller: Abortable): Promise<void> {
    if (this.#seen >= revision) return
    const { signal } = caller
    signal.throwIfAborted()
    if (this.#isOver) throw stopping()
    await new Promise<void>((resolve, reject) => {
      const settle = (action: () => void): void => {
        this.#waiters.delete(waiter)
        signal.removeEventListener('abort', onAbort)
        action()
      }
      const onAbort = (): void => settle(() => reject(signal.reason))
      const waiter: Waiter = {
        revision,
        wake: () => settle(resolve),
        giveUp: () => settle(() => reject(stopping())),
      }
      this.#waiters.add(waiter)
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  async #sendBookmarks(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#clock.sleep(BOOKMARK_MS, signal).catch(() => undefined)
      if (signal.aborted) return
      this.#tell(follower => follower.onBookmark(this.#seen))
    }
  }
}

/** `/registry/apps/deployments/` of `/registry/apps/deployments/shop/web`. */
function prefixOf(key: string): string {
  const group = key.indexOf('/', REGISTRY.length)
  return key.slice(0, key.indexOf('/', group + 1) + 1)
}
