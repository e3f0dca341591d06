import type { Entry, EntryEvent } from '../contract.ts'

/** Events that are kept, as many as may come before the last watcher was told the first of them. */
const MAX_KEPT = 32
/** Larger ones are made for each watcher: together they stay within a megabyte. */
const MAX_BYTES = 32 * 1024

/** The newest events in the form in which they are sent. All who follow an object are told the same at about the same time, in the same bytes. */
export class SharedChunks {
  readonly #kept = new Map<Entry, { readonly type: EntryEvent['type']; readonly chunk: Buffer }>()

  /** The chunk of an event: the one that others were sent, or what `make` answers. */
  of({ type, entry }: EntryEvent, make: () => Buffer): Buffer {
    const known = this.#kept.get(entry)
    if (known?.type === type) return known.chunk
    const chunk = make()
    if (known === undefined && chunk.length <= MAX_BYTES) this.#keep(entry, { type, chunk })
    return chunk
  }

  #keep(entry: Entry, made: { readonly type: EntryEvent['type']; readonly chunk: Buffer }): void {
    this.#kept.set(entry, made)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest)
  }
}
