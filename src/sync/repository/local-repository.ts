import { join } from 'node:path'
import { BowlineError } from '../../base/index.ts'
import { FileObjectDatabase } from '../git/file-database.ts'
import type { GitBinary } from '../git/git-binary.ts'
import { findGitDirectory, type GitDirectory } from '../git/git-directory.ts'
import { createGitReader, type GitReader } from '../git/git-reader.ts'
import { NativeObjectDatabase } from '../git/native-database.ts'
import type { ObjectType } from '../git/object.ts'
import type { ObjectDatabase } from '../git/object-database.ts'
import { readOrdinaryFile } from '../git/ordinary-file.ts'
import { branchRef } from '../git/ref-name.ts'
import { readSymbolicRef } from '../git/ref-store.ts'
import { listenToRefs } from './ref-events.ts'
import { missingBranch, type Repository } from './repository.ts'

/** How often a local repository is looked at without an event: file watchers lose one now and then. */
const SAFETY_POLL_MS = 30_000

const MAX_CONFIG_BYTES = 1024 * 1024

/** A repository in a folder of this machine, bare or with a work tree, read in place. */
export class LocalRepository implements Repository {
  readonly location: string
  readonly branch: string
  readonly reader: GitReader
  readonly pollMs: number = SAFETY_POLL_MS
  readonly #directory: GitDirectory
  readonly #database: ObjectDatabase

  private constructor(location: string, branch: string, directory: GitDirectory, database: ObjectDatabase) {
    this.location = location
    this.branch = branch
    this.#directory = directory
    this.#database = database
    this.reader = createGitReader(database)
  }

  /** Throws `bad-repository` or `unsupported`. */
  static async open(folder: string, branch: string, git: GitBinary | undefined): Promise<LocalRepository> {
    branchRef(branch)
    const directory = await findGitDirectory(folder)
    await refuseUnsupported(folder, directory, git)
    return new LocalRepository(folder, branch, directory, openDatabase(directory, git))
  }

  async head(): Promise<string> {
    // The folder may have gone away since it was opened; a missing ref would then say the wrong thing.
    await findGitDirectory(this.location)
    const oid = await this.#database.resolveRef(branchRef(this.branch))
    if (oid === undefined) throw missingBranch(this.location, this.branch)
    await this.reader.readCommit(oid)
    return oid
  }

  write(type: ObjectType, bytes: Buffer): Promise<string> {
    return this.#database.write(type, bytes)
  }

  async publish(after: string, before: string): Promise<void> {
    if (await this.#database.moveRef(branchRef(this.branch), after, before)) return
    throw new BowlineError(
      'conflict',
      `Cannot move branch ${this.branch} of ${this.location}: it has moved meanwhile`,
    )
  }

  listen(wake: () => void, signal: AbortSignal): void {
    listenToRefs(this.#directory, branchRef(this.branch), wake, signal)
  }

  async isCheckedOut(): Promise<boolean> {
    if (this.#directory.bare) return false
    return (await readSymbolicRef(this.#directory, 'HEAD')) === branchRef(this.branch)
  }

  close(): Promise<void> {
    return this.#database.close()
  }
}

/** The storage of a repository, by the git command where there is one. */
export function openDatabase(directory: GitDirectory, git: GitBinary | undefined): ObjectDatabase {
  return git === undefined ? new FileObjectDatabase(directory) : new NativeObjectDatabase(git, directory)
}

/** What a file says; nothing when it cannot be read. */
async function readText(file: string): Promise<string> {
  return readOrdinaryFile(file, MAX_CONFIG_BYTES).then(
    bytes => bytes.toString('utf8'),
    () => '',
  )
}

/** Forms of storage that would be misread rather than refused. */
async function refuseUnsupported(
  folder: string,
  { commonDir }: GitDirectory,
  git: GitBinary | undefined,
): Promise<void> {
  const refuse = (state: string): BowlineError =>
    new BowlineError('unsupported', `Cannot open repository ${folder}: ${state}`)
  const config = await readText(join(commonDir, 'config'))
  if (/^[ \t]*refstorage\s*=\s*reftable/im.test(config))
    throw refuse('its refs are kept in the reftable format')
  if (/^[ \t]*objectformat\s*=\s*sha256/im.test(config)) throw refuse('its objects are named by SHA-256')
  if (git !== undefined) return
  const alternates = await readText(join(commonDir, 'objects/info/alternates'))
  if (alternates.trim() !== '')
    throw refuse('it borrows objects from another one, which needs the git command')
}
