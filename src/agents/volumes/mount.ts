import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type FileHandle, readFile, realpath } from 'node:fs/promises'
import { BowlineError, onlyDescriptors } from '../../base/index.ts'

/** Where something is mounted, of the paths that are asked for; the latest first. */
export async function mountsAt(isAsked: (path: string) => boolean): Promise<readonly string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')
  return lines
    .map(line => line.split(' ')[4] ?? '')
    .filter(isAsked)
    .reverse()
}

/** Ends whatever is mounted below a folder of the agent's own, so that the folder can be removed. */
export async function unmountBelow(folder: string): Promise<void> {
  const real = await realpath(folder).catch(() => folder)
  const mounts = await mountsAt(path => path.startsWith(`${real}/`))
  if (mounts.length > 0) await runMount('umount', ['-l', ...mounts])
}

/** Makes a folder a file system in memory, of so many bytes at most; default: half of the machine's memory, as the kernel has it. */
export async function mountMemory(folder: string, bytes: number | undefined): Promise<void> {
  const size = bytes === undefined || bytes === 0 ? '' : `,size=${Math.ceil(bytes)}`
  await runMount('mount', ['-t', 'tmpfs', '-o', `mode=0777${size}`, 'bowline', folder])
}

/** No mount of what is there already takes longer, unless it hangs. */
const PATIENCE_MS = 10_000
const MAX_WORDS = 1000

/** Runs a program of util-linux to its end; `passed` is its descriptor 3. */
export async function runMount(
  program: 'mount' | 'umount',
  args: readonly string[],
  passed?: FileHandle,
): Promise<void> {
  const descriptors = passed === undefined ? [] : [passed.fd]
  const child = spawn(program, args, {
    stdio: onlyDescriptors(['ignore', 'ignore', 'pipe', ...descriptors]),
    timeout: PATIENCE_MS,
    killSignal: 'SIGKILL',
  })
  let words = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString('utf8')).slice(0, MAX_WORDS)
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code === 0) return
  throw new BowlineError('internal', `Cannot ${program}: ${words.trim() || `it ended with ${code}`}`)
}
