import { join } from 'node:path'
import { BowlineError } from '../../base/index.ts'
import { CatFile } from './cat-file.ts'
import { type GitBinary, GitCommandError, runGit } from './git-binary.ts'
import type { GitDirectory } from './git-directory.ts'
import { writeLooseObject } from './loose-object.ts'
import type { GitObject, ObjectType } from './object.ts'
import { MAX_OBJECT_BYTES, type ObjectDatabase } from './object-database.ts'
import { readRef } from './ref-store.ts'

/** Questions that wait in the pipe at once; bounds what a bulk read holds in memory. */
const IN_FLIGHT = 256

/** A repository read through one kept `git cat-file --batch`. */
export class NativeObjectDatabase implements ObjectDatabase {
  readonly #git: GitBinary
  readonly #directory: GitDirectory
  readonly #catFile: CatFile

  constructor(git: GitBinary, directory: GitDirectory) {
    this.#git = git
    this.#directory = directory
    this.#catFile = new CatFile(git, directory.gitDir)
  }

  async read(oid: string): Promise<GitObject> {
    const answer = await this.#catFile.ask(oid)
    if (answer.kind === 'object') return answer.object
    if (answer.kind === 'too-large')
      throw new BowlineError(
        'unsupported',
        `Cannot read object ${oid}: it is larger than ${MAX_OBJECT_BYTES} bytes`,
      )
    throw new BowlineError('not-found', `Cannot read object ${oid}: it is not in the repository`)
  }

  async *readMany(oids: readonly string[]): AsyncGenerator<GitObject | Error> {
    const waiting: Promise<GitObject | Error>[] = []
    let next = 0
    while (next < oids.length || waiting.length > 0) {
      while (next < oids.length && waiting.length < IN_FLIGHT) {
        waiting.push(this.read(oids[next] as string).catch((error: unknown) => error as Error))
        next += 1
      }
      yield await (waiting.shift() as Promise<GitObject | Error>)
    }
  }

  resolveRef(ref: string): Promise<string | undefined> {
    return readRef(this.#directory, ref)
  }

  async expand(prefix: string): Promise<string | undefined> {
    const answer = await this.#catFile.ask(prefix)
    if (answer.kind === 'ambiguous')
      throw new BowlineError('bad-input', `Cannot find commit ${prefix}: several objects start so`)
    return answer.kind === 'object' ? answer.object.oid : undefined
  }

  write(type: ObjectType, bytes: Buffer): Promise<string> {
    return writeLooseObject(join(this.#directory.commonDir, 'objects'), type, bytes)
  }

  async moveRef(ref: string, after: string, before: string | undefined): Promise<boolean> {
    try {
      const absent = '0'.repeat(after.length)
      await runGit(this.#git, ['update-ref', '-m', 'bowline', '--', ref, after, before ?? absent], {
        gitDir: this.#directory.gitDir,
      })
      return true
    } catch (error) {
      if (!(error instanceof GitCommandError)) throw error
      if ((await this.resolveRef(ref)) !== before) return false
      throw new BowlineError('unavailable', `Cannot move ${ref}: ${error.stderr.trim().slice(0, 200)}`, {
        cause: error,
        retryable: true,
      })
    }
  }

  close(): Promise<void> {
    return this.#catFile.close()
  }
}
