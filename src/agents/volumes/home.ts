import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { canonicalJson } from '../../base/index.ts'

/**
 * The folders that containers mount from, as one word: another one when they lie elsewhere, or are copies that were put in their
 * place. What runs goes on with the folders that it has, of which nobody knows any more; their inodes tell these from copies.
 */
export async function readHome(folders: readonly string[]): Promise<string> {
  const places = await Promise.all(
    folders.map(async folder => [resolve(folder), String((await stat(folder, { bigint: true })).ino)]),
  )
  return createHash('sha256').update(canonicalJson(places)).digest('hex').slice(0, 16)
}
