import { createHash } from 'node:crypto'
import { chmod, lstat, mkdir, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { unmountBelow } from './agents/volumes/index.ts'

/** What `statfs` calls file systems that live in memory (linux/magic.h: TMPFS_MAGIC, RAMFS_MAGIC). */
const MEMORY_FILE_SYSTEMS: ReadonlySet<number> = new Set([0x01021994, 0x858458f6])
/** Says whose a folder is, so that the next agent removes what one left that is gone for good. */
const OWNER = 'data-dir'

/**
 * A folder in memory that belongs to the agent of `dataDir` alone: the first of `parents` that lies in memory and can be had, each
 * named and readable for this user only. Undefined where there is none.
 */
export async function openMemoryDir(
  dataDir: string,
  parents: readonly string[],
): Promise<string | undefined> {
  for (const parent of parents) {
    if (!(await isInMemory(dirname(parent))) || !(await isOwnFolder(parent))) continue
    await removeOrphans(parent)
    const folder = join(parent, createHash('sha256').update(dataDir).digest('hex').slice(0, 16))
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await writeFile(join(folder, OWNER), dataDir, { mode: 0o600 })
    return folder
  }
  return undefined
}

/** Removes the folder of an agent that has no pods any more, with the volumes that are mounted in it. */
export async function removeMemoryDir(folder: string): Promise<void> {
  await unmountBelow(folder)
  await rm(folder, { recursive: true, force: true })
}

async function isInMemory(path: string): Promise<boolean> {
  const found = await statfs(path).catch(() => undefined)
  return found !== undefined && MEMORY_FILE_SYSTEMS.has(found.type)
}

/** Makes the folder. False for one that somebody else put there first, as anyone may in /dev/shm. */
async function isOwnFolder(path: string): Promise<boolean> {
  await mkdir(path, { mode: 0o700 }).catch(() => {})
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined || !found.isDirectory() || found.uid !== userInfo().uid) return false
  await chmod(path, 0o700)
  return true
}

/** A data directory that is gone has no agent, and no pods that would need these files. */
async function removeOrphans(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const owner = await readFile(join(parent, name, OWNER), 'utf8').catch(() => undefined)
    if (owner === undefined || (await lstat(owner).catch(() => undefined)) !== undefined) continue
    await removeMemoryDir(join(parent, name))
  }
}
