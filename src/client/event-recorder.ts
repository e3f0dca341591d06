import { BowlineError, type Clock, type Logger, messageOf } from '../base/index.ts'
import {
  type EventObject,
  formatTime,
  isAlreadyExists,
  isNotFound,
  isTransient,
  Kinds,
  type KubeObject,
} from '../kube/index.ts'
import type { Writer } from './client.ts'
import { type Correlation, EventCorrelator } from './event-correlator.ts'

export interface EventRecorderOptions {
  readonly client: Pick<Writer, 'create' | 'patch'>
  /** Who says it, such as `deployment-controller`: `source.component`. */
  readonly component: string
  /** The node that says it: `source.host`. */
  readonly host?: string
  readonly clock: Clock
  readonly log: Logger
}

export interface EventOptions {
  /** Which part of the object, such as `spec.containers{web}`. */
  readonly fieldPath?: string
}

/** Writes Events about objects. Never throws, never waits: an event that cannot be written is lost. */
export interface EventRecorder {
  record(
    about: KubeObject,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    options?: EventOptions,
  ): void
  /** Resolves when everything recorded so far was written or given up. */
  flush(): Promise<void>
  /** Takes no more events and resolves when those that wait were tried once: nobody waits for a server that is away. */
  close(): Promise<void>
}

/** Events that wait to be written; beyond this new ones are dropped. */
const MAX_WAITING = 1000
const ATTEMPTS = 4
const RETRY_MS = 1000
/** Names that are tried for an event: a few controllers, and an agent, may say something about an object at once. */
const NAMES = 20
/** Upstream's limit of an event's message, in characters. */
const MAX_MESSAGE = 1024

/** A recorder that writes one event after the other, repeated ones by counting the first up. */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  return new WritingRecorder(options)
}

class WritingRecorder implements EventRecorder {
  readonly #options: EventRecorderOptions
  readonly #correlator: EventCorrelator
  #waiting = 0
  #last: Promise<void> = Promise.resolve()
  /** Makes this recorder's names unique within a millisecond. */
  #serial = 0
  readonly #closing = new AbortController()

  constructor(options: EventRecorderOptions) {
    this.#options = options
    this.#correlator = new EventCorrelator(options.clock)
  }

  record(
    about: KubeObject,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    { fieldPath }: EventOptions = {},
  ): void {
    if (this.#waiting >= MAX_WAITING || this.#closing.signal.aborted) return
    const at = formatTime(this.#options.clock.now())
    this.#waiting += 1
    this.#last = this.#last.then(async () => {
      try {
        await this.#write(about, { type, reason, message: message.slice(0, MAX_MESSAGE), fieldPath, at })
      } catch (error) {
        this.#options.log.debug('an event was lost', { reason, error: messageOf(error) })
      } finally {
        this.#waiting -= 1
      }
    })
  }

  async flush(): Promise<void> {
    await this.#last
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#last
  }

  async #write(about: KubeObject, said: Said): Promise<void> {
    // Correlated only now, so that the name of an event still being written is known to its repetition.
    const subject = `${about.kind}/${about.metadata.namespace ?? ''}/${about.metadata.name}/${about.metadata.uid}/${said.fieldPath ?? ''}`
    const correlation = this.#correlator.correlate({ subject, ...said })
    if (correlation === undefined) return
    const { signal } = this.#closing
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#writeOnce(about, said, correlation)
      } catch (error) {
        if (attempt === ATTEMPTS || signal.aborted || !isWorthRetrying(error)) throw error
        await this.#options.clock.sleep(RETRY_MS * attempt, signal)
      }
    }
  }

  async #writeOnce(about: KubeObject, said: Said, correlation: Correlation): Promise<void> {
    const { client } = this.#options
    const namespace = about.metadata.namespace ?? 'default'
    if (correlation.name !== undefined) {
      const body = { count: correlation.count, lastTimestamp: said.at, message: correlation.message }
      try {
        await client.patch(Kinds.Event, correlation.name, { type: 'merge', body }, { namespace })
        return
      } catch (error) {
        if (!isNotFound(error)) throw error
      }
    }
    for (let attempt = 1; ; attempt++) {
      const event = this.#event(about, said, correlation, namespace)
      try {
        await client.create(Kinds.Event, event, { namespace })
        this.#correlator.setName(correlation.key, event.metadata.name)
        return
      } catch (error) {
        // Somebody else said something about the object in this very millisecond; the next name differs.
        if (!isAlreadyExists(error) || attempt === NAMES) throw error
      }
    }
  }

  #event(about: KubeObject, said: Said, correlation: Correlation, namespace: string): EventObject {
    const { component, host, clock } = this.#options
    const { name = '', uid, resourceVersion } = about.metadata
    this.#serial = (this.#serial + 1) % 1_000_000
    // Upstream's form: the object's name and the time in nanoseconds, in hexadecimal.
    const nanos = BigInt(clock.now()) * 1_000_000n + BigInt(this.#serial)
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name.slice(0, 230)}.${nanos.toString(16)}`, namespace },
      involvedObject: {
        apiVersion: about.apiVersion,
        kind: about.kind,
        name,
        ...(about.metadata.namespace === undefined ? {} : { namespace: about.metadata.namespace }),
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
        ...(said.fieldPath === undefined ? {} : { fieldPath: said.fieldPath }),
      },
      type: said.type,
      reason: said.reason,
      message: correlation.message,
      count: correlation.count,
      firstTimestamp: formatTime(correlation.firstAt),
      lastTimestamp: said.at,
      source: { component, ...(host === undefined ? {} : { host }) },
      reportingComponent: component,
      reportingInstance: host ?? '',
    }
  }
}

interface Said {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
  readonly fieldPath: string | undefined
  readonly at: string
}

function isWorthRetrying(error: unknown): boolean {
  return isTransient(error) || (error instanceof BowlineError && error.retryable)
}
