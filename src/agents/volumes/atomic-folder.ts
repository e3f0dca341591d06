import { createHash } from 'node:crypto'
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Payload } from './payload.ts'

/** The link that every file of the volume goes through; switching it switches all files at once. */
const DATA = '..data'
const NEXT_DATA = '..data_tmp'

/**
 * Makes `folder` hold exactly the files of `payload`, all of them switched at once, as kubelet's AtomicWriter does: readers see
 * the files of before or those of after, never some of both. Idempotent, and repairs what an interrupted run left. The containers
 * that have the folder mounted see the change. Returns whether anything changed.
 */
export async function writeAtomicFolder(
  folder: string,
  payload: Payload,
  group: number | undefined,
): Promise<boolean> {
  const version = `..${digestOf(payload, group)}`
  await mkdir(folder, { recursive: true })
  await chmod(folder, 0o755)
  const current = await readlink(join(folder, DATA)).catch(() => undefined)
  if (current !== version) {
    await writeVersion(join(folder, version), payload, group)
    await rm(join(folder, NEXT_DATA), { force: true })
    await symlink(version, join(folder, NEXT_DATA))
    await rename(join(folder, NEXT_DATA), join(folder, DATA))
  }
  await exposeNames(folder, payload, version)
  return current !== version
}

/** True when there are files of an earlier write. */
export async function hasAtomicFolder(folder: string): Promise<boolean> {
  return (await readlink(join(folder, DATA)).catch(() => undefined)) !== undefined
}

/** The content names its folder, so that the same files are never written twice. */
function digestOf(payload: Payload, group: number | undefined): string {
  const hash = createHash('sha256').update(String(group ?? ''))
  for (const [path, { bytes, mode }] of [...payload].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(JSON.stringify([path, mode, bytes.length])).update(bytes)
  return hash.digest('hex').slice(0, 24)
}

async function writeVersion(folder: string, payload: Payload, group: number | undefined): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder)
  await chmod(folder, 0o755)
  for (const [path, { bytes, mode }] of payload) {
    const file = join(folder, path)
    await mkdir(dirname(file), { recursive: true, mode: 0o755 })
    // Never readable by more than its mode says, not even for an instant.
    await writeFile(file, bytes, { mode: 0o600 })
    if (group !== undefined) await chown(file, -1, group)
    await chmod(file, group === undefined ? mode : mode | 0o440)
  }
}

/** One link per top-level name of the payload; what other versions left goes. */
async function exposeNames(folder: string, payload: Payload, version: string): Promise<void> {
  const names = new Set([...payload.keys()].map(path => path.split('/', 1)[0] ?? path))
  for (const name of names) {
    const link = join(folder, name)
    if ((await lstat(link).catch(() => undefined)) === undefined) await symlink(join(DATA, name), link)
  }
  for (const name of await readdir(folder))
    if (name !== DATA && name !== version && !names.has(name))
      await rm(join(folder, name), { recursive: true, force: true })
}
