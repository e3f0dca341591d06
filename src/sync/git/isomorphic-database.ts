import fs from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { BowlineError, messageOf } from '../../base/index.ts'
import type { GitDirectory } from './git-directory.ts'
import { isomorphicGit } from './isomorphic-git.ts'
import { writeLooseObject } from './loose-object.ts'
import type { GitObject, ObjectType } from './object.ts'
import { MAX_OBJECT_BYTES, type ObjectDatabase } from './object-database.ts'
import { moveRef, readRef } from './ref-store.ts'

/**
 * A repository read by isomorphic-git: always there, nothing to install. One cache object lives as long as the repository's packs,
 * because without it every read parses the pack index again; it holds whole packs, so it is dropped when a pack goes away.
 */
export class IsomorphicObjectDatabase implements ObjectDatabase {
  readonly #directory: GitDirectory
  #cache: object = {}
  #packs: ReadonlySet<string> = new Set()
  #packsChangedMs = -1

  constructor(directory: GitDirectory) {
    this.#directory = directory
  }

  async read(oid: string): Promise<GitObject> {
    await this.#refreshCache()
    return this.#readObject(oid)
  }

  async *readMany(oids: readonly string[]): AsyncGenerator<GitObject | Error> {
    await this.#refreshCache()
    for (const oid of oids) yield await this.#readObject(oid).catch((error: unknown) => error as Error)
  }

  resolveRef(ref: string): Promise<string | undefined> {
    return readRef(this.#directory, ref)
  }

  async expand(prefix: string): Promise<string | undefined> {
    await this.#refreshCache()
    try {
      const { expandOid } = await isomorphicGit()
      return await expandOid({ fs, gitdir: this.#directory.commonDir, oid: prefix, cache: this.#cache })
    } catch (error) {
      if (codeOf(error) === 'AmbiguousError')
        throw new BowlineError('bad-input', `Cannot find commit ${prefix}: several objects start so`)
      return undefined
    }
  }

  write(type: ObjectType, bytes: Buffer): Promise<string> {
    return writeLooseObject(join(this.#directory.commonDir, 'objects'), type, bytes)
  }

  moveRef(ref: string, after: string, before: string | undefined): Promise<boolean> {
    return moveRef(this.#directory, ref, after, before)
  }

  async close(): Promise<void> {
    this.#cache = {}
  }

  async #readObject(oid: string): Promise<GitObject> {
    const gitdir = this.#directory.commonDir
    const { readObject } = await isomorphicGit()
    let result: Awaited<ReturnType<typeof readObject>>
    try {
      result = await readObject({ fs, gitdir, oid, format: 'content', cache: this.#cache })
    } catch (error) {
      if (codeOf(error) === 'NotFoundError')
        throw new BowlineError('not-found', `Cannot read object ${oid}: it is not in the repository`)
      throw new BowlineError('corrupt', `Cannot read object ${oid}: ${messageOf(error).slice(0, 200)}`, {
        cause: error,
      })
    }
    const bytes = Buffer.from(result.object as Uint8Array)
    if (bytes.length > MAX_OBJECT_BYTES)
      throw new BowlineError(
        'unsupported',
        `Cannot read object ${oid}: it is larger than ${MAX_OBJECT_BYTES} bytes`,
      )
    return { oid, type: result.type as ObjectType, bytes }
  }

  async #refreshCache(): Promise<void> {
    const folder = join(this.#directory.commonDir, 'objects', 'pack')
    const changedMs = await stat(folder).then(
      stats => stats.mtimeMs,
      () => 0,
    )
    if (changedMs === this.#packsChangedMs) return
    const names = await readdir(folder).catch(() => [])
    const packs = new Set(names.filter(name => name.endsWith('.pack')))
    if ([...this.#packs].some(pack => !packs.has(pack))) this.#cache = {}
    this.#packs = packs
    this.#packsChangedMs = changedMs
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error ? String((error as { code?: unknown }).code ?? '') : ''
}
