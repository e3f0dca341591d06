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

/** Of all watches: an event is the same for all of them that show objects as they are. */
const shared = new SharedChunks()

/** A watch as lines of JSON, each a chunk ({@link chunkOf}). What breaks it later than its headers is told as an ERROR event, as upstream does. */
export async function* watchStream(options: WatchStreamOptions): AsyncGenerator<Buffer, void, void> {
  const { events, render, clock, signal } = options
  let isFirst = true
  try {
    for await (const event of events) {
      const make = (): Buffer => chunkOf(renderEvent(event, { ...render, nowMs: clock.now() }, isFirst))
      yield isSame(event, render) ? shared.of(event, make) : make()
      isFirst = false
    }
  } catch (error) {
    if (signal.aborted) return
    const refusal = refusalOf(error) ?? options.onBug(error)
    if (refusal !== undefined) yield chunkOf(renderErrorEvent(refusal.toStatus()))
  }
}

/** A Table shows ages, and a bookmark is made for one watch. */
function isSame({ type }: EntryEvent, { representation }: WatchStreamOptions['render']): boolean {
  return representation.form === 'object' && type !== 'BOOKMARK'
}
