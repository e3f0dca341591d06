import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { BowlineError } from '../../base/index.ts'

/**
 * Opens a file of a repository for reading, where its owner may have put something else: to open a pipe is to wait for who writes into
 * it, in one of the four threads that all of Node's file access has. Throws `bad-repository` for what is no file, and what `open` throws.
 */
export async function openOrdinaryFile(
  path: string,
): Promise<{ readonly file: FileHandle; readonly size: number }> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stats = await file.stat()
    if (stats.isFile()) return { file, size: stats.size }
    if (stats.isDirectory()) throw Object.assign(new Error('it is a folder'), { code: 'EISDIR' })
    throw refused(path, 'it is no ordinary file')
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Reads a whole file of a repository as {@link openOrdinaryFile} opens it. Throws `unsupported` for one of more than `maxBytes`. */
export async function readOrdinaryFile(path: string, maxBytes: number): Promise<Buffer> {
  const { file, size } = await openOrdinaryFile(path)
  try {
    if (size > maxBytes)
      throw new BowlineError('unsupported', `Cannot read ${path}: it is larger than ${maxBytes} bytes`)
    return await file.readFile()
  } finally {
    await file.close()
  }
}

function refused(path: string, state: string): BowlineError {
  return new BowlineError('bad-repository', `Cannot read ${path}: ${state}`, { retryable: true })
}
