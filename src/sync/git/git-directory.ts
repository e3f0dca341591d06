import { stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { BowlineError } from '../../base/index.ts'
import { readOrdinaryFile } from './ordinary-file.ts'

/** Of a file that holds one path. */
const MAX_POINTER_BYTES = 64 * 1024

/** Where a repository keeps its parts. For a linked work tree the two differ. */
export interface GitDirectory {
  /** HEAD lives here. */
  readonly gitDir: string
  /** Objects, refs and packed-refs live here. */
  readonly commonDir: string
  /** False for a repository with a work tree of its own. */
  readonly bare: boolean
}

/**
 * Finds the repository at a folder: bare, with a work tree, a linked work tree, or a `.git` file that points elsewhere.
 * Looks at this folder only, not above it. Throws `bad-repository`.
 */
export async function findGitDirectory(folder: string): Promise<GitDirectory> {
  const dotGit = join(folder, '.git')
  if (await isGitDirectory(dotGit)) return withCommonDirectory(dotGit, false)
  const pointer = await readGitFile(dotGit)
  if (pointer !== undefined && (await isGitDirectory(pointer))) return withCommonDirectory(pointer, false)
  if (await isGitDirectory(folder)) return withCommonDirectory(folder, true)
  throw new BowlineError('bad-repository', `Cannot open repository ${folder}: ${await reason(folder)}`, {
    retryable: true,
  })
}

async function isGitDirectory(folder: string): Promise<boolean> {
  if (!(await isFolder(folder)) || !(await exists(join(folder, 'HEAD')))) return false
  return (await exists(join(folder, 'objects'))) || (await exists(join(folder, 'commondir')))
}

async function withCommonDirectory(gitDir: string, bare: boolean): Promise<GitDirectory> {
  const common = await readText(join(gitDir, 'commondir'))
  return { gitDir, commonDir: common === undefined ? gitDir : resolve(gitDir, common.trim()), bare }
}

async function readGitFile(file: string): Promise<string | undefined> {
  const match = /^gitdir: (.+)$/m.exec((await readText(file)) ?? '')
  return match === null ? undefined : resolve(dirname(file), (match[1] as string).trim())
}

async function reason(folder: string): Promise<string> {
  if (await isFolder(folder)) return 'the folder holds no Git repository'
  return (await exists(folder)) ? 'it is not a folder' : 'there is no such folder'
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    stats => stats.isDirectory(),
    () => false,
  )
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

async function readText(file: string): Promise<string | undefined> {
  return readOrdinaryFile(file, MAX_POINTER_BYTES).then(
    bytes => bytes.toString('utf8'),
    () => undefined,
  )
}
