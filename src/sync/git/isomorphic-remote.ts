import fs from 'node:fs'
import { join } from 'node:path'
import { BowlineError, causesOf, isAborted, messageOf } from '../../base/index.ts'
import { FileObjectDatabase } from './file-database.ts'
import { createHttpClient } from './http-client.ts'
import { isomorphicGit } from './isomorphic-git.ts'
import { receivePack } from './receive-pack.ts'
import { branchRef, isObjectId } from './ref-name.ts'
import { MAX_PACK_BYTES, type Remote } from './remote.ts'
import { requestPack } from './upload-pack.ts'

export interface RemoteOptions {
  /** The bare repository that objects come to and go from. */
  readonly gitDir: string
  readonly url: string
  /** How messages call the remote. */
  readonly location: string
  readonly credentials: { readonly origin: string; readonly authorization: string } | undefined
  /** Removes secrets from a text of the remote's. */
  readonly scrub: (text: string) => string
}

/** The largest refs advertisement that is read. */
const MAX_REFS_BYTES = 64 * 1024 * 1024

/** A ref that exists while a push runs, because isomorphic-git pushes refs and not ids. */
const PUSHED_REF = 'refs/bowline/push'

/** A remote spoken with over Node's HTTP: about refs and to push by isomorphic-git, which would hold a fetched pack in memory. */
export class IsomorphicRemote implements Remote {
  readonly #options: RemoteOptions

  constructor(options: RemoteOptions) {
    this.#options = options
  }

  async ask(branch: string, signal: AbortSignal): Promise<string | undefined> {
    const ref = branchRef(branch)
    return this.#run('read', signal, async () => {
      const { listServerRefs } = await isomorphicGit()
      const refs = await listServerRefs({
        http: this.#http(signal, MAX_REFS_BYTES),
        url: this.#options.url,
        prefix: ref,
        protocolVersion: 2,
      })
      return refs.find(candidate => candidate.ref === ref)?.oid
    })
  }

  async fetch(branch: string, signal: AbortSignal): Promise<string> {
    const { gitDir, url } = this.#options
    const want = await this.ask(branch, signal)
    return this.#run('fetch', signal, async () => {
      if (want === undefined || !isObjectId(want))
        throw new BowlineError('not-found', 'there is no such branch', { retryable: true })
      const http = this.#http(signal, MAX_PACK_BYTES)
      const have = await this.#findHave(branch)
      await receivePack(join(gitDir, 'objects'), requestPack({ http, url, want, have }), signal)
      return want
    })
  }

  /** The commit that the branch has here, if it can be read. */
  async #findHave(branch: string): Promise<string | undefined> {
    const { gitDir } = this.#options
    const database = new FileObjectDatabase({ gitDir, commonDir: gitDir, bare: true })
    try {
      const oid = await database.resolveRef(branchRef(branch))
      return oid === undefined ? undefined : (await database.read(oid)).oid
    } catch {
      return undefined
    } finally {
      await database.close()
    }
  }

  async push(oid: string, branch: string, signal: AbortSignal): Promise<void> {
    const { gitDir: gitdir, url } = this.#options
    await this.#run('push to', signal, async () => {
      const { deleteRef, push, writeRef } = await isomorphicGit()
      await writeRef({ fs, gitdir, ref: PUSHED_REF, value: oid, force: true })
      try {
        await push({
          fs,
          http: this.#http(signal, MAX_REFS_BYTES),
          gitdir,
          url,
          ref: PUSHED_REF,
          remoteRef: branchRef(branch),
        })
      } finally {
        await deleteRef({ fs, gitdir, ref: PUSHED_REF })
      }
    })
  }

  #http(signal: AbortSignal, maxBytes: number): ReturnType<typeof createHttpClient> {
    return createHttpClient({ credentials: this.#options.credentials, signal, maxBytes })
  }

  async #run<T>(verb: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      if (isAborted(error)) throw error
      throw this.#describe(verb, error)
    }
  }

  #describe(verb: string, error: unknown): BowlineError {
    const { location, scrub } = this.#options
    const fail = (code: BowlineError['code'], state: string, retryable: boolean): BowlineError =>
      new BowlineError(code, `Cannot ${verb} ${location}: ${scrub(state).slice(0, 300)}`, { retryable })
    const { code, data } = error as { code?: string; data?: { statusCode?: number } }
    if (code === 'HttpError') {
      const status = data?.statusCode ?? 0
      if (status === 401 || status === 403)
        return fail('unauthorized', `the server answers ${status}; check the credentials file`, true)
      if (status === 404)
        return fail(
          'bad-repository',
          'the server has no such repository, or hides it without credentials',
          true,
        )
      return fail('unavailable', `the server answers ${status}`, true)
    }
    if (code === 'PushRejectedError' || code === 'GitPushError')
      return fail('conflict', 'the branch has moved, or the server refuses the push', false)
    for (const cause of causesOf(error))
      if (cause instanceof BowlineError) return fail(cause.code, cause.message, cause.retryable)
    return fail('unavailable', messageOf(error), true)
  }
}
