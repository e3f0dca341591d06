import type { EntryEvent } from '../contract.ts'
import type { CacheEvent, CacheFollower, KindCache } from './kind-cache.ts'
import type { Selection } from './selection.ts'
import type { StoredEntry } from './stored-entry.ts'
import { viewOf } from './view.ts'

/** One who follows what a selection finds. */
export interface AudienceMember extends Omit<CacheFollower, 'onEvent'> {
  /** What a change at a revision means for the selection. */
  onTold(event: EntryEvent, revision: number): void
}

const audiences = new WeakMap<KindCache, Map<string, Audience>>()

/**
 * Everyone who follows the same selection at a cache. What a change means for it is found out once, and told to all in the same event:
 * that of what was made of it before, nothing need be made again.
 */
export class Audience implements CacheFollower {
  readonly #selection: Selection
  readonly #members = new Set<AudienceMember>()
  readonly #onEmpty: () => void

  private constructor(selection: Selection, onEmpty: () => void) {
    this.#selection = selection
    this.#onEmpty = onEmpty
  }

  /** Joins the audience of a selection at a cache; returns the function that leaves it. */
  static join(cache: KindCache, selection: Selection, member: AudienceMember): () => void {
    const audience = Audience.#of(cache, selection)
    audience.#members.add(member)
    return () => audience.#leave(member)
  }

  /** A definition that changes makes another kind of the same name. */
  static #of(cache: KindCache, selection: Selection): Audience {
    const known = audiences.get(cache) ?? new Map<string, Audience>()
    audiences.set(cache, known)
    const found = known.get(selection.text)
    if (found !== undefined && found.#selection.kind === selection.kind) return found
    const created: Audience = new Audience(selection, () => {
      cache.followers.delete(created)
      if (known.get(selection.text) === created) known.delete(selection.text)
    })
    known.set(selection.text, created)
    cache.followers.add(created)
    return created
  }

  onEvent(event: CacheEvent): void {
    const told = eventFor(this.#selection, event)
    if (told !== undefined) for (const member of this.#members) member.onTold(told, event.revision)
  }

  onBookmark(revision: number): void {
    for (const member of this.#members) member.onBookmark(revision)
  }

  onLost(): void {
    for (const member of this.#members) member.onLost()
  }

  onEnd(): void {
    for (const member of this.#members) member.onEnd()
  }

  #leave(member: AudienceMember): void {
    if (this.#members.delete(member) && this.#members.size === 0) this.#onEmpty()
  }
}

/** How a change looks to a selection: an object that stops matching is deleted for it, one that starts is added. */
export function eventFor(selection: Selection, event: CacheEvent): EntryEvent | undefined {
  const { current, previous } = event
  if (!(current ?? previous)!.key.startsWith(selection.prefix)) return undefined
  const now = shownTo(selection, current)
  const before = shownTo(selection, previous)
  if (now !== undefined) return { type: before === undefined ? 'ADDED' : 'MODIFIED', entry: now }
  if (before !== undefined) return { type: 'DELETED', entry: lastState(event, before) }
  return undefined
}

function shownTo(selection: Selection, entry: StoredEntry | undefined): StoredEntry | undefined {
  if (entry === undefined) return undefined
  const view = viewOf(selection.kind, entry)
  return !selection.isNarrow || selection.matches(view.object) ? view : undefined
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
