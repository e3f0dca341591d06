import type { Clock } from '../../../base/index.ts'
import type { EntryEvent } from '../contract.ts'
import { refusalOf } from './refusal.ts'
import { type RenderOptions, renderErrorEvent, renderEvent } from './representation.ts'

export interface WatchStreamOptions {
  readonly events: AsyncIterable<EntryEvent>
  readonly render: Omit<RenderOptions, 'nowMs'>
  readonly clock: Clock
  readonly onBug: (error: unknown) => ReturnType<typeof refusalOf>
  /** Aborted when the client goes, the server stops, or the watch's time is over: the stream then ends cleanly. */
  readonly signal: AbortSignal
}

/** A watch as lines of JSON. What breaks it later than its headers is told as an ERROR event, as upstream does. */
export async function* watchStream(options: WatchStreamOptions): AsyncGenerator<Buffer, void, void> {
  const { events, render, clock, signal } = options
  let isFirst = true
  try {
    for await (const event of events) {
      yield renderEvent(event, { ...render, nowMs: clock.now() }, isFirst)
      isFirst = false
    }
  } catch (error) {
    if (signal.aborted) return
    const refusal = refusalOf(error) ?? options.onBug(error)
    if (refusal !== undefined) yield renderErrorEvent(refusal.toStatus())
  }
}
