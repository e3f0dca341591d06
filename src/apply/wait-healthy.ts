import { type Clock, isAborted } from '../base/index.ts'
import { describeRef, type ObjectRef } from '../kube/index.ts'

export interface ObjectHealth {
  readonly ref: ObjectRef
  readonly state: 'healthy' | 'progressing' | 'failed'
  readonly reason: string
}

export interface HealthResult {
  readonly state: 'healthy' | 'failed' | 'deadline' | 'superseded'
  /** One sentence for a person. */
  readonly message: string
  readonly objects: readonly ObjectHealth[]
}

export interface WaitOptions {
  readonly refs: readonly ObjectRef[]
  /** The object's health now; judged anew after every call of the function that `onChange` was given. */
  readonly healthOf: (ref: ObjectRef) => Omit<ObjectHealth, 'ref'>
  /** Calls back whenever any live object may have changed; returns the function that ends it. */
  readonly onChange: (callback: () => void) => () => void
  readonly clock: Clock
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

/**
 * Waits until every object is healthy, one has failed, the deadline passes, or a newer commit takes over. Level-triggered: it looks at the whole state after each change and never counts events.
 */
export async function waitForHealth(options: WaitOptions): Promise<HealthResult> {
  const { refs, clock, signal } = options
  if (refs.length === 0) return { state: 'healthy', message: 'nothing to wait for', objects: [] }
  let wake: () => void = () => {}
  const unsubscribe = options.onChange(() => wake())
  const end = clock.now() + options.deadlineMs
  try {
    for (;;) {
      const changed = new Promise<void>(resolve => {
        wake = resolve
      })
      const objects = refs.map(ref => ({ ref, ...options.healthOf(ref) }))
      const result = judge(objects)
      if (result !== undefined) return { ...result, objects }
      if (signal.aborted) return { state: 'superseded', message: 'a newer commit took over', objects }
      const left = end - clock.now()
      if (left <= 0)
        return { state: 'deadline', message: `not healthy in time: ${firstReason(objects)}`, objects }
      await firstOf(changed, left, clock, signal)
    }
  } finally {
    unsubscribe()
  }
}

function judge(objects: readonly ObjectHealth[]): Omit<HealthResult, 'objects'> | undefined {
  const failed = objects.filter(object => object.state === 'failed')
  if (failed.length > 0)
    return {
      state: 'failed',
      message: failed.map(object => `${describeRef(object.ref)}: ${object.reason}`).join('; '),
    }
  if (objects.some(object => object.state === 'progressing')) return undefined
  return {
    state: 'healthy',
    message: objects.length === 1 ? '1 object is healthy' : `${objects.length} objects are healthy`,
  }
}

function firstReason(objects: readonly ObjectHealth[]): string {
  return objects
    .filter(object => object.state !== 'healthy')
    .slice(0, 3)
    .map(object => `${describeRef(object.ref)}: ${object.reason}`)
    .join('; ')
}

/** Resolves at the change, the end of the time, or the abort, and leaves no timer behind. */
async function firstOf(changed: Promise<void>, ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  const stop = new AbortController()
  const slept = clock.sleep(ms, AbortSignal.any([signal, stop.signal])).catch(error => {
    if (!isAborted(error)) throw error
  })
  await Promise.race([changed, slept])
  stop.abort()
}
