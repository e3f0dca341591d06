import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { openDockerRuntime, openProcessRuntime } from '../../src/agents/runtime/index.ts'
import { silentLogger, systemClock } from '../../src/base/index.ts'
import type { DemoFolder, DemoState } from './demo-folder.ts'
import { type Place, USUAL_SOCKET } from './place.ts'
import { display, programOf, type Shell } from './shell.ts'

const START_WITHIN_MS = 60_000
const STOP_WITHIN_MS = 90_000
const LOOK_MS = 50

/** How long agents may take to notice that the `bowline up` which started them is gone. */
const AGENTS_END_MS = 3_000

/** The command that serves the repository: three hosts on this machine, on a free port. */
export function upCommand(place: Place): readonly string[] {
  const isElsewhere = place.runtime === 'docker' && place.socketPath !== USUAL_SOCKET
  const engine = isElsewhere ? ['--docker-socket', place.socketPath] : []
  return [
    ...['bowline', 'up', 'hello.git', '--nodes', '3', '--runtime', place.runtime, ...engine],
    ...['--listen', '127.0.0.1:0', '--data-dir', 'data', '--stop-containers'],
  ]
}

/**
 * Starts `bowline up` in a session of its own, so that a Ctrl-C at the terminal reaches it only through the demo, and waits until
 * it serves. Its output goes to the folder's log.
 */
export async function startCluster(
  folder: DemoFolder,
  place: Place,
  { environment }: Shell,
  signal: AbortSignal,
): Promise<ChildProcess> {
  const [file = '', ...args] = programOf(upCommand(place))
  const log = openSync(folder.log, 'a', 0o600)
  const stdio = ['ignore', log, log] as const
  const child = spawn(file, args, { cwd: folder.path, env: environment, stdio: [...stdio], detached: true })
  closeSync(log)
  // One that stays outlives the demo.
  child.unref()
  await folder.writeState({ place, pid: child.pid ?? 0 })
  for (const end = systemClock.now() + START_WITHIN_MS; ; ) {
    if (/^serving https:/m.test(await readFile(folder.log, 'utf8'))) return child
    if (child.exitCode !== null || child.signalCode !== null || systemClock.now() > end)
      throw new Error(`Cannot start the cluster: \`${display(upCommand(place))}\` does not serve`)
    await systemClock.sleep(LOOK_MS, signal)
  }
}

/** Ends `bowline up`, and with it the containers; by force when it does not end by itself. */
export async function stopCluster(folder: DemoFolder, { pid }: DemoState): Promise<void> {
  if (!(await isUp(pid, folder))) return
  process.kill(pid, 'SIGTERM')
  for (const end = systemClock.now() + STOP_WITHIN_MS; systemClock.now() < end; ) {
    if (!(await isUp(pid, folder))) return
    await systemClock.sleep(LOOK_MS)
  }
  process.kill(pid, 'SIGKILL')
  await systemClock.sleep(AGENTS_END_MS)
}

/** Removes the containers of every node of the folder, as its agents would have. */
export async function purgeNodes(folder: DemoFolder, place: Place, clusterUid: string): Promise<void> {
  const parts = { clusterUid, clock: systemClock, log: silentLogger }
  for (const nodeName of await readdir(join(folder.dataDir, 'agents')).catch(() => [])) {
    const stateDir = join(folder.dataDir, 'agents', nodeName, 'runtime')
    const runtime =
      place.runtime === 'docker'
        ? await openDockerRuntime({ ...parts, nodeName, socketPath: place.socketPath, options: { stateDir } })
        : await openProcessRuntime({ ...parts, nodeName, stateDir })
    await runtime.purge()
    await runtime.close()
  }
}

/** Whether the process is still the one that serves this folder. */
async function isUp(pid: number, folder: DemoFolder): Promise<boolean> {
  if (pid <= 1) return false
  try {
    // Of a process that only waits to be reaped neither can be read.
    const [command, cwd] = await Promise.all([
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
      readlink(`/proc/${pid}/cwd`),
    ])
    return command.includes('hello.git') && cwd === folder.path
  } catch {
    return false
  }
}
