import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Sets `net.…` in the agent's network namespace, unless it is that already. */
export async function writeSysctl(path: readonly string[], value: string): Promise<void> {
  const file = join('/proc/sys/net', ...path)
  const before = await readFile(file, 'utf8').catch(() => '')
  if (before.trim() !== value) await writeFile(file, value)
}
