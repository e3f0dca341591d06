import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BowlineError, type Clock, hasCode } from '../../base/index.ts'
import { type GitBinary, runGit } from '../git/git-binary.ts'
import type { GitDirectory } from '../git/git-directory.ts'
import { createGitReader, type GitReader } from '../git/git-reader.ts'
import { isomorphicGit } from '../git/isomorphic-git.ts'
import { IsomorphicRemote, type RemoteOptions } from '../git/isomorphic-remote.ts'
import { NativeRemote } from '../git/native-remote.ts'
import type { ObjectType } from '../git/object.ts'
import type { ObjectDatabase } from '../git/object-database.ts'
import { branchRef } from '../git/ref-name.ts'
import type { Remote } from '../git/remote.ts'
import { type Credentials, parseAddress, printable, readCredentials, scrub } from './credentials.ts'
import { openDatabase } from './local-repository.ts'
import { missingBranch, type Repository } from './repository.ts'

/** How often a remote is asked for its refs; a jitter is added by the watcher. */
const POLL_MS = 60_000

/** Bounds on one question and on one transfer. */
const ASK_TIMEOUT_MS = 30_000
const FETCH_TIMEOUT_MS = 15 * 60_000

/** Every fetch leaves a pack; beyond so many the clone is packed again, or made anew where there is no git command. */
const MAX_PACKS = 100

export interface RemoteRepositoryOptions {
  readonly address: string
  readonly branch: string
  /** Read again for every conversation, so that a rotated password needs no restart. */
  readonly credentialsFile: string | undefined
  /** Where clones are kept; what is in it can be thrown away at any time. */
  readonly cacheFolder: string
  readonly git: GitBinary | undefined
  readonly clock: Clock
}

/** A repository behind http(s): a bare clone with the branch's whole history, kept under the data folder and fetched when the branch moved. */
export class RemoteRepository implements Repository {
  readonly location: string
  readonly branch: string
  readonly reader: GitReader
  readonly pollMs: number = POLL_MS
  readonly #options: RemoteRepositoryOptions
  readonly #address: URL
  readonly #directory: GitDirectory
  #database: ObjectDatabase
  #head: string | undefined

  private constructor(options: RemoteRepositoryOptions, address: URL, directory: GitDirectory) {
    this.#options = options
    this.#address = address
    this.#directory = directory
    this.#database = openDatabase(directory, options.git)
    this.location = printable(address)
    this.branch = options.branch
    // The database changes when the clone is made anew; the reader asks for the current one each time.
    this.reader = createGitReader({
      read: oid => this.#database.read(oid),
      readMany: oids => this.#database.readMany(oids),
      resolveRef: ref => this.#database.resolveRef(ref),
      expand: prefix => this.#database.expand(prefix),
      write: (type, bytes) => this.#database.write(type, bytes),
      moveRef: (ref, after, before) => this.#database.moveRef(ref, after, before),
      close: async () => {},
    })
  }

  /** Speaks with nobody yet. Throws `bad-config` for an address or branch that cannot be used. */
  static async open(options: RemoteRepositoryOptions): Promise<RemoteRepository> {
    branchRef(options.branch)
    const address = parseAddress(options.address)
    const name = createHash('sha256').update(`${address.href}\n${options.branch}`).digest('hex').slice(0, 32)
    const gitDir = join(options.cacheFolder, `${name}.git`)
    const repository = new RemoteRepository(options, address, { gitDir, commonDir: gitDir, bare: true })
    await repository.#prepare()
    return repository
  }

  async head(signal: AbortSignal): Promise<string> {
    const remote = await this.#remote()
    const oid = await this.#within(ASK_TIMEOUT_MS, signal, bounded => remote.ask(this.branch, bounded))
    if (oid === undefined) throw missingBranch(this.location, this.branch)
    if (oid === this.#head && (await this.#isWhole(oid))) return oid
    const here = await this.#database.resolveRef(branchRef(this.branch))
    const head = here === oid && (await this.#isWhole(oid)) ? oid : await this.#fetch(remote, signal)
    this.#head = head
    return head
  }

  write(type: ObjectType, bytes: Buffer): Promise<string> {
    return this.#database.write(type, bytes)
  }

  async publish(after: string, before: string, signal: AbortSignal): Promise<void> {
    const remote = await this.#remote()
    const now = await this.#within(ASK_TIMEOUT_MS, signal, bounded => remote.ask(this.branch, bounded))
    if (now !== before)
      throw new BowlineError(
        'conflict',
        `Cannot push to ${this.location}: branch ${this.branch} has moved meanwhile`,
      )
    await this.#within(FETCH_TIMEOUT_MS, signal, bounded => remote.push(after, this.branch, bounded))
    await this.#setBranch(after)
    this.#head = after
  }

  listen(): void {}

  async isCheckedOut(): Promise<boolean> {
    return false
  }

  close(): Promise<void> {
    return this.#database.close()
  }

  async #remote(): Promise<Remote> {
    const { credentialsFile, git } = this.#options
    const credentials: Credentials | undefined =
      credentialsFile === undefined ? undefined : await readCredentials(credentialsFile, this.#address)
    const options: RemoteOptions = {
      gitDir: this.#directory.gitDir,
      url: this.#address.href,
      location: this.location,
      credentials,
      scrub: text => scrub(text, credentials),
    }
    return git === undefined ? new IsomorphicRemote(options) : new NativeRemote(git, options)
  }

  async #fetch(remote: Remote, signal: AbortSignal): Promise<string> {
    // Somebody may have thrown the clone away meanwhile.
    await this.#prepare()
    await this.#limitPacks(signal)
    const fetch = (): Promise<string> =>
      this.#within(FETCH_TIMEOUT_MS, signal, bounded => remote.fetch(this.branch, bounded))
    let head = await fetch()
    if (!(await this.#isWhole(head))) {
      // A crash in the middle of a transfer can leave a pack that cannot be read: the clone is only a cache.
      await this.#recreate()
      head = await fetch()
      await this.reader.readCommit(head)
    }
    await this.#setBranch(head)
    return head
  }

  /** The branch here follows the remote's wherever it went; a rewritten one is just a new revision. */
  async #setBranch(oid: string): Promise<void> {
    const ref = branchRef(this.branch)
    const before = await this.#database.resolveRef(ref)
    if (before !== oid && !(await this.#database.moveRef(ref, oid, before)))
      throw new BowlineError(
        'conflict',
        `Cannot move branch ${this.branch} of the clone of ${this.location}`,
        {
          retryable: true,
        },
      )
  }

  async #isWhole(oid: string): Promise<boolean> {
    try {
      const { tree } = await this.reader.readCommit(oid)
      await this.reader.readTree(tree)
      return true
    } catch (error) {
      if (hasCode(error, 'not-found') || hasCode(error, 'corrupt') || hasCode(error, 'bad-repository'))
        return false
      throw error
    }
  }

  async #limitPacks(signal: AbortSignal): Promise<void> {
    const { gitDir } = this.#directory
    const names = await readdir(join(gitDir, 'objects', 'pack')).catch(() => [])
    if (names.filter(name => name.endsWith('.pack')).length <= MAX_PACKS) return
    const { git } = this.#options
    if (git === undefined) await this.#recreate()
    else await runGit(git, ['repack', '-a', '-d', '-q'], { gitDir, signal })
  }

  async #recreate(): Promise<void> {
    const { gitDir } = this.#directory
    await this.#database.close()
    // Opened before anything can go wrong: it reads nothing yet, and a closed one would answer nothing ever again.
    this.#database = openDatabase(this.#directory, this.#options.git)
    const doomed = `${gitDir}.old`
    await rm(doomed, { recursive: true, force: true })
    await rename(gitDir, doomed)
    await this.#prepare()
    await rm(doomed, { recursive: true, force: true })
  }

  async #prepare(): Promise<void> {
    const { gitDir } = this.#directory
    await mkdir(gitDir, { recursive: true, mode: 0o700 })
    // A lock that a killed process left would block the branch for ever; nobody else writes here.
    await rm(join(gitDir, `${branchRef(this.branch)}.lock`), { force: true })
    await removeUnfinished(join(gitDir, 'objects', 'pack'))
    const { init } = await isomorphicGit()
    await init({ fs, gitdir: gitDir, bare: true, defaultBranch: this.branch })
    await writeFile(join(gitDir, 'HEAD'), `ref: ${branchRef(this.branch)}\n`)
  }

  /** Runs `work` with a signal that also aborts after `ms`; that end is an error `timeout`, not a cancellation. */
  async #within<T>(ms: number, signal: AbortSignal, work: (bounded: AbortSignal) => Promise<T>): Promise<T> {
    const timeout = new BowlineError(
      'timeout',
      `Cannot reach ${this.location}: no answer within ${ms / 1000} s`,
      {
        retryable: true,
      },
    )
    const controller = new AbortController()
    const cancel = this.#options.clock.after(ms, () => controller.abort(timeout))
    try {
      return await work(AbortSignal.any([signal, controller.signal]))
    } catch (error) {
      if (controller.signal.aborted && !signal.aborted) throw timeout
      throw error
    } finally {
      cancel()
    }
  }
}

/** A transfer that was broken off leaves what had come until then, which may be gigabytes. */
async function removeUnfinished(packs: string): Promise<void> {
  const names = await readdir(packs).catch(() => [])
  for (const name of names) if (name.startsWith('tmp_')) await rm(join(packs, name), { force: true })
}
