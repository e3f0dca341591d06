import { Channel, hasCode, type KeyEvent } from '../../../base/index.ts'
import { apiVersionOf, isCustomKind, type Kind, type KubeObject, StatusError } from '../../../kube/index.ts'
import { authorize } from '../authorize.ts'
import { Audience, type AudienceMember, eventFor } from '../cache/audience.ts'
import type { CacheEvent, KindCache } from '../cache/kind-cache.ts'
import { type Selection, selectionOf } from '../cache/selection.ts'
import { entryOf, StoredEntry } from '../cache/stored-entry.ts'
import type { EntryEvent, RequestContext, WatchQuery } from '../contract.ts'
import { expired, neverWritten } from '../refusals.ts'
import { parseResourceVersion } from '../resource-version.ts'
import type { ServedKinds } from '../served-kinds.ts'
import type { VerbServices } from '../services.ts'

/** Events, and their bytes, that a watcher may be behind before it is closed with 410 and has to list again. */
const CAPACITY = 10_000
const CAPACITY_BYTES = 16 * 1024 * 1024
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end'

/**
 * Follows a kind: first what is there (without a version, or with `sendInitialEvents`), or what happened since the version,
 * then what happens. Ends when the context's signal aborts; an Expired when the version is no longer kept, or is none of this store's, or
 * the watcher is too slow.
 */
export async function watchObjects(
  services: VerbServices,
  context: RequestContext,
  kind: Kind,
  query: WatchQuery,
): Promise<AsyncIterable<EntryEvent>> {
  const { world, store } = services
  const { namespace, fieldSelector } = query
  authorize(services, context, kind, { verb: 'watch', namespace, fieldSelector })
  const selection = selectionOf(kind, query)
  const wanted = parseResourceVersion(query.resourceVersion)
  const { signal } = context
  if (wanted === undefined) await world.fresh(context)
  else if (query.sendInitialEvents) await world.reach(wanted, context)
  else {
    await world.loaded(context)
    // Upstream waits in silence until the store gets there, and what happened meanwhile is never told.
    if (wanted > store.revision) throw neverWritten(wanted, store.revision)
  }

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
class WatchFollower implements AudienceMember {
  readonly #selection: Selection
  readonly #bookmarks: boolean
  /** Events up to here come from elsewhere, or are not wanted. */
  readonly #after: number
  readonly #signal: AbortSignal
  readonly #channel = new Channel<EntryEvent>(CAPACITY, tooSlow, {
    of: ({ entry }) => (entry instanceof StoredEntry ? entry.size : 0),
    limit: CAPACITY_BYTES,
  })
  #leaveAudience = (): void => undefined
  #forgetKind = (): void => undefined
  /** Taken off the signal again when the watch ends: signals live longer than watches. */
  readonly #onAbort = (): void => this.#stop()

  constructor(selection: Selection, bookmarks: boolean, after: number, signal: AbortSignal) {
    this.#selection = selection
    this.#bookmarks = bookmarks
    this.#after = after
    this.#signal = signal
  }

  /** Follows the cache, for as long as the kind is what it was. */
  follow(cache: KindCache, kinds: ServedKinds): void {
    this.#leaveAudience = Audience.join(cache, this.#selection, this)
    const { kind } = this.#selection
    if (isCustomKind(kind)) this.#forgetKind = kinds.untilChanged(kind, () => this.onEnd())
    if (this.#signal.aborted) this.#stop()
    else this.#signal.addEventListener('abort', this.#onAbort)
  }

  onTold(event: EntryEvent, revision: number): void {
    if (revision > this.#after && !this.#channel.push(event)) this.#leave()
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
  read(before: AsyncIterator<EntryEvent> | Iterator<EntryEvent>): AsyncIterable<EntryEvent> {
    const events = new FollowedEvents(before, this.#channel, this.#signal, () => this.#stop())
    return { [Symbol.asyncIterator]: () => events }
  }

  /** Nobody wants more. */
  #stop(): void {
    this.#leave()
    this.#channel.stop()
  }

  #leave(): void {
    this.#leaveAudience()
    this.#forgetKind()
    this.#signal.removeEventListener('abort', this.#onAbort)
  }
}

/** No generator: there may be a thousand, and most of what one adds to a watch is its turns of promises. */
class FollowedEvents implements AsyncIterator<EntryEvent, void, void> {
  #before: AsyncIterator<EntryEvent> | Iterator<EntryEvent> | undefined
  readonly #coming: Channel<EntryEvent>
  /** Ends what is told of what came before; what comes has ended with it already. */
  readonly #signal: AbortSignal
  readonly #stop: () => void

  constructor(
    before: AsyncIterator<EntryEvent> | Iterator<EntryEvent>,
    coming: Channel<EntryEvent>,
    signal: AbortSignal,
    stop: () => void,
  ) {
    this.#before = before
    this.#coming = coming
    this.#signal = signal
    this.#stop = stop
  }

  next(): Promise<IteratorResult<EntryEvent, void>> {
    return this.#before === undefined ? this.#coming.next() : this.#nextBefore(this.#before)
  }

  async return(): Promise<IteratorResult<EntryEvent, void>> {
    this.#stop()
    await this.#before?.return?.()
    this.#before = undefined
    return this.#coming.return()
  }

  async #nextBefore(
    before: AsyncIterator<EntryEvent> | Iterator<EntryEvent>,
  ): Promise<IteratorResult<EntryEvent, void>> {
    try {
      const result = await before.next()
      if (this.#signal.aborted) return this.return()
      if (!result.done) return result
    } catch (error) {
      this.#stop()
      throw error
    }
    this.#before = undefined
    return this.#coming.next()
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

function* missedEvents(
  selection: Selection,
  events: readonly CacheEvent[],
): Generator<EntryEvent, undefined> {
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
