import { readFile, statfs } from 'node:fs/promises'
import type { NodeHealth } from './node-object.ts'

/** What a machine calls itself; empty where the file is not there. */
export async function readMachineIds(): Promise<{ readonly machineId: string; readonly bootId: string }> {
  const [machineId, bootId] = await Promise.all([
    readText('/etc/machine-id'),
    readText('/proc/sys/kernel/random/boot_id'),
  ])
  return { machineId, bootId }
}

/** How much of the machine is left, measured now. `folder` says which file system counts. */
export async function measureMachine(
  folder: string,
): Promise<Pick<NodeHealth, 'processes' | 'processLimit'> & { readonly storageBytes: number }> {
  const [disk, loadavg, pidMax] = await Promise.all([
    statfs(folder),
    readText('/proc/loadavg'),
    readText('/proc/sys/kernel/pid_max'),
  ])
  return {
    storageBytes: disk.blocks * disk.bsize,
    // "0.20 0.18 0.12 1/345 8123": the fourth says how many of how many tasks run.
    processes: Number(/\d+\/(\d+)/.exec(loadavg)?.[1] ?? 0),
    processLimit: Number(pidMax) || Number.POSITIVE_INFINITY,
  }
}

async function readText(path: string): Promise<string> {
  return (await readFile(path, 'utf8').catch(() => '')).trim()
}
