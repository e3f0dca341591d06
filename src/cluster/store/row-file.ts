import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pid as ownPid } from 'node:process'
import { type Database, open } from 'lmdb'
import { BowlineError, messageOf } from '../../base/index.ts'
import { Headroom, type PageUse } from './headroom.ts'
import { decodeRow, decodeRowHeads, encodeRow, type RowWrite } from './row.ts'

/** What survives compaction: the newest revision is remembered even when no row is left. */
interface Meta {
  readonly compactRevision: number
}

/** A group of changes that reaches the disk together. */
export interface RowGroup {
  readonly puts: readonly { readonly revision: number; readonly row: Buffer }[]
  readonly removals: readonly number[]
  /** Set when it changed. */
  readonly compactRevision: number | undefined
}

/** Where the meta row is; revisions start at 2. */
const META_KEY = 0
const FILE = 'store.mdb'

/** Folders opened by this process: LMDB would hand the same environment out twice. */
const openFolders = new Set<string>()

/**
 * The file under the store: rows by revision in one LMDB database.
 *
 * Commits are LMDB's plain ones (data, fdatasync, then the meta page): a commit is durable when it resolves, and a failing
 * sync rejects it. LMDB's JavaScript default, `overlappingSync`, is off on purpose: its `flushed` never settles when a sync
 * fails, and with group commit it is slower (60,000 against 97,000 small writes/s at 64 writers). `eventTurnBatching` is off
 * because it makes a promise that nobody can hold: a full disk would end the process with an unhandled rejection.
 */
export class RowFile {
  readonly #folder: string
  readonly #db: Database<Buffer, number>
  readonly #headroom: Headroom

  private constructor(folder: string, db: Database<Buffer, number>) {
    this.#folder = folder
    this.#db = db
    this.#headroom = new Headroom(join(folder, FILE), () => db.getStats() as PageUse)
  }

  /** Opens or makes the file (0600) in `folder` (0700). An error of code `conflict` when another process has it open. */
  static async open(folder: string): Promise<RowFile> {
    if (openFolders.has(folder)) throw inUse(folder, 'this process')
    openFolders.add(folder)
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await chmod(folder, 0o700)
      const db = open<Buffer, number>({
        path: join(folder, FILE),
        encoding: 'binary',
        overlappingSync: false,
        eventTurnBatching: false,
        cache: false,
        maxDbs: 1,
        maxReaders: 8,
      })
      // LMDB makes its files readable to all; a copy of the folder may lose the folder's mode and hold keys and Secrets.
      for (const name of [FILE, `${FILE}-lock`]) await chmod(join(folder, name), 0o600)
      const file = new RowFile(folder, db)
      const other = file.#otherProcess()
      if (other !== undefined) {
        await file.close()
        throw inUse(folder, `process ${other}`)
      }
      return file
    } catch (error) {
      openFolders.delete(folder)
      if (error instanceof BowlineError) throw error
      throw new BowlineError('unavailable', `Cannot open the store in "${folder}": ${messageOf(error)}`, {
        cause: error,
      })
    }
  }

  /** The compaction that was last made durable; 0 for none. */
  readMeta(): Meta {
    const bytes = this.#db.getBinary(META_KEY)
    return bytes === undefined ? { compactRevision: 0 } : (JSON.parse(bytes.toString()) as Meta)
  }

  /** What every row writes, without the values, oldest first. */
  *scan(): Generator<{
    readonly revision: number
    readonly writes: readonly Omit<RowWrite, 'value'>[]
    readonly size: number
  }> {
    for (const revision of this.#db.getKeys({ start: META_KEY + 1 })) {
      const row = this.#borrow(revision)
      if (row !== undefined) yield { revision, writes: decodeRowHeads(row), size: row.length }
    }
  }

  /** The writes of one transaction as far as they are kept; empty when the row is gone. */
  read(revision: number): RowWrite[] {
    const row = this.#borrow(revision)
    // A copy: small ones share pieces of memory, and each piece of one's own would cost more than what is copied into it.
    return row === undefined ? [] : decodeRow(Buffer.from(row))
  }

  /** The bytes of a row, which the next read overwrites. */
  #borrow(revision: number): Buffer | undefined {
    const bytes = this.#db.getBinaryFast(revision)
    // LMDB's buffer is longer than what it says of itself, and not all of Node believes that.
    return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** Makes the whole group durable, or nothing of it. */
  async write(group: RowGroup): Promise<void> {
    this.#makeRoom(group)
    try {
      await this.#db.batch(() => {
        if (group.compactRevision !== undefined)
          void this.#db.put(META_KEY, Buffer.from(JSON.stringify({ compactRevision: group.compactRevision })))
        for (const revision of group.removals) void this.#db.remove(revision)
        for (const { revision, row } of group.puts) void this.#db.put(revision, row)
      })
    } catch (error) {
      throw await commitFailure(error)
    }
  }

  async close(): Promise<void> {
    try {
      await this.#db.close()
    } finally {
      this.#headroom.close()
      openFolders.delete(this.#folder)
    }
  }

  #makeRoom({ puts, removals }: RowGroup): void {
    const bytes = puts.reduce((sum, { row }) => sum + row.length, 0)
    try {
      this.#headroom.ensure({ changes: puts.length + removals.length + 1, bytes })
    } catch (error) {
      throw new BowlineError(
        'unavailable',
        `Cannot write to the store: its disk (${this.#folder}) has no room: ${messageOf(error)}`,
        { cause: error, retryable: true },
      )
    }
  }

  /** The id of another live process that has the file open, as LMDB's table of readers tells. */
  #otherProcess(): number | undefined {
    this.#db.getBinary(META_KEY)
    this.#db.readerCheck()
    for (const line of this.#db.readerList().split('\n')) {
      const pid = Number(/^\s*(\d+)\s/.exec(line)?.[1] ?? Number.NaN)
      if (Number.isInteger(pid) && pid !== ownPid) return pid
    }
    return undefined
  }
}

/** A row without the writes that `isLive` refuses; undefined when nothing is left. */
export function trimRow(
  writes: readonly RowWrite[],
  isLive: (write: RowWrite) => boolean,
): Buffer | undefined {
  const live = writes.filter(isLive)
  return live.length === 0 ? undefined : encodeRow(live)
}

/** LMDB's own reason sits in a promise on the error; left alone, its rejection would end the process. */
async function commitFailure(error: unknown): Promise<BowlineError> {
  const reason = await Promise.resolve((error as { commitError?: unknown }).commitError).then(
    () => error,
    (cause: unknown) => cause,
  )
  return new BowlineError('unavailable', `Cannot write to the store: ${messageOf(reason)}`, {
    cause: reason,
    retryable: true,
  })
}

function inUse(folder: string, by: string): BowlineError {
  return new BowlineError('conflict', `Cannot open the store in "${folder}": ${by} has it open`)
}
