import { spawn } from 'node:child_process'
import { pid as ownPid } from 'node:process'
import { BowlineError, onlyDescriptors } from '../../../base/index.ts'
import type { KeptShell } from './kept-shell.ts'

export interface RunOptions {
  /** What the program reads. */
  readonly input?: string
}

/** No program of these takes longer, unless it hangs. */
const PATIENCE_MS = 10_000
const MAX_COMPLAINT = 1_000

/**
 * Runs `ip` commands in one process, in order; the first that fails ends it, and what came before it stays. Throws
 * `already-exists` when something of that name is there already.
 */
export async function runIp(commands: readonly string[]): Promise<void> {
  if (commands.length === 0) return
  await runProgram('ip', ['-batch', '-'], { input: `${commands.join('\n')}\n` })
}

/** What is done in one network namespace and then in the agent's, in one go. */
export interface AcrossNamespaces {
  /** Stays open until all is done; `inside` is run in it. */
  readonly namespaceFd: number
  readonly inside: readonly string[]
  /** Settings below `net.` of the agent's namespace, made in between: `ipv4/conf/eth0/rp_filter`. */
  readonly sysctls: Readonly<Record<string, string>>
  readonly here: readonly string[]
}

/** As `runIp` for the commands of both namespaces: the first that fails ends it. No command may come from a user. */
export async function runIpAcross(
  shell: KeptShell,
  { namespaceFd, inside, sysctls, here }: AcrossNamespaces,
): Promise<void> {
  const { code, complaint } = await shell.run(
    [
      'set -e',
      // The shell does not have the descriptor, but finds it where this process has it.
      ...heredoc(`nsenter --net=/proc/${ownPid}/fd/${namespaceFd} ip -batch -`, inside),
      ...Object.entries(sysctls).map(([path, value]) => `echo ${value} > /proc/sys/net/${path}`),
      ...heredoc('exec ip -batch -', here),
      '',
    ].join('\n'),
  )
  if (code !== 0) throw refusal('ip', code, complaint)
}

function heredoc(command: string, lines: readonly string[]): readonly string[] {
  return [`${command} <<'END'`, ...lines, 'END']
}

/** Runs a program of the host's network to its end and answers with what it printed. Throws `internal` with its complaint. */
export function runProgram(
  program: string,
  args: readonly string[],
  { input }: RunOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args], {
      stdio: onlyDescriptors(['pipe', 'pipe', 'pipe']),
      timeout: PATIENCE_MS,
      killSignal: 'SIGKILL',
    })
    let output = ''
    let complaint = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(0, MAX_COMPLAINT)
    })
    child.on('error', error =>
      reject(new BowlineError('unsupported', `Cannot run ${program}: ${error.message}`, { cause: error })),
    )
    child.on('close', code => {
      if (code === 0) resolve(output)
      else reject(refusal(program, code, complaint))
    })
    // A child that ends early must not become an unhandled error; its exit code says what happened.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input ?? '')
  })
}

function refusal(program: string, code: number | null, complaint: string): BowlineError {
  const isThere = /File exists/.test(complaint)
  return new BowlineError(
    isThere ? 'conflict' : 'internal',
    `Cannot change the host's network: ${program} failed: ${complaint.trim() || `exit code ${code}`}`,
  )
}

/**
 * Starts a program that goes into the background by itself and outlives the agent; resolves when it says that it works. It gets
 * nothing of what the agent has open.
 */
export function startDaemon(program: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args], {
      stdio: onlyDescriptors(['ignore', 'ignore', 'ignore']),
      detached: true,
      timeout: PATIENCE_MS,
    })
    child.on('error', cause =>
      reject(new BowlineError('unsupported', `Cannot run ${program}: ${cause.message}`, { cause })),
    )
    child.on('exit', code => {
      if (code === 0) resolve()
      else reject(new BowlineError('internal', `Cannot run ${program}: it ended with exit code ${code}`))
    })
  })
}
