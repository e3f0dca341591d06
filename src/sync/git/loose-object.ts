import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { access, mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { deflate } from 'node:zlib'
import type { ObjectType } from './object.ts'

const compress = promisify(deflate)

/** The id that Git (with SHA-1) gives an object. */
function objectId(type: ObjectType, bytes: Buffer): string {
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

async function exists(file: string): Promise<boolean> {
  return access(file, constants.F_OK).then(
    () => true,
    () => false,
  )
}
