import { type FileHandle, open, readFile } from 'node:fs/promises'
import { BowlineError } from '../../../../base/index.ts'

/**
 * Opens the network namespace of a container by descriptor. Its process may end, and its number go to another, at any time: the
 * control groups, read after opening, say whose namespace was opened. Throws `conflict` when it is not the container's.
 */
export async function openNamespace(pid: number, containerId: string): Promise<FileHandle> {
  try {
    const handle = await open(`/proc/${pid}/ns/net`)
    if (await isProcessOf(pid, containerId)) return handle
    await handle.close()
  } catch {
    // Gone; the same as somebody else's.
  }
  throw new BowlineError('conflict', `Cannot wire the sandbox ${containerId.slice(0, 12)}: it has stopped`, {
    retryable: true,
  })
}

/** Whether this process, as numbered here, is the container's: it is not when the engine runs on another host. */
export async function isProcessOf(pid: number, containerId: string): Promise<boolean> {
  const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '')
  return groups.includes(containerId)
}
