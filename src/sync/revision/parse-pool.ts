import { Worker } from 'node:worker_threads'
import { BowlineError, breathe, type Clock } from '../../base/index.ts'
import { type PackedBytes, packBytes, unpackBytes } from './packed-bytes.ts'
import { fileProblem, parseBlob } from './parse-blob.ts'

export interface ParsePoolOptions {
  readonly clock: Clock
  /** Workers at most; 0 parses in this thread. */
  readonly workers: number
  /** The worker's entry; by default the built one beside this file, or none when this runs from TypeScript source. */
  readonly entry?: URL | undefined
  /** A worker that takes longer for one batch is ended. Default 30 s. */
  readonly deadlineMs?: number
}

/** So few bytes are parsed here and at once (5 MB/s): a worker would cost more than it spares. */
const INLINE_BYTES = 32 * 1024

/** Workers without work end after this; each holds tens of megabytes. */
const IDLE_MS = 5_000

/** The most memory that the objects of one worker may take; a batch is far below. */
const WORKER_HEAP_MB = 512

const ENTRY = import.meta.url.endsWith('.ts') ? undefined : new URL('./parse-worker.js', import.meta.url)

interface Job {
  readonly parts: readonly Uint8Array[]
  readonly resolve: (results: readonly Uint8Array[]) => void
  readonly reject: (error: unknown) => void
}

/**
 * Parses files in worker threads, so that the server's event loop never waits for YAML. A file that kills its worker or takes
 * too long becomes one problem of that file. Results are the JSON of ParsedManifests, in the order of the files.
 */
export class ParsePool {
  readonly #clock: Clock
  readonly #capacity: number
  readonly #entry: URL | undefined
  readonly #deadlineMs: number
  readonly #jobs: Job[] = []
  readonly #idle: Worker[] = []
  readonly #workers = new Set<Worker>()
  #cancelIdle: (() => void) | undefined
  #closed = false

  constructor({ clock, workers, entry = ENTRY, deadlineMs = 30_000 }: ParsePoolOptions) {
    this.#clock = clock
    this.#capacity = entry === undefined ? 0 : workers
    this.#entry = entry
    this.#deadlineMs = deadlineMs
  }

  /** How many batches are worth having under way at once. */
  get parallelism(): number {
    return Math.max(1, this.#capacity * 2)
  }

  /** Never rejects but for an aborted signal, and with `aborted` when the pool is closed. */
  async parse(parts: readonly Uint8Array[], signal: AbortSignal): Promise<readonly Uint8Array[]> {
    signal.throwIfAborted()
    if (this.#closed) throw closedError()
    const bytes = parts.reduce((sum, part) => sum + part.byteLength, 0)
    if (this.#capacity === 0 || bytes <= INLINE_BYTES) return this.#parseHere(parts, signal)
    return new Promise((resolve, reject) => {
      this.#jobs.push({ parts, resolve, reject })
      this.#assign()
    })
  }

  /** Ends the workers. What was asked and not answered yet is refused: nothing is known of those files. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancelIdle?.()
    for (const { reject } of this.#jobs.splice(0)) reject(closedError())
    await Promise.all([...this.#workers].map(worker => worker.terminate()))
  }

  async #parseHere(parts: readonly Uint8Array[], signal: AbortSignal): Promise<readonly Uint8Array[]> {
    const results: Uint8Array[] = []
    for (const part of parts) {
      results.push(Buffer.from(JSON.stringify(parseBlob(part))))
      await breathe()
      signal.throwIfAborted()
    }
    return results
  }

  #assign(): void {
    this.#cancelIdle?.()
    while (this.#jobs.length > 0) {
      const worker = this.#idle.pop() ?? (this.#workers.size < this.#capacity ? this.#start() : undefined)
      if (worker === undefined) return
      this.#run(worker, this.#jobs.shift() as Job)
    }
    if (this.#idle.length === this.#workers.size)
      this.#cancelIdle = this.#clock.after(IDLE_MS, () => this.#endIdle())
  }

  #start(): Worker {
    const worker = new Worker(this.#entry as URL, {
      resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MB },
    })
    // Work that is under way is waited for by its caller; a worker alone must not keep the process.
    worker.unref()
    worker.on('error', () => {})
    worker.once('exit', () => this.#remove(worker))
    this.#workers.add(worker)
    return worker
  }

  #remove(worker: Worker): void {
    this.#workers.delete(worker)
    const index = this.#idle.indexOf(worker)
    if (index !== -1) this.#idle.splice(index, 1)
  }

  #run(worker: Worker, job: Job): void {
    const request = packBytes(job.parts)
    const fail = (): void => {
      finish()
      this.#remove(worker)
      this.#giveUp(worker, job).catch(() => {})
    }
    const succeed = (answer: PackedBytes): void => {
      finish()
      this.#idle.push(worker)
      job.resolve(unpackBytes(answer))
      this.#assign()
    }
    const cancelDeadline = this.#clock.after(this.#deadlineMs, fail)
    // One by one: to remove all listeners of a Worker at once cuts it off from its own messages.
    const finish = (): void => {
      cancelDeadline()
      worker.off('error', fail)
      worker.off('exit', fail)
      worker.off('message', succeed)
    }
    worker.once('error', fail)
    worker.once('exit', fail)
    worker.once('message', succeed)
    worker.postMessage(request, [request.bytes.buffer])
  }

  /** One file of a batch brought its worker down: each gets one of its own, and the one that does it again is the culprit. */
  async #giveUp(worker: Worker, job: Job): Promise<void> {
    await worker.terminate()
    if (this.#closed) return job.reject(closedError())
    if (job.parts.length === 1) job.resolve([tooSlow()])
    else {
      const results = job.parts.map(
        part =>
          new Promise<readonly Uint8Array[]>((resolve, reject) =>
            this.#jobs.push({ parts: [part], resolve, reject }),
          ),
      )
      Promise.all(results).then(parts => job.resolve(parts.flat()), job.reject)
    }
    this.#assign()
  }

  #endIdle(): void {
    for (const worker of this.#idle.splice(0)) {
      this.#remove(worker)
      worker.terminate().catch(() => {})
    }
  }
}

function closedError(): BowlineError {
  return new BowlineError('aborted', 'Cannot parse files: the pool is closed')
}

function tooSlow(): Uint8Array {
  const problem = fileProblem({
    line: 1,
    column: 1,
    code: 'too-slow',
    message: 'the file takes too long or too much memory to parse',
    hint: 'split it into several files',
  })
  return Buffer.from(JSON.stringify(problem))
}
