import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { access, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { deflate, inflate } from 'node:zlib'
import { BowlineError } from '../../base/index.ts'
import type { ObjectType } from './object.ts'
import { MAX_OBJECT_BYTES } from './object-database.ts'
import { readOrdinaryFile } from './ordinary-file.ts'
import { isObjectId } from './ref-name.ts'

const compress = promisify(deflate)
const decompress = promisify(inflate)

/** More than a loose object's header ever takes. */
const HEADER_BYTES = 32

/** The id that Git (with SHA-1) gives an object. */
export function objectId(type: ObjectType, bytes: Buffer): string {
  return createHash('sha1').update(`${type} ${bytes.length}\0`).update(bytes).digest('hex')
}

/**
 * Writes an object as Git writes a loose one: a temporary file in the same folder, synced, then given its name, so that a crash
 * leaves either the whole object or none. Done already is fine. `objects` is the repository's objects folder.
 */
export async function writeLooseObject(objects: string, type: ObjectType, bytes: Buffer): Promise<string> {
  const oid = objectId(type, bytes)
  const folder = join(objects, oid.slice(0, 2))
  const target = join(folder, oid.slice(2))
  if (await exists(target)) return oid
  await mkdir(folder, { recursive: true })
  const temporary = join(folder, `tmp_obj_${randomBytes(6).toString('hex')}`)
  try {
    const file = await open(temporary, 'wx', 0o444)
    try {
      await file.writeFile(await compress(Buffer.concat([Buffer.from(`${type} ${bytes.length}\0`), bytes])))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, target)
  } finally {
    await rm(temporary, { force: true })
  }
  return oid
}

/**
 * The object that is kept in a file of its own; undefined when there is none of that id. Throws `corrupt`, or `unsupported` when it
 * is larger than {@link MAX_OBJECT_BYTES}.
 */
export async function readLooseObject(
  objects: string,
  oid: string,
): Promise<{ readonly type: ObjectType; readonly bytes: Buffer } | undefined> {
  const file = join(objects, oid.slice(0, 2), oid.slice(2))
  // What compression makes of bytes that it cannot compress is hardly longer.
  const packed = await readOrdinaryFile(file, 2 * MAX_OBJECT_BYTES).catch(unlessAbsent)
  if (packed === undefined) return undefined
  const unpacked = await decompress(packed, { maxOutputLength: MAX_OBJECT_BYTES + HEADER_BYTES }).catch(
    (cause: Error & { readonly code?: string }) => {
      if (cause.code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge()
      throw new BowlineError('corrupt', 'it cannot be unpacked', { cause })
    },
  )
  const header = /^(blob|commit|tag|tree) (\d+)\0/.exec(unpacked.toString('latin1', 0, HEADER_BYTES))
  const bytes = unpacked.subarray(header?.[0].length ?? 0)
  if (header === null || Number(header[2]) !== bytes.length)
    throw new BowlineError('corrupt', 'it has no proper header')
  if (bytes.length > MAX_OBJECT_BYTES) throw tooLarge()
  return { type: header[1] as ObjectType, bytes }
}

/** The ids of loose objects that start with `prefix` (two digits or more). */
export async function looseObjectsStartingWith(objects: string, prefix: string): Promise<readonly string[]> {
  const folder = prefix.slice(0, 2)
  const names = (await readdir(join(objects, folder)).catch(unlessAbsent)) ?? []
  return names.map(name => `${folder}${name}`).filter(oid => oid.startsWith(prefix) && isObjectId(oid))
}

function tooLarge(): BowlineError {
  return new BowlineError('unsupported', `it is larger than ${MAX_OBJECT_BYTES} bytes`)
}

function unlessAbsent(error: Error & { readonly code?: string }): undefined {
  if (error.code !== 'ENOENT') throw error
}

async function exists(file: string): Promise<boolean> {
  return access(file, constants.F_OK).then(
    () => true,
    () => false,
  )
}
