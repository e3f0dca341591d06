import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const MOUNT = '/sys/fs/cgroup'

/** The files that tell the memory of a process's cgroup. */
interface MemoryFiles {
  readonly usage: string
  readonly stat: string
  /** The line of `stat` with what can be taken back at once. */
  readonly inactive: string
}

/** Where the memory of a process is told, by its `/proc/<pid>/cgroup`; undefined when that names no memory cgroup. Pure. */
export function memoryFiles(cgroups: string): MemoryFiles | undefined {
  for (const line of cgroups.split('\n')) {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (controllers.split(',').includes('memory')) {
      const folder = join(MOUNT, 'memory', path)
      return {
        usage: join(folder, 'memory.usage_in_bytes'),
        stat: join(folder, 'memory.stat'),
        inactive: 'total_inactive_file',
      }
    }
  }
  const unified = /^0::(.*)$/m.exec(cgroups)?.[1]
  if (unified === undefined) return undefined
  const folder = join(MOUNT, unified)
  return {
    usage: join(folder, 'memory.current'),
    stat: join(folder, 'memory.stat'),
    inactive: 'inactive_file',
  }
}

/** The working set of a process's cgroup, as upstream counts it: what is used without the file cache that is not; 0 when it cannot be told. */
export async function workingSetBytes(pid: number): Promise<number> {
  const files = memoryFiles(await readText(`/proc/${pid}/cgroup`))
  if (files === undefined) return 0
  const [usage, stat] = await Promise.all([readText(files.usage), readText(files.stat)])
  const inactive = Number(new RegExp(`^${files.inactive} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0)
  return Math.max(0, (Number(usage) || 0) - inactive)
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}
