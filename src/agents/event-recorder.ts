import { type Clock, type Ids, type Logger, messageOf } from '../base/index.ts'
import type { Client } from '../client/index.ts'
import { type EventObject, formatTime, isNotFound, Kinds, type ObjectReference } from '../kube/index.ts'

export interface EventRecorderOptions {
  readonly client: Client
  readonly nodeName: string
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/** What an event is about, and what happened. The message never holds a value of a Secret. */
interface Occurrence {
  readonly about: ObjectReference
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

/** Tells people what happens, as Event objects. Recording never fails and never waits; under pressure the oldest are dropped. */
export interface EventRecorder {
  record(occurrence: Occurrence): void
  /** Writes what is queued until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>
}

const COMPONENT = 'bowline-agent'
const MAX_QUEUED = 1000
/** Events that a repetition is still counted into; as in client-go's correlator. */
const MAX_REMEMBERED = 1024
const MAX_MESSAGE = 1024

interface Remembered {
  readonly name: string
  readonly count: number
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, nodeName, clock, ids, log } = options
  const queue: { readonly occurrence: Occurrence; readonly at: number }[] = []
  const remembered = new Map<string, Remembered>()
  let wake: (() => void) | undefined

  async function write(occurrence: Occurrence, at: number): Promise<void> {
    const { about, type, reason, message } = occurrence
    const key = [about.uid, about.fieldPath, type, reason, message].join('\n')
    const known = remembered.get(key)
    const namespace = about.namespace || 'default'
    remembered.delete(key)
    if (known !== undefined) {
      const count = known.count + 1
      try {
        const body = { count, lastTimestamp: formatTime(at) }
        await client.patch(Kinds.Event, known.name, { type: 'merge', body }, { namespace })
        remember(key, { name: known.name, count })
        return
      } catch (error) {
        // Events are removed after their time; then this one begins anew.
        if (!isNotFound(error)) throw error
      }
    }
    const name = `${about.name}.${ids.suffix(10)}`
    const event: EventObject = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: about,
      type,
      reason,
      message,
      count: 1,
      firstTimestamp: formatTime(at),
      lastTimestamp: formatTime(at),
      source: { component: COMPONENT, host: nodeName },
      reportingComponent: COMPONENT,
      reportingInstance: nodeName,
    }
    await client.create(Kinds.Event, event, { namespace })
    remember(key, { name, count: 1 })
  }

  function remember(key: string, event: Remembered): void {
    remembered.set(key, event)
    for (const oldest of remembered.keys()) {
      if (remembered.size <= MAX_REMEMBERED) break
      remembered.delete(oldest)
    }
  }

  return {
    record(occurrence) {
      if (queue.length >= MAX_QUEUED) queue.shift()
      const message = occurrence.message.slice(0, MAX_MESSAGE)
      queue.push({ occurrence: { ...occurrence, message }, at: clock.now() })
      wake?.()
    },
    async run(signal) {
      const onAbort = () => wake?.()
      signal.addEventListener('abort', onAbort, { once: true })
      while (!signal.aborted) {
        const next = queue.shift()
        if (next === undefined) {
          await new Promise<void>(resolve => {
            wake = resolve
          })
          wake = undefined
          continue
        }
        try {
          await write(next.occurrence, next.at)
        } catch (error) {
          log.debug('an event was not recorded', { reason: next.occurrence.reason, error: messageOf(error) })
        }
      }
      signal.removeEventListener('abort', onAbort)
    },
  }
}
