import {
  backoffMs,
  type Clock,
  deepEqual,
  isAborted,
  Limit,
  type Logger,
  messageOf,
} from '../../base/index.ts'
import type { Client } from '../../client/index.ts'
import { type App, isConflict, isNotFound, Kinds } from '../../kube/index.ts'
import type { Inventory } from '../inventory.ts'
import { composeStatus, type SourceReport } from './app-status.ts'
import type { AppTree } from './app-tree.ts'
import type { LaneReport } from './lane-report.ts'

/** The field manager of the status of apps. */
const STATUS_MANAGER = 'bowline-pipeline'

/** Writes in flight at once. */
const IN_FLIGHT = 16

/** Conflicts in a row before a write is put off. */
const ATTEMPTS = 5

/** Waits before a status that could not be written is written again. */
const RETRY = { initialMs: 500, maxMs: 30_000 }

/** A root with many children is summed up at most so often. */
const ROLL_UP_MS = 100

/** What a revision brings is told after this, or with what its lanes say of it before: the record of it comes first, and has the disk to itself. */
const REVISION_MS = 20

interface Entry {
  lane?: LaneReport | undefined
  source?: SourceReport
  problem?: string | undefined
  /** What is said has changed since the last write began. */
  isDirty: boolean
  isWriting: boolean
  failures: number
  /** The App as the last write left it, which the cache may not show yet. */
  written?: App
  /** The next write that nobody waits for, and when it is due. */
  timer?: { readonly at: number; cancel(): void } | undefined
}

/**
 * Writes `status` of App objects; the only writer of it. It keeps what was said last and writes that, one write of an App at a
 * time, so that any number of reports while one is under way cost one more. What says nothing new writes nothing.
 */
export class StatusWriter {
  readonly #client: Client
  readonly #tree: AppTree
  readonly #inventory: Inventory
  readonly #clock: Clock
  readonly #log: Logger
  readonly #limit = new Limit(IN_FLIGHT)
  readonly #entries = new Map<string, Entry>()
  readonly #writes = new Set<Promise<void>>()
  /** What fails now is not tried again. */
  #isClosing = false
  #isClosed = false

  constructor(parts: {
    readonly client: Client
    readonly tree: AppTree
    readonly inventory: Inventory
    readonly clock: Clock
    readonly log: Logger
  }) {
    this.#client = parts.client
    this.#tree = parts.tree
    this.#inventory = parts.inventory
    this.#clock = parts.clock
    this.#log = parts.log
  }

  /** Undefined: Git has nothing of the app any more. */
  reportLane(app: string, lane: LaneReport | undefined): void {
    this.#entryOf(app).lane = lane
    this.#touch(app)
  }

  /** A revision of a root's source; whatever kept it from being read is over. */
  reportSource(root: string, source: SourceReport): void {
    const entry = this.#entryOf(root)
    entry.source = source
    entry.problem = undefined
    entry.isDirty = true
    this.#touchIn(REVISION_MS, root)
  }

  /** Why a root's source cannot be read, or undefined when it can be again. */
  reportProblem(root: string, problem: string | undefined): void {
    const entry = this.#entryOf(root)
    if (entry.problem === problem) return
    entry.problem = problem
    this.#touch(root)
  }

  /** A child of a root has changed: the root is summed up anew, soon. */
  childChanged(root: string): void {
    this.#touchIn(ROLL_UP_MS, root)
  }

  /** The App is gone, or its lane is: nothing is said of it any more. */
  forget(app: string): void {
    this.#entries.get(app)?.timer?.cancel()
    this.#entries.delete(app)
  }

  /** Resolves when everything that was said is written, as far as it can be; nothing is written afterwards. */
  async close(): Promise<void> {
    this.#isClosing = true
    for (const [app, { timer, isDirty }] of this.#entries) {
      timer?.cancel()
      if (isDirty) this.#touch(app)
    }
    while (this.#writes.size > 0) await Promise.all(this.#writes)
    this.#isClosed = true
  }

  #entryOf(app: string): Entry {
    const known = this.#entries.get(app)
    if (known !== undefined) return known
    const entry: Entry = { isDirty: false, isWriting: false, failures: 0 }
    this.#entries.set(app, entry)
    return entry
  }

  /** After so long at the latest: what is due sooner stays, and what is put off for longer comes with it. */
  #touchIn(ms: number, app: string): void {
    const entry = this.#entryOf(app)
    const at = this.#clock.now() + ms
    if (entry.timer !== undefined && entry.timer.at <= at) return
    entry.timer?.cancel()
    const cancel = this.#clock.after(ms, () => {
      entry.timer = undefined
      this.#touch(app)
    })
    entry.timer = { at, cancel }
  }

  #touch(app: string): void {
    const entry = this.#entryOf(app)
    entry.isDirty = true
    if (entry.isWriting || this.#isClosed) return
    entry.isWriting = true
    const write = this.#writeUntilClean(app, entry)
    this.#writes.add(write)
    void write.finally(() => this.#writes.delete(write))
  }

  async #writeUntilClean(app: string, entry: Entry): Promise<void> {
    try {
      while (entry.isDirty) {
        entry.isDirty = false
        await this.#limit.run(() => this.#write(app, entry))
      }
      entry.failures = 0
    } catch (error) {
      if (!isAborted(error)) this.#putOff(app, entry, error)
    } finally {
      entry.isWriting = false
    }
  }

  #putOff(app: string, entry: Entry, error: unknown): void {
    entry.failures += 1
    if (this.#isClosing) return
    this.#log.warn('Cannot write the status of an app', { app, error: messageOf(error) })
    this.#touchIn(backoffMs(entry.failures, RETRY), app)
  }

  async #write(name: string, entry: Entry): Promise<void> {
    let app = newest(this.#tree.get(name), entry.written)
    for (let attempt = 1; ; attempt += 1) {
      try {
        app ??= await this.#client.get(Kinds.App, name)
        const status = composeStatus(app, this.#sayingsOf(app, entry), this.#clock.now())
        if (deepEqual(status, app.status)) return
        const options = { subresource: 'status', fieldManager: STATUS_MANAGER }
        entry.written = await this.#client.update(Kinds.App, { ...app, status }, options)
        return
      } catch (error) {
        if (isNotFound(error)) return
        if (!isConflict(error) || attempt >= ATTEMPTS) throw error
        app = undefined
      }
    }
  }

  #sayingsOf(app: App, { lane, source, problem }: Entry): Parameters<typeof composeStatus>[1] {
    const objects = this.#inventory.entriesOf(app.metadata.name ?? '').size
    return { lane, source, problem, children: this.#tree.children(app), objects }
  }
}

function newest(cached: App | undefined, written: App | undefined): App | undefined {
  const isAhead = Number(written?.metadata.resourceVersion) > Number(cached?.metadata.resourceVersion)
  return isAhead && written?.metadata.uid === cached?.metadata.uid ? written : cached
}
