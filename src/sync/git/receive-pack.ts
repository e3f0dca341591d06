import { createHash, randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BowlineError } from '../../base/index.ts'
import { indexPack } from './index-pack.ts'

/** No objects: a head and a check sum. */
const EMPTY_PACK_BYTES = 32

/**
 * Stores the pack that comes in these pieces in a repository's objects folder, with its index, so that it is there as a whole or not
 * at all. Throws `corrupt` or `unsupported`, or the signal's reason.
 */
export async function receivePack(
  objects: string,
  pieces: AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<void> {
  const folder = join(objects, 'pack')
  await mkdir(folder, { recursive: true })
  const temporary = join(folder, `tmp_pack_${randomBytes(6).toString('hex')}`)
  try {
    const file = await open(temporary, 'wx+', 0o444)
    try {
      const hash = createHash('sha1')
      let size = 0
      let tail = Buffer.alloc(0)
      for await (const piece of pieces) {
        await file.writeFile(piece)
        size += piece.length
        // The check sum at the end is not of itself.
        const known = Buffer.concat([tail, piece])
        hash.update(known.subarray(0, -20))
        tail = Buffer.from(known.subarray(-20))
      }
      if (size <= EMPTY_PACK_BYTES && size > 0) return
      const checksum = tail.toString('hex')
      if (hash.digest('hex') !== checksum)
        throw new BowlineError('corrupt', 'the pack is damaged', { retryable: true })
      const index = await indexPack(file, size, signal)
      await file.sync()
      const name = join(folder, `pack-${checksum}`)
      await writeFile(`${temporary}.idx`, index, { mode: 0o444, flush: true })
      await rename(temporary, `${name}.pack`)
      await rename(`${temporary}.idx`, `${name}.idx`)
    } finally {
      await file.close()
    }
  } finally {
    await rm(temporary, { force: true })
    await rm(`${temporary}.idx`, { force: true })
  }
}
