import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Why no file system can be made here; undefined when one can. Throws with `CI=true` when none can. */
export function smallDiskProblem(): string | undefined {
  const problem =
    process.platform === 'linux' && process.getuid?.() === 0
      ? undefined
      : 'a small file system needs Linux and root'
  if (problem !== undefined && process.env.CI === 'true') throw new Error(`CI needs small disks: ${problem}`)
  return problem
}

/** A file system of its own with so many bytes (and inodes), which a test can fill. Call `remove` in the end. */
export function mountSmallDisk({ bytes, inodes }: { readonly bytes: number; readonly inodes?: number }): {
  readonly path: string
  remove(): void
} {
  const path = mkdtempSync(join(tmpdir(), 'bowline-disk-'))
  const options = [`size=${bytes}`, ...(inodes === undefined ? [] : [`nr_inodes=${inodes}`])]
  execFileSync('mount', ['-t', 'tmpfs', '-o', options.join(','), 'bowline-test', path])
  return {
    path,
    remove() {
      execFileSync('umount', ['-l', path])
      rmSync(path, { recursive: true, force: true })
    },
  }
}

/** Makes a file that takes all the room there is. */
export function fillDisk(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (const size of [64 * 1024, 1])
      try {
        for (;;) writeSync(file, Buffer.alloc(size))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      }
  } finally {
    closeSync(file)
  }
}
