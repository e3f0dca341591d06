import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { access, constants, open, stat } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { execPath } from 'node:process'
import type { Readable } from 'node:stream'
import { BowlineError, onlyDescriptors } from '../../../base/index.ts'
import type { ContainerConfig } from '../runtime.ts'
import type { RunUser } from './run-user.ts'
import { KEEPER, RUNNER } from './scripts.ts'

/** Where programs are looked for when the container does not say; at the end the folder of the Node that runs this. */
const DEFAULT_PATH: string = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
  dirname(execPath),
].join(delimiter)

/** The files of a container's folder that the programs of `scripts.ts` write. */
export const Files = {
  /** Made once, by whoever starts the container; then what the runner tells of who runs. */
  processes: 'processes',
  exitCode: 'exit',
  /** Appears when all output has been kept. */
  drained: 'drained',
} as const

/** What a command of the container is run with, at its start and for `exec`. */
export interface Invocation {
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
}

/**
 * The image is not there, so the command must be given, and the working folder counts only where the host has it. The
 * environment is the container's alone.
 */
export async function invocationOf(config: ContainerConfig): Promise<Invocation> {
  const env = {
    PATH: DEFAULT_PATH,
    HOME: '/',
    // As in a container; the host's own name stays what it is.
    HOSTNAME: config.pod.name,
    ...Object.fromEntries(config.env.map(({ name, value }) => [name, value])),
  }
  const wanted = config.workingDir ?? '/'
  const isFolder = await stat(wanted).then(
    found => found.isDirectory(),
    () => false,
  )
  return { command: [...(config.command ?? []), ...(config.args ?? [])], env, cwd: isFolder ? wanted : '/' }
}

/** The path of a program as the container's own lookup would find it; undefined when there is none. */
export async function findProgram({ command, env }: Invocation): Promise<string | undefined> {
  const [program = ''] = command
  if (program.includes('/')) return (await isExecutable(program)) ? program : undefined
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    const path = join(folder === '' ? '/' : folder, program)
    if (await isExecutable(path)) return path
  }
  return undefined
}

/**
 * Starts the keeper and the runner of a container, both independent of this process, and gives the runner's exit. The
 * container's user gets only descriptors; every file stays the agent's. Throws `conflict` when it was started before.
 */
export async function spawnContainer(
  folder: string,
  invocation: Invocation,
  user: RunUser,
): Promise<ChildProcess> {
  const inFolder = (name: string): string => join(folder, name)
  const processes = await open(inFolder(Files.processes), 'wx', 0o600).catch((error: unknown) => {
    throw new BowlineError('conflict', 'Cannot start the container: it was started before', { cause: error })
  })
  const opened = [processes]
  try {
    const exitCode = await open(inFolder(Files.exitCode), 'w', 0o600)
    opened.push(exitCode)
    await makePipes(folder)
    const keeper = spawn('/bin/sh', ['-c', KEEPER, 'bowline-keeper'], {
      cwd: folder,
      env: { PATH: DEFAULT_PATH },
      detached: true,
      stdio: onlyDescriptors(['ignore', 'ignore', 'ignore', 'pipe']),
    })
    await spawned(keeper)
    keeper.unref()
    // Opened for reading too, so that opening does not wait for the keeper.
    const stdout = await open(inFolder('stdout.pipe'), 'r+')
    opened.push(stdout)
    const stderr = await open(inFolder('stderr.pipe'), 'r+')
    opened.push(stderr)
    await listening(keeper)
    const setsid = SETSID_PATHS.find(existsSync) ?? ''
    const runner = spawn('/bin/sh', ['-c', RUNNER, 'bowline-runner', setsid, ...invocation.command], {
      cwd: invocation.cwd,
      env: invocation.env,
      detached: true,
      stdio: onlyDescriptors(['ignore', stdout.fd, stderr.fd, exitCode.fd, processes.fd]),
      ...(user.dropped && { uid: user.uid, gid: user.gid }),
    })
    await spawned(runner)
    runner.unref()
    return runner
  } finally {
    for (const handle of opened) await handle.close()
  }
}

const SETSID_PATHS = ['/usr/bin/setsid', '/bin/setsid']

function makePipes(folder: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('mkfifo', ['-m', '600', 'stdout.pipe', 'stderr.pipe'], {
      cwd: folder,
      env: { PATH: DEFAULT_PATH },
      stdio: 'ignore',
    })
    child.on('error', reject)
    child.on('close', code =>
      code === 0
        ? resolve()
        : reject(new BowlineError('internal', 'Cannot start the container: mkfifo failed in its folder')),
    )
  })
}

function spawned(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
}

/** Resolves when the keeper has both pipes open: from then on nothing that the container writes is lost. */
function listening(keeper: ChildProcess): Promise<void> {
  const reports = keeper.stdio[3] as Readable
  return new Promise((resolve, reject) => {
    let lines = 0
    reports.on('data', (chunk: Buffer) => {
      lines += chunk.filter(byte => byte === NEWLINE).length
      if (lines < 2) return
      reports.destroy()
      resolve()
    })
    reports.on('close', () =>
      reject(new BowlineError('internal', 'Cannot start the container: what keeps its log ended at once')),
    )
    reports.on('error', reject)
  })
}

const NEWLINE = 10

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}
