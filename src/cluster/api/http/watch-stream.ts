import type { Clock } from '../../../base/index.ts'
import type { EntryEvent } from '../contract.ts'
import { chunkOf } from './chunk.ts'
import { refusalOf } from './refusal.ts'
import { type RenderOptions, renderErrorEvent, renderEvent } from './representation.ts'
import { SharedChunks } from './shared-chunks.ts'

export interface WatchStreamOptions {
  readonly events: AsyncIterable<EntryEvent>
  readonly render: Omit<RenderOptions, 'nowMs'>
  readonly clock: Clock
  readonly onBug: (error: unknown) => ReturnType<typeof refusalOf>
  /** Aborted when the client goes, the server stops, or the watch's time is over: the stream then ends cleanly. */
  readonly signal: AbortSignal
}

type Piece = IteratorResult<Buffer, void>

const END: Piece = Object.freeze({ done: true, value: undefined })

/** Of all watches: an event is the same for all of them that show objects as they are. */
const shared = new SharedChunks()

/**
 * A watch as lines of JSON, each a chunk ({@link chunkOf}). What breaks it later than its headers is told as an ERROR event, as upstream
 * does, and ends it.
 */
export class WatchStream implements AsyncIterableIterator<Buffer, void, void> {
  readonly #options: WatchStreamOptions
  readonly #events: AsyncIterator<EntryEvent>
  #isFirst = true
  #isOver = false

  constructor(options: WatchStreamOptions) {
    this.#options = options
    this.#events = options.events[Symbol.asyncIterator]()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Piece> {
    return this.#isOver ? Promise.resolve(END) : this.#events.next().then(this.#frame, this.#tellError)
  }

  async return(): Promise<Piece> {
    this.#isOver = true
    await this.#events.return?.()
    return END
  }

  readonly #frame = (result: IteratorResult<EntryEvent>): Piece | Promise<Piece> => {
    if (result.done === true) {
      this.#isOver = true
      return END
    }
    try {
      return { done: false, value: this.#chunkOf(result.value) }
    } catch (error) {
      return this.return().then(() => this.#tellError(error))
    }
  }

  #chunkOf(event: EntryEvent): Buffer {
    const { render, clock } = this.#options
    const isFirst = this.#isFirst
    this.#isFirst = false
    const make = (): Buffer => chunkOf(renderEvent(event, { ...render, nowMs: clock.now() }, isFirst))
    return isSame(event, render) ? shared.of(event, make) : make()
  }

  readonly #tellError = (error: unknown): Piece => {
    const { signal, onBug } = this.#options
    this.#isOver = true
    if (signal.aborted) return END
    const refusal = refusalOf(error) ?? onBug(error)
    return refusal === undefined ? END : { done: false, value: chunkOf(renderErrorEvent(refusal.toStatus())) }
  }
}

/** A Table shows ages, and a bookmark is made for one watch. */
function isSame({ type }: EntryEvent, { representation }: WatchStreamOptions['render']): boolean {
  return representation.form === 'object' && type !== 'BOOKMARK'
}
