import { breathe } from '../../base/index.ts'
import { type ParsedManifests, type ParsedProblem, refKey, refOf, yamlLimits } from '../../kube/index.ts'
import type { GitReader } from '../git/git-reader.ts'
import { checkObject, type Issue } from './check-object.ts'
import { mayBeDefined, type PendingObject } from './defined-objects.ts'
import { type FileObject, recallObjects, type Verdict, verdictOf } from './file-object.ts'
import { decodeText, fileProblem, tooLarge } from './parse-blob.ts'
import type { ParseCache } from './parse-cache.ts'
import type { ParsePool } from './parse-pool.ts'
import { placeIssues } from './place-issues.ts'

/** What one blob declares in one namespace: the same for every path that it stands at. */
export interface FileResult {
  readonly objects: readonly FileObject[]
  readonly problems: readonly ParsedProblem[]
  /** What only the definition of its kind can tell more of. */
  readonly pending: readonly PendingObject[]
}

/** A blob to check and the namespace of its objects that name none. */
export interface FileRequest {
  readonly oid: string
  readonly namespace: string
}

export interface FileCheckerOptions {
  readonly reader: GitReader
  readonly pool: ParsePool
  readonly cache: ParseCache
}

/** Bytes of files that are parsed together: large enough to pay for the way to a worker, small enough to share among several. */
const BATCH_BYTES = 256 * 1024

/** Objects whose checked form is kept in memory, beyond those that a revision holds anyway. */
const MAX_KEPT_OBJECTS = 100_000

/**
 * Reads, parses and checks files by blob id, each once: first from memory, then from the cache of earlier parses, then from the
 * repository through the parse workers. Holds the event loop only for moments.
 */
export class FileChecker {
  readonly #reader: GitReader
  readonly #pool: ParsePool
  readonly #cache: ParseCache
  /** In the order of use, the least recent first. */
  readonly #kept = new Map<string, FileResult>()
  #keptObjects = 0

  constructor({ reader, pool, cache }: FileCheckerOptions) {
    this.#reader = reader
    this.#pool = pool
    this.#cache = cache
  }

  /** The results by {@link requestKey}. Throws when a blob cannot be read: then nothing is known of the revision. */
  async check(
    requests: readonly FileRequest[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, FileResult>> {
    const results = new Map<string, FileResult>()
    const wanted = new Map<string, Set<string>>()
    for (const request of requests) {
      await breathe()
      const kept = this.#take(requestKey(request))
      if (kept !== undefined) results.set(requestKey(request), kept)
      else wanted.set(request.oid, (wanted.get(request.oid) ?? new Set()).add(request.namespace))
    }
    const settle = (request: FileRequest, result: FileResult): void => {
      results.set(requestKey(request), result)
      this.#keep(requestKey(request), result)
    }
    const finish = async (oid: string, parsed: ParsedManifests, bytes?: Uint8Array): Promise<void> => {
      for (const namespace of wanted.get(oid) ?? []) {
        settle({ oid, namespace }, await this.#checkParsed(oid, parsed, namespace, bytes))
        await breathe()
        signal.throwIfAborted()
      }
      wanted.delete(oid)
    }
    for await (const { oid, verdicts } of this.#recall(wanted)) {
      const recalled = verdicts.map(({ namespace, verdict }) => ({
        request: { oid, namespace },
        objects: verdict && recallObjects(verdict, () => this.#cache.readNow(oid), namespace),
      }))
      if (recalled.some(({ objects }) => objects === undefined)) await this.#finishKnown(oid, finish)
      else {
        for (const { request, objects = [] } of recalled)
          settle(request, { objects, problems: [], pending: [] })
        wanted.delete(oid)
      }
      await breathe()
      signal.throwIfAborted()
    }
    await this.#readAndParse([...wanted.keys()], finish, signal)
    this.#cache.flush().catch(() => {})
    return results
  }

  /** Of blobs that were parsed before, what they declare per namespace, if that is known. */
  async *#recall(wanted: ReadonlyMap<string, ReadonlySet<string>>): AsyncGenerator<{
    readonly oid: string
    readonly verdicts: readonly { readonly namespace: string; readonly verdict: Verdict | undefined }[]
  }> {
    const known = [...wanted].filter(([oid]) => this.#cache.has(oid))
    const names = known.flatMap(([oid, namespaces]) =>
      [...namespaces].map(namespace => requestKey({ oid, namespace })),
    )
    const records = new Map<string, Buffer>()
    for await (const found of this.#cache.read(names))
      for (const [name, json] of found) records.set(name, json)
    for (const [oid, namespaces] of known) {
      const verdicts = [...namespaces].map(namespace => {
        const verdict = records.get(requestKey({ oid, namespace }))
        return { namespace, verdict: verdict && (JSON.parse(verdict.toString()) as Verdict) }
      })
      yield { oid, verdicts }
    }
  }

  /** Checks what a blob is known to hold; one whose record is damaged is parsed again with the others. */
  async #finishKnown(
    oid: string,
    finish: (oid: string, parsed: ParsedManifests) => Promise<void>,
  ): Promise<void> {
    for await (const found of this.#cache.read([oid]))
      for (const [, json] of found) await finish(oid, JSON.parse(json.toString()) as ParsedManifests)
  }

  /** Reads blobs, hands them to the pool by the batch, and checks each batch as it comes back, several under way at once. */
  async #readAndParse(
    oids: readonly string[],
    finish: (oid: string, parsed: ParsedManifests, bytes?: Uint8Array) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    if (oids.length === 0) return
    const running = new Set<Promise<void>>()
    const failures: unknown[] = []
    let batch: { readonly oid: string; readonly bytes: Uint8Array }[] = []
    let batchBytes = 0
    const submit = async (): Promise<void> => {
      const files = batch
      batch = []
      batchBytes = 0
      const work = this.#parseBatch(files, finish, signal)
        .catch((error: unknown) => {
          failures.push(error)
        })
        .finally(() => running.delete(work))
      running.add(work)
      if (running.size >= this.#pool.parallelism) await Promise.race(running)
    }
    let index = 0
    for await (const blob of this.#reader.readBlobs(oids)) {
      const oid = oids[index] as string
      index += 1
      signal.throwIfAborted()
      if (failures.length > 0) break
      if (blob instanceof Error || blob.byteLength > yamlLimits.bytes) {
        if (blob instanceof Error && (blob as { code?: unknown }).code !== 'unsupported')
          throw await settled(running, blob)
        await finish(oid, fileProblem(tooLarge()), new Uint8Array())
        continue
      }
      batch.push({ oid, bytes: blob })
      batchBytes += blob.byteLength
      if (batchBytes >= BATCH_BYTES) await submit()
    }
    if (batch.length > 0 && failures.length === 0) await submit()
    await Promise.all(running)
    if (failures.length > 0) throw failures[0]
  }

  async #parseBatch(
    files: readonly { readonly oid: string; readonly bytes: Uint8Array }[],
    finish: (oid: string, parsed: ParsedManifests, bytes?: Uint8Array) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const answers = await this.#pool.parse(
      files.map(({ bytes }) => bytes),
      signal,
    )
    for (const [index, { oid, bytes }] of files.entries()) {
      const json = answers[index] as Uint8Array
      const parsed = JSON.parse(Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString('utf8'))
      // A verdict that depends on the machine's speed is not the blob's.
      if (!(parsed as ParsedManifests).problems.some(({ code }) => code === 'too-slow'))
        this.#cache.add(oid, json)
      await finish(oid, parsed as ParsedManifests, bytes)
    }
  }

  async #checkParsed(
    oid: string,
    parsed: ParsedManifests,
    namespace: string,
    bytes: Uint8Array | undefined,
  ): Promise<FileResult> {
    const objects: FileObject[] = []
    const found: {
      readonly manifest: ParsedManifests['manifests'][number]
      readonly issues: readonly Issue[]
    }[] = []
    const pending: PendingObject[] = []
    for (const manifest of parsed.manifests) {
      if (mayBeDefined(manifest.value)) {
        pending.push({ manifest, namespace, oid })
        continue
      }
      const checked = checkObject(manifest.value, namespace)
      if (!('object' in checked)) found.push({ manifest, issues: checked.issues })
      else {
        const { object, kind } = checked
        const { line, column } = manifest
        const ref = refOf(object)
        objects.push({ object, ref, kind, key: refKey(ref), line, column })
      }
    }
    // A verdict is about what the file alone tells.
    if (found.length === 0 && parsed.problems.length === 0 && pending.length === 0)
      this.#cache.add(requestKey({ oid, namespace }), Buffer.from(JSON.stringify(verdictOf(objects))))
    if (found.length === 0) return { objects, problems: parsed.problems, pending }
    const text = decodeText(bytes ?? (await this.#reader.readBlob(oid))) ?? ''
    return { objects, problems: [...parsed.problems, ...placeIssues(text, found)], pending }
  }

  #take(key: string): FileResult | undefined {
    const result = this.#kept.get(key)
    if (result === undefined) return undefined
    this.#kept.delete(key)
    this.#kept.set(key, result)
    return result
  }

  #keep(key: string, result: FileResult): void {
    // Two checks at once may both have found it missing.
    const known = this.#kept.get(key)
    if (known !== undefined) this.#keptObjects -= weightOf(known)
    this.#kept.set(key, result)
    this.#keptObjects += weightOf(result)
    for (const [oldest, old] of this.#kept) {
      if (this.#keptObjects <= MAX_KEPT_OBJECTS) break
      this.#kept.delete(oldest)
      this.#keptObjects -= weightOf(old)
    }
  }
}

/** Names a request among the results. */
export function requestKey({ oid, namespace }: FileRequest): string {
  return `${oid} ${namespace}`
}

function weightOf(result: FileResult): number {
  return 1 + result.objects.length + result.problems.length + result.pending.length
}

/** Waits for what is under way before an error goes up, so that nothing goes on behind the caller's back. */
async function settled(running: ReadonlySet<Promise<void>>, error: Error): Promise<Error> {
  await Promise.all(running)
  return error
}
