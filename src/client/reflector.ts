import {
  type BackoffOptions,
  backoffMs,
  type Clock,
  type Ids,
  jittered,
  type Logger,
  messageOf,
} from '../base/index.ts'
import { isGone, type Kind, type KubeObject, objectKey, resourceName } from '../kube/index.ts'
import type { Listed, Reader, Selection, Snapshot, WatchEvent, Watcher } from './client.ts'
import { waitToRetry } from './reachability.ts'

/** client-go `tools/cache/reflector.go`: 0.8 s to 30 s, doubling, starting over after two minutes without a failure. */
const BACKOFF: BackoffOptions = { initialMs: 800, maxMs: 30_000 }
const BACKOFF_RESET_MS = 120_000
/** A watch that ends this soon without an event is a failure (client-go: "very short watch"). */
const SHORT_WATCH_MS = 1000
/** Objects per page of a list: what kubectl and client-go ask for. */
const PAGE = 500

/** Where a reflector puts what it reads. */
export interface ReflectorTarget<T extends KubeObject> {
  /** All there is, after a list. Nothing else is told before it resolves. */
  replace(entries: readonly Listed<T>[]): Promise<void>
  /** One change, in order. Never a bookmark. */
  change(event: WatchEvent<T>): void
}

export interface ReflectorOptions {
  readonly selection: Selection
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/**
 * Lists a kind, then follows it. A watch that ended is resumed from the last version seen; when that version is gone
 * the kind is listed again; each failure in a row waits longer, but not past the time when the server answers others.
 */
export class Reflector<T extends KubeObject> {
  readonly #client: Reader & Watcher
  readonly #kind: Kind<T>
  readonly #target: ReflectorTarget<T>
  readonly #options: ReflectorOptions
  /** The last version seen; undefined asks for a list. */
  #version: string | undefined
  #failures = 0
  #failedAt = 0
  #goneAt = Number.NEGATIVE_INFINITY

  constructor(
    client: Reader & Watcher,
    kind: Kind<T>,
    target: ReflectorTarget<T>,
    options: ReflectorOptions,
  ) {
    this.#client = client
    this.#kind = kind
    this.#target = target
    this.#options = options
  }

  /** Returns when `signal` aborts; never throws. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const wait = await this.#session(signal)
      if (wait === 0 || signal.aborted) continue
      // Rejects only by the abort, which the loop sees.
      await waitToRetry(wait, { ...this.#options, server: this.#client }, signal).catch(() => {})
    }
  }

  /** Lists if it must and watches until that ends; answers how long to wait before the next time, in ms. */
  async #session(signal: AbortSignal): Promise<number> {
    const { clock } = this.#options
    const startedAt = clock.now()
    const session = new AbortController()
    const onAbort = () => session.abort(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      const events = await this.#listAndWatch(session.signal)
      if (signal.aborted || events > 0 || clock.now() - startedAt >= SHORT_WATCH_MS) return 0
      return this.#failed('the watch ended at once')
    } catch (error) {
      if (signal.aborted) return 0
      if (!isGone(error)) return this.#failed(messageOf(error))
      this.#version = undefined
      // Whoever reads the cache would act on the past meanwhile, so the list does not wait; unless this just happened.
      const again = clock.now() - this.#goneAt < SHORT_WATCH_MS
      this.#goneAt = clock.now()
      return again ? this.#failed(messageOf(error)) : 0
    } finally {
      signal.removeEventListener('abort', onAbort)
      session.abort()
    }
  }

  /** Returns how many events came when the server ended the watch. */
  async #listAndWatch(signal: AbortSignal): Promise<number> {
    const { selection } = this.#options
    if (this.#version === undefined) {
      const { entries, resourceVersion } = await this.#all(signal)
      await this.#target.replace(entries)
      this.#version = resourceVersion
    }
    let events = 0
    for await (const event of this.#client.watch(this.#kind, {
      ...selection,
      resourceVersion: this.#version,
      signal,
    })) {
      events += 1
      if (event.type !== 'BOOKMARK') this.#target.change(event)
      this.#version = event.object.metadata.resourceVersion ?? this.#version
    }
    return events
  }

  async #all(signal: AbortSignal): Promise<Snapshot<T>> {
    if (this.#client.snapshot !== undefined)
      return this.#client.snapshot(this.#kind, { ...this.#options.selection, signal })
    const entries: Listed<T>[] = []
    let next: string | undefined
    for (;;) {
      const page = await this.#client.list(this.#kind, {
        ...this.#options.selection,
        limit: PAGE,
        signal,
        ...(next === undefined ? {} : { continue: next }),
      })
      for (const object of page.items) entries.push(listed(object))
      // Every page shows the state at the version of the first, and names it.
      if (page.continue === undefined) return { entries, resourceVersion: page.resourceVersion }
      next = page.continue
    }
  }

  #failed(error: string): number {
    const { clock, ids, log } = this.#options
    if (clock.now() - this.#failedAt >= BACKOFF_RESET_MS) this.#failures = 0
    this.#failedAt = clock.now()
    this.#failures += 1
    // Once per outage, where it begins.
    const fields = { resource: resourceName(this.#kind), error, failures: this.#failures }
    if (this.#failures === 1) log.warn('cannot follow objects, trying again', fields)
    else log.debug('still cannot follow objects', fields)
    return jittered(backoffMs(this.#failures, BACKOFF), 0.25, ids.random())
  }
}

/** An object that is there, as one of a snapshot. */
export function listed<T extends KubeObject>(object: T): Listed<T> {
  return {
    key: objectKey(object),
    resourceVersion: object.metadata.resourceVersion ?? '',
    uid: object.metadata.uid,
    object,
    // It is made: whoever wants to know can look.
    mayMention: () => true,
  }
}
