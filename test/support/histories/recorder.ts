import type { Clock } from '../../../src/base/index.ts'
import type { HttpsClient } from '../../../src/client/index.ts'
import { type ConfigMap, isGone, Kinds, StatusError } from '../../../src/kube/index.ts'
import type { SeededRandom } from '../../chaos/random.ts'
import type { History, State, WatchRecord, WriteRecord } from './history.ts'

export interface RecorderOptions {
  /** A client of its own for each who calls it. */
  readonly connect: () => HttpsClient
  /** Must be there and empty. */
  readonly namespace: string
  readonly clock: Clock
}

/** What tells the objects of the history from those that the server makes in every namespace. */
const LABELS = { history: 'recorded' }
const SELECTOR = 'history=recorded'
const KEYS = 4
/** Before what failed is tried again. */
const PAUSE_MS = 50

/** Writes ConfigMaps through the API and watches them, and records what each writer and each watcher is told. */
export class Recorder {
  readonly #options: RecorderOptions
  readonly #writes: WriteRecord[] = []
  readonly #watchers: WatchRecord[][] = []
  #values = 0

  constructor(options: RecorderOptions) {
    this.#options = options
  }

  get writes(): readonly WriteRecord[] {
    return this.#writes
  }

  /** One writer: creates, changes and deletes keys of its own until `signal` aborts; the write under way is ended first. */
  async write(name: string, random: SeededRandom, signal: AbortSignal): Promise<void> {
    const client = this.#options.connect()
    while (!signal.aborted) {
      const key = `${name}-${random.between(1, KEYS)}`
      const record = random.next() < 0.25 ? await this.#delete(client, key) : await this.#put(client, key)
      this.#writes.push(record)
      if (record.outcome !== 'acknowledged') await this.#options.clock.sleep(PAUSE_MS)
    }
    await client.close()
  }

  /** One watcher: lists and follows, going on where it was whatever happens, until it has seen `until` (once known) or the signal aborts. */
  async watch(until: () => number | undefined, signal: AbortSignal): Promise<void> {
    const records: WatchRecord[] = []
    this.#watchers.push(records)
    const client = this.#options.connect()
    let position: number | undefined
    const isDone = () => position !== undefined && position >= (until() ?? Number.POSITIVE_INFINITY)
    while (!signal.aborted && !isDone()) {
      try {
        if (position === undefined) {
          const state = await this.#list(client)
          records.push({ type: 'list', ...state })
          position = state.revision
        }
        const { namespace } = this.#options
        for await (const { type, object } of client.watch(Kinds.ConfigMap, {
          namespace,
          labelSelector: SELECTOR,
          resourceVersion: String(position),
          signal,
        })) {
          position = Number(object.metadata.resourceVersion)
          if (type === 'BOOKMARK') records.push({ type, revision: position })
          else records.push({ type, revision: position, ...entryOf(object) })
          if (isDone()) break
        }
      } catch (error) {
        if (isGone(error)) position = undefined
      }
      await this.#options.clock.sleep(PAUSE_MS)
    }
    await client.close()
  }

  /** One last write, after those of all writers: whoever has seen its revision has seen everything. */
  async end(): Promise<number> {
    const client = this.#options.connect()
    const record = await this.#put(client, 'end')
    this.#writes.push(record)
    await client.close()
    if (record.revision === undefined) throw new Error('the last write was not acknowledged')
    return record.revision
  }

  /** The whole history, when all is over. */
  async history(): Promise<History> {
    const client = this.#options.connect()
    const end = await this.#list(client)
    await client.close()
    return { writes: this.#writes, watchers: this.#watchers, end }
  }

  async #put(client: HttpsClient, key: string): Promise<WriteRecord> {
    const { namespace } = this.#options
    this.#values += 1
    const value = String(this.#values)
    const map: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: key, namespace, labels: LABELS },
      data: { value },
    }
    const put = { key, type: 'put', value } as const
    try {
      const written = await client
        .update(Kinds.ConfigMap, map)
        .catch(error => (isAbsent(error) ? client.create(Kinds.ConfigMap, map) : Promise.reject(error)))
      return { ...put, outcome: 'acknowledged', revision: Number(written.metadata.resourceVersion) }
    } catch (error) {
      return { ...put, outcome: outcomeOf(error), revision: undefined }
    }
  }

  async #delete(client: HttpsClient, key: string): Promise<WriteRecord> {
    const deletion = { key, type: 'delete', value: '', revision: undefined } as const
    try {
      await client.delete(Kinds.ConfigMap, key, { namespace: this.#options.namespace })
      return { ...deletion, outcome: 'acknowledged' }
    } catch (error) {
      return { ...deletion, outcome: outcomeOf(error) }
    }
  }

  async #list(client: HttpsClient): Promise<State> {
    const { namespace } = this.#options
    const { items, resourceVersion } = await client.list(Kinds.ConfigMap, {
      namespace,
      labelSelector: SELECTOR,
    })
    const entries = items.map(item => entryOf(item))
    return {
      revision: Number(resourceVersion),
      values: new Map(entries.map(({ key, value }) => [key, value])),
    }
  }
}

function entryOf({ metadata, data }: ConfigMap): { readonly key: string; readonly value: string } {
  return { key: metadata.name ?? '', value: data?.value ?? '' }
}

function isAbsent(error: unknown): boolean {
  return error instanceof StatusError && error.reason === 'NotFound'
}

/** A Status is a word that it did not happen; without an answer it may have. */
function outcomeOf(error: unknown): WriteRecord['outcome'] {
  return error instanceof StatusError ? 'refused' : 'unknown'
}
