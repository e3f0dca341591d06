import { createHash, type Hash } from 'node:crypto'
import { createReadStream, type Stats } from 'node:fs'
import { lstat, readdir, readlink } from 'node:fs/promises'

/** What a folder consists of; equal for two folders that hold the same. */
export interface TreeDigest {
  readonly digest: string
  readonly files: number
  /** The sum of the files' sizes. */
  readonly bytes: number
}

/**
 * The digest of everything under a folder: the path, kind, rights, owner, time and content of each entry. Links are read, never
 * followed. Sockets are left out, as archives leave them out. Names may be any bytes.
 */
export async function digestTree(folder: string, signal: AbortSignal): Promise<TreeDigest> {
  const hash = createHash('sha256')
  const count = { files: 0, bytes: 0 }
  await visit(Buffer.from(folder), Buffer.from('.'), { hash, count, signal })
  return { digest: hash.digest('hex'), ...count }
}

interface Visit {
  readonly hash: Hash
  readonly count: { files: number; bytes: number }
  readonly signal: AbortSignal
}

async function visit(path: Buffer, name: Buffer, into: Visit): Promise<void> {
  into.signal.throwIfAborted()
  const stats = await lstat(path)
  if (stats.isSocket()) return
  const { hash, count } = into
  hash.update(name)
  // The time to the second: what every archive format keeps.
  const facts = [kindOf(stats), stats.mode & 0o7777, stats.uid, stats.gid, Math.floor(stats.mtimeMs / 1000)]
  hash.update(`\0${facts.join(' ')}`)
  if (stats.isDirectory()) {
    hash.update('\0')
    const names = (await readdir(path, { encoding: 'buffer' })).sort(Buffer.compare)
    for (const child of names) await visit(joined(path, child), joined(name, child), into)
    return
  }
  if (stats.isSymbolicLink()) hash.update(await readlink(path, { encoding: 'buffer' }))
  else if (stats.isFile()) {
    count.files += 1
    count.bytes += stats.size
    hash.update(` ${stats.size} `)
    hash.update(await digestFile(path, into.signal))
  } else hash.update(` ${stats.rdev}`)
  hash.update('\0')
}

async function digestFile(path: Buffer, signal: AbortSignal): Promise<Buffer> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { signal, highWaterMark: 1024 * 1024 }))
    hash.update(chunk as Buffer)
  return hash.digest()
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'd'
  if (stats.isSymbolicLink()) return 'l'
  if (stats.isFile()) return 'f'
  if (stats.isFIFO()) return 'p'
  return stats.isBlockDevice() ? 'b' : 'c'
}

function joined(folder: Buffer, name: Buffer): Buffer {
  return Buffer.concat([folder, SLASH, name])
}

const SLASH = Buffer.from('/')

/** The space that a folder takes on its disk, in bytes. What goes away meanwhile does not count. */
export async function measureTree(folder: string): Promise<number> {
  return measure(Buffer.from(folder))
}

async function measure(path: Buffer): Promise<number> {
  const stats = await lstat(path).catch(() => undefined)
  if (stats === undefined) return 0
  let bytes = stats.blocks * 512
  if (stats.isDirectory())
    for (const name of await readdir(path, { encoding: 'buffer' }).catch(() => []))
      bytes += await measure(joined(path, name))
  return bytes
}
