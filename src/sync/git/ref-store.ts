import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BowlineError } from '../../base/index.ts'
import type { GitDirectory } from './git-directory.ts'
import { readOrdinaryFile } from './ordinary-file.ts'
import { isObjectId, isRefName } from './ref-name.ts'

/** How many symbolic refs may follow one another, as in Git. */
const MAX_DEPTH = 5
/** A million packed refs. */
const MAX_REFS_BYTES = 64 * 1024 * 1024

/** What a ref points at, through symbolic refs, read from its file or from packed-refs; undefined when there is no such ref. */
export async function readRef(directory: GitDirectory, ref: string, depth = 0): Promise<string | undefined> {
  if (!isRefName(ref) || depth > MAX_DEPTH) return undefined
  const text = (await readText(refFile(directory, ref)))?.trim()
  if (text !== undefined && isObjectId(text)) return text
  if (text?.startsWith('ref: ')) return readRef(directory, text.slice(5).trim(), depth + 1)
  return readPackedRef(directory, ref)
}

/** What a symbolic ref such as HEAD names; undefined when it holds an id or is not there. */
export async function readSymbolicRef(directory: GitDirectory, ref: string): Promise<string | undefined> {
  const text = (await readText(refFile(directory, ref)))?.trim()
  return text?.startsWith('ref: ') ? text.slice(5).trim() : undefined
}

/**
 * Moves a ref by Git's own protocol: `<ref>.lock` is made exclusively, the old value is compared under it, and the lock
 * becomes the ref. False when the ref was elsewhere. Throws `unavailable` while someone else holds the lock.
 */
export async function moveRef(
  directory: GitDirectory,
  ref: string,
  after: string,
  before: string | undefined,
): Promise<boolean> {
  const file = refFile(directory, ref)
  const lock = `${file}.lock`
  await mkdir(dirname(file), { recursive: true })
  const handle = await open(lock, 'wx', 0o644).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new BowlineError('unavailable', `Cannot move ${ref}: another Git command holds ${lock}`, {
      cause: error,
      retryable: true,
    })
  })
  try {
    if ((await readRef(directory, ref)) !== before) return false
    await handle.writeFile(`${after}\n`)
    await handle.sync()
    await rename(lock, file)
    return true
  } finally {
    await handle.close()
    await rm(lock, { force: true })
  }
}

function refFile({ gitDir, commonDir }: GitDirectory, ref: string): string {
  return join(ref.startsWith('refs/') ? commonDir : gitDir, ref)
}

async function readPackedRef({ commonDir }: GitDirectory, ref: string): Promise<string | undefined> {
  const text = await readText(join(commonDir, 'packed-refs'))
  for (const line of (text ?? '').split('\n')) {
    const space = line.indexOf(' ')
    if (space !== -1 && line.slice(space + 1).trimEnd() === ref && isObjectId(line.slice(0, space)))
      return line.slice(0, space)
  }
  return undefined
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return (await readOrdinaryFile(file, MAX_REFS_BYTES)).toString('utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined
    if (error instanceof BowlineError) throw error
    throw new BowlineError('bad-repository', `Cannot read ${file}: ${code ?? 'unknown error'}`, {
      cause: error,
      retryable: true,
    })
  }
}
