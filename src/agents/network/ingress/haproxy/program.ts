import { execFile, spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access, open, readdir, readFile, readlink, realpath, truncate } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { kill } from 'node:process'
import { BowlineError, type Clock, onlyDescriptors } from '../../../../base/index.ts'
import { parseInfo } from './running.ts'
import { ask } from './socket.ts'

const PROGRAMS = [
  '/usr/sbin/haproxy',
  '/usr/local/sbin/haproxy',
  '/usr/bin/haproxy',
  '/usr/local/bin/haproxy',
]
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }

const START_MS = 15_000
const POLL_MS = 20
const MAX_COMPLAINT = 4000

/** The socket of the worker that serves now, and that of the master, which starts a worker for each new configuration. */
export const Sockets = { worker: 'admin.sock', master: 'master.sock' } as const

/** Where the program is on this host; undefined where there is none. */
export async function findHaproxy(): Promise<string | undefined> {
  for (const path of PROGRAMS)
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path
  return undefined
}

/** What is wrong with the configuration in `folder`, as the program says it; undefined: nothing. */
export function checkConfiguration(program: string, folder: string): Promise<string | undefined> {
  const options = { cwd: folder, env: ENVIRONMENT, timeout: START_MS }
  return new Promise(resolve =>
    execFile(program, ['-c', '-q', '-f', 'haproxy.cfg'], options, (error, _, stderr) =>
      resolve(error === null ? undefined : complaintOf(stderr) || String(error.message)),
    ),
  )
}

/**
 * Starts the proxy over the files in `folder`, as a process of its own that outlives this one. Resolves when it serves; throws
 * `unavailable` with the proxy's own words when it ends instead.
 */
export async function startHaproxy(program: string, folder: string, clock: Clock): Promise<void> {
  const log = await open(join(folder, 'haproxy.log'), 'w', 0o600)
  try {
    const master = `unix@${Sockets.master},mode,600,level,admin`
    const child = spawn(program, ['-W', '-S', master, '-p', 'haproxy.pid', '-f', 'haproxy.cfg'], {
      cwd: folder,
      env: ENVIRONMENT,
      detached: true,
      stdio: onlyDescriptors(['ignore', log.fd, log.fd]),
    })
    const ended = new Promise<'ended'>(resolve => {
      child.once('error', () => resolve('ended'))
      child.once('exit', () => resolve('ended'))
    })
    child.unref()
    const deadline = clock.now() + START_MS
    while (clock.now() < deadline) {
      if ((await Promise.race([ended, clock.sleep(POLL_MS)])) === 'ended') break
      const pid = await masterPid(folder)
      // A master of before, which is about to end, may still answer.
      if (pid === child.pid && (await readInfo(folder)) !== undefined) return
    }
    child.kill('SIGKILL')
    await ended
  } finally {
    await log.close()
  }
  const complaint = complaintOf(await readFile(join(folder, 'haproxy.log'), 'utf8'))
  throw new BowlineError(
    'unavailable',
    `Cannot start the ingress proxy: ${complaint || 'it ended at once'}`,
    {
      retryable: true,
    },
  )
}

/** Lets the proxy take over its files anew, without losing a connection. Resolves when the new worker serves. */
export async function reloadHaproxy(folder: string, base: string, clock: Clock): Promise<void> {
  // Its messages of this reload are all that anybody would look for.
  await truncate(join(folder, 'haproxy.log'), 0).catch(() => undefined)
  const before = await readInfo(folder)
  await ask(join(folder, Sockets.master), 'reload').catch(() => undefined)
  const deadline = clock.now() + START_MS
  while (clock.now() < deadline) {
    const now = await readInfo(folder)
    if (now !== undefined && now.pid !== before?.pid && now.base === base) return
    await clock.sleep(POLL_MS)
  }
  const complaint = complaintOf(await readFile(join(folder, 'haproxy.log'), 'utf8').catch(() => ''))
  throw new BowlineError(
    'unavailable',
    `Cannot reload the ingress proxy: ${complaint || 'no new worker came'}`,
    {
      retryable: true,
    },
  )
}

/** Ends the proxy of `folder` with all its workers, if there is one. */
export async function stopHaproxy(folder: string, clock: Clock): Promise<void> {
  const deadline = clock.now() + START_MS
  for (;;) {
    const processes = await processesOf(folder)
    if (processes.length === 0) return
    if (clock.now() > deadline) throw new BowlineError('timeout', 'Cannot stop the ingress proxy: it goes on')
    for (const pid of processes) sendTerm(pid)
    await clock.sleep(POLL_MS)
  }
}

/**
 * The master and the workers that run over this folder, by where they stand: in the midst of a reload their sockets answer nobody and
 * their pid file is empty, and one that is overlooked would keep the ports for good.
 */
async function processesOf(folder: string): Promise<readonly number[]> {
  const home = await realpath(folder).catch(() => undefined)
  if (home === undefined) return []
  const found: number[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const [cwd, program] = await Promise.all(
      ['cwd', 'exe'].map(link => readlink(`/proc/${name}/${link}`).catch(() => '')),
    )
    const isHome = cwd === home || cwd === join(home, 'empty')
    if (isHome && basename(program ?? '').startsWith('haproxy')) found.push(Number(name))
  }
  return found
}

function sendTerm(pid: number): void {
  try {
    kill(pid, 'SIGTERM')
  } catch {
    // It has ended by itself.
  }
}

/** Who serves in `folder`; undefined when nobody does. */
export async function readInfo(folder: string): Promise<ReturnType<typeof parseInfo> | undefined> {
  try {
    const info = parseInfo(await ask(join(folder, Sockets.worker), 'show info'))
    return info.pid > 1 ? info : undefined
  } catch {
    return undefined
  }
}

/** Told by the master itself, so that the number is never somebody else's. */
async function masterPid(folder: string): Promise<number | undefined> {
  const text = await ask(join(folder, Sockets.master), 'show proc').catch(() => '')
  const pid = Number(/^(\d+)\s+master\s/m.exec(text)?.[1] ?? 0)
  return pid > 1 ? pid : undefined
}

/** The program's complaints without what it puts before them, each once. */
function complaintOf(text: string): string {
  const lines = text
    .split('\n')
    .filter(line => line.startsWith('[ALERT]'))
    .map(line => line.replace(/^\[ALERT\]\s+\(\d+\) : /, '').trim())
  return [...new Set(lines)].join('; ').slice(0, MAX_COMPLAINT)
}
