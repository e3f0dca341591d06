import { performance } from 'node:perf_hooks'
import { getHeapSpaceStatistics } from 'node:v8'
import type { Clock } from '../base/index.ts'

/** How often a look is taken, and so for how long a process has been quiet when its memory goes back. */
const LOOK_EVERY_MS = 5_000
/** Share of the time in which the event loop had work, up to which a process is quiet; an idle server has about 0.002. */
const QUIET = 0.05
/** What V8 may keep for objects that are young. It starts with 1 MB. */
const KEPT_BYTES = 4 << 20

/**
 * Gives the memory back that V8 took for young objects while there was much to do: it grows to 48 MB, which make a busy server a
 * sixth faster, and V8 may keep them until it next collects all of the heap, hours later where nothing happens. A collection of
 * the young ones alone takes a few milliseconds, whatever the size of the heap. Does nothing unless Node runs with `--expose-gc`, as
 * the command does. Returns the function that ends this.
 */
export function returnYoungMemory(clock: Clock): () => void {
  const collect = globalThis.gc as ((options: { readonly type: 'minor' }) => void) | undefined
  if (collect === undefined) return () => undefined
  let before = performance.eventLoopUtilization()
  let cancel = clock.after(LOOK_EVERY_MS, look)
  function look(): void {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, before)
    before = now
    if (utilization <= QUIET && youngBytes() > KEPT_BYTES) {
      // The first moves what is alive into as few pages as it needs; the second unmaps what the first has left empty.
      collect?.({ type: 'minor' })
      collect?.({ type: 'minor' })
    }
    cancel = clock.after(LOOK_EVERY_MS, look)
  }
  return () => cancel()
}

/** Pages in memory that hold young objects, or are there for them. */
function youngBytes(): number {
  const young = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')
  return young?.physical_space_size ?? 0
}
