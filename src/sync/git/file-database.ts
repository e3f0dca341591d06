import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { BowlineError, Limit, messageOf } from '../../base/index.ts'
import type { GitDirectory } from './git-directory.ts'
import { looseObjectsStartingWith, objectId, readLooseObject, writeLooseObject } from './loose-object.ts'
import type { GitObject, ObjectType } from './object.ts'
import type { ObjectDatabase } from './object-database.ts'
import { type PackedObject, PackFile } from './pack-file.ts'
import { isObjectId } from './ref-name.ts'
import { moveRef, readRef } from './ref-store.ts'

/** Objects that are made at once: each may take some hundred megabytes while it is. */
const MAX_READS = 4

/**
 * A repository read from its files, packs and loose objects, where there is no git command. What is asked for and not found is looked
 * for again in the packs that are there by then.
 */
export class FileObjectDatabase implements ObjectDatabase {
  readonly #directory: GitDirectory
  readonly #objects: string
  readonly #reads = new Limit(MAX_READS)
  /** By the names of their files. */
  #packs: ReadonlyMap<string, PackFile> = new Map()

  constructor(directory: GitDirectory) {
    this.#directory = directory
    this.#objects = join(directory.commonDir, 'objects')
  }

  async read(oid: string): Promise<GitObject> {
    try {
      const found = isObjectId(oid) ? await this.#reads.run(() => this.#find(oid)) : undefined
      if (found === undefined) throw new BowlineError('not-found', 'it is not in the repository')
      if (objectId(found.type, found.bytes) !== oid)
        throw new BowlineError('corrupt', 'its content is of another id')
      return { oid, ...found }
    } catch (cause) {
      const code = cause instanceof BowlineError ? cause.code : 'corrupt'
      throw new BowlineError(code, `Cannot read object ${oid}: ${messageOf(cause).slice(0, 200)}`, { cause })
    }
  }

  async *readMany(oids: readonly string[]): AsyncGenerator<GitObject | Error> {
    for (const oid of oids) yield await this.read(oid).catch((error: unknown) => error as Error)
  }

  resolveRef(ref: string): Promise<string | undefined> {
    return readRef(this.#directory, ref)
  }

  async expand(prefix: string): Promise<string | undefined> {
    await this.#findPacks()
    const found = new Set([
      ...[...this.#packs.values()].flatMap(pack => pack.startingWith(prefix)),
      ...(await looseObjectsStartingWith(this.#objects, prefix)),
    ])
    if (found.size > 1)
      throw new BowlineError('bad-input', `Cannot find commit ${prefix}: several objects start so`)
    return [...found][0]
  }

  write(type: ObjectType, bytes: Buffer): Promise<string> {
    return writeLooseObject(this.#objects, type, bytes)
  }

  moveRef(ref: string, after: string, before: string | undefined): Promise<boolean> {
    return moveRef(this.#directory, ref, after, before)
  }

  async close(): Promise<void> {
    const packs = this.#packs
    this.#packs = new Map()
    await Promise.all([...packs.values()].map(pack => pack.retire()))
  }

  async #find(oid: string): Promise<PackedObject | undefined> {
    const found = this.#readPacked(oid) ?? (await readLooseObject(this.#objects, oid))
    if (found !== undefined) return found
    // It may have come with a pack, or moved into one, since the packs were looked for.
    await this.#findPacks()
    return this.#readPacked(oid)
  }

  #readPacked(oid: string): Promise<PackedObject> | undefined {
    for (const pack of this.#packs.values()) {
      const offset = pack.find(oid)
      if (offset !== undefined) return pack.read(offset)
    }
    return undefined
  }

  /** Opens the packs that are new, and lets go of those that are gone. */
  async #findPacks(): Promise<void> {
    const folder = join(this.#objects, 'pack')
    const files = await readdir(folder).catch(() => [])
    const names = files.filter(name => name.endsWith('.idx')).map(name => name.slice(0, -'.idx'.length))
    const opened = await Promise.all(
      names.map(async name => {
        const pack = this.#packs.get(name) ?? (await PackFile.open(join(folder, name)).catch(unlessGone))
        return [name, pack] as const
      }),
    )
    const before = this.#packs
    this.#packs = new Map(opened.flatMap(([name, pack]) => (pack === undefined ? [] : [[name, pack]])))
    for (const [name, pack] of before) if (this.#packs.get(name) !== pack) await pack.retire()
  }
}

/** Git may take a pack away between the look at the folder and the opening. */
function unlessGone(error: unknown): undefined {
  if ((error as { code?: unknown }).code !== 'ENOENT') throw error
}
