import { Channel, hasCode, type KeyEvent } from '../../../base/index.ts'
import { apiVersionOf, isCustomKind, type Kind, type KubeObject, StatusError } from '../../../kube/index.ts'
import { authorize } from '../authorize.ts'
import type { CacheEvent, CacheFollower, KindCache } from '../cache/kind-cache.ts'
import { type Selection, selectionOf } from '../cache/selection.ts'
import { entryOf, StoredEntry } from '../cache/stored-entry.ts'
import { viewOf } from '../cache/view.ts'
import type { EntryEvent, RequestContext, WatchQuery } from '../contract.ts'
import { expired } from '../refusals.ts'
import { parseResourceVersion } from '../resource-version.ts'
import type { ServedKinds } from '../served-kinds.ts'
import type { VerbServices } from '../services.ts'

/** Events, and their bytes, that a watcher may be behind before it is closed with 410 and has to list again. */
const CAPACITY = 10_000
const CAPACITY_BYTES = 16 * 1024 * 1024
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end'

/**
 * Follows a kind: first what is there (without a version, or with `sendInitialEvents`), or what happened since the version,
 * then what happens. Ends when the context's signal aborts; an Expired when the version is no longer kept or the watcher is too slow.
 */
export async function watchObjects(
  services: VerbServices,
  context: RequestContext,
  kind: Kind,
  query: WatchQuery,
): Promise<AsyncIterable<EntryEvent>> {
  const { world, store } = services
  const { namespace, fieldSelector } = query
  authorize(services, context, kind, { verb: 'watch', namespace, fieldSelector, name: '' })
  const selection = selectionOf(kind, query)
  const wanted = parseResourceVersion(query.resourceVersion)
  const { signal } = context
  if (wanted === undefined) await world.fresh(context)
  else if (query.sendInitialEvents) await world.reach(wanted, context)
  else await world.loaded(context)

  // From here to the registration nothing is awaited: no event falls between what is read now and what is told later.
  const cache = world.cacheOf(kind)
  const start = world.revision
  const follower = new WatchFollower(
    selection,
    query.allowWatchBookmarks,
    Math.max(start, wanted ?? 0),
    signal,
  )
  if (wanted === undefined || wanted === 0 || query.sendInitialEvents) {
    const initial = cache.select(selection)
    follower.follow(cache, services.kinds)
    return follower.read(initialEvents(kind, initial, query, start))
  }
  const missed = cache.eventsAfter(wanted)
  follower.follow(cache, services.kinds)
  if (missed !== undefined) return follower.read(missedEvents(selection, missed))
  return follower.read(
    historyEvents(services, selection, { after: wanted, upTo: start, signal, newest: () => store.revision }),
  )
}

/** One watcher at a cache. */
class WatchFollower implements CacheFollower {
  readonly #selection: Selection
  readonly #bookmarks: boolean
  /** Events up to here come from elsewhere, or are not wanted. */
  readonly #after: number
  readonly #signal: AbortSignal
  readonly #channel = new Channel<EntryEvent>(CAPACITY, tooSlow, {
    of: ({ entry }) => (entry instanceof StoredEntry ? entry.size : 0),
    limit: CAPACITY_BYTES,
  })
  #cache: KindCache | undefined
  #forgetKind = (): void => undefined
  /** Taken off the signal again when the watch ends: signals live longer than watches. */
  readonly #onAbort = (): void => this.onEnd()

  constructor(selection: Selection, bookmarks: boolean, after: number, signal: AbortSignal) {
    this.#selection = selection
    this.#bookmarks = bookmarks
    this.#after = after
    this.#signal = signal
  }

  /** Follows the cache, for as long as the kind is what it was. */
  follow(cache: KindCache, kinds: ServedKinds): void {
    this.#cache = cache
    cache.followers.add(this)
    const { kind } = this.#selection
    if (isCustomKind(kind)) this.#forgetKind = kinds.untilChanged(kind, () => this.onEnd())
    if (this.#signal.aborted) this.onEnd()
    else this.#signal.addEventListener('abort', this.#onAbort)
  }

  onEvent(event: CacheEvent): void {
    if (event.revision <= this.#after) return
    const told = eventFor(this.#selection, event)
    if (told !== undefined && !this.#channel.push(told)) this.#leave()
  }

  onBookmark(revision: number): void {
    if (this.#bookmarks && revision > this.#after)
      this.#channel.push({ type: 'BOOKMARK', entry: bookmark(this.#selection.kind, revision) })
  }

  onLost(): void {
    this.#leave()
    this.#channel.fail(tooSlow())
  }

  onEnd(): void {
    this.#leave()
    this.#channel.end()
  }

  /** What came before, then what comes. */
  async *read(
    before: AsyncIterable<EntryEvent> | Iterable<EntryEvent>,
  ): AsyncGenerator<EntryEvent, void, void> {
    try {
      for (const source of [before, this.#channel])
        for await (const event of source) {
          if (this.#signal.aborted) return
          yield event
        }
    } finally {
      this.onEnd()
    }
  }

  #leave(): void {
    this.#cache?.followers.delete(this)
    this.#forgetKind()
    this.#signal.removeEventListener('abort', this.#onAbort)
  }
}

function* initialEvents(
  kind: Kind,
  entries: readonly StoredEntry[],
  query: WatchQuery,
  revision: number,
): Generator<EntryEvent> {
  for (const entry of entries) yield { type: 'ADDED', entry }
  if (query.sendInitialEvents && query.allowWatchBookmarks)
    yield { type: 'BOOKMARK', entry: bookmark(kind, revision, { [INITIAL_EVENTS_END]: 'true' }) }
}

function* missedEvents(selection: Selection, events: readonly CacheEvent[]): Generator<EntryEvent> {
  for (const event of events) {
    const told = eventFor(selection, event)
    if (told !== undefined) yield told
  }
}

/** What happened longer ago than memory reaches: read from the store, as long as it is kept there. */
async function* historyEvents(
  { store }: VerbServices,
  selection: Selection,
  range: { after: number; upTo: number; signal: AbortSignal; newest: () => number },
): AsyncGenerator<EntryEvent> {
  if (range.after >= range.upTo) return
  try {
    for await (const batch of store.watch(selection.prefix, range.after + 1, range.signal)) {
      for (const event of batch.events) {
        if (event.revision > range.upTo) return
        const told = eventFor(selection, cacheEventOf(event))
        if (told !== undefined) yield told
      }
      if (batch.revision >= range.upTo) return
    }
  } catch (error) {
    throw hasCode(error, 'compacted') ? expired(range.after, range.newest()) : error
  }
}

function cacheEventOf({ revision, current, previous }: KeyEvent): CacheEvent {
  return {
    revision,
    current: current && new StoredEntry(current, revision),
    previous: previous && new StoredEntry(previous, previous.modRevision),
  }
}

/** How a change looks to a selection: an object that stops matching is deleted for it, one that starts is added. */
function eventFor(selection: Selection, event: CacheEvent): EntryEvent | undefined {
  const { current, previous } = event
  if (!(current ?? previous)!.key.startsWith(selection.prefix)) return undefined
  const shown = (entry: StoredEntry | undefined): StoredEntry | undefined => {
    const view = entry && viewOf(selection.kind, entry)
    return view !== undefined && (!selection.isNarrow || selection.matches(view.object)) ? view : undefined
  }
  const now = shown(current)
  const before = shown(previous)
  if (now !== undefined) return { type: before === undefined ? 'ADDED' : 'MODIFIED', entry: now }
  if (before !== undefined) return { type: 'DELETED', entry: lastState(event, before) }
  return undefined
}

const lastStates = new WeakMap<StoredEntry, StoredEntry>()

/** The last matching state, with the version of what ended it; made once for all watchers, as one event ends a state. */
function lastState(event: CacheEvent, previous: StoredEntry): StoredEntry {
  let last = lastStates.get(previous)
  if (last === undefined) {
    last = previous.at(event.revision)
    lastStates.set(previous, last)
  }
  return last
}

function bookmark(kind: Kind, revision: number, annotations?: { readonly [key: string]: string }) {
  const object: KubeObject = {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: { resourceVersion: String(revision), ...(annotations === undefined ? {} : { annotations }) },
  }
  return entryOf(object)
}

function tooSlow(): StatusError {
  return new StatusError('Expired', 'The watch fell too far behind: list again')
}
