import { spawn } from 'node:child_process'
import { BowlineError, onlyDescriptors } from '../../../base/index.ts'

export interface RunOptions {
  /** What the program reads. */
  readonly input?: string
  /** A network namespace, open, that the program runs in; absent: the agent's. */
  readonly namespaceFd?: number
}

/** No program of these takes longer, unless it hangs. */
const PATIENCE_MS = 10_000
const MAX_COMPLAINT = 1_000

/**
 * Runs `ip` commands in one process, in order; the first that fails ends it, and what came before it stays. Throws
 * `already-exists` when something of that name is there already.
 */
export async function runIp(
  commands: readonly string[],
  options: Pick<RunOptions, 'namespaceFd'> = {},
): Promise<void> {
  if (commands.length === 0) return
  await runProgram('ip', ['-batch', '-'], { ...options, input: `${commands.join('\n')}\n` })
}

/** Runs a program of the host's network to its end and answers with what it printed. Throws `internal` with its complaint. */
export function runProgram(
  program: string,
  args: readonly string[],
  { input, namespaceFd }: RunOptions = {},
): Promise<string> {
  const [file, all] =
    namespaceFd === undefined ? [program, args] : ['nsenter', ['--net=/proc/self/fd/3', program, ...args]]
  return new Promise((resolve, reject) => {
    const child = spawn(file, [...all], {
      stdio: onlyDescriptors(['pipe', 'pipe', 'pipe', ...(namespaceFd === undefined ? [] : [namespaceFd])]),
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
      if (code === 0) return resolve(output)
      const isThere = /File exists/.test(complaint)
      reject(
        new BowlineError(
          isThere ? 'conflict' : 'internal',
          `Cannot change the host's network: ${program} failed: ${complaint.trim() || `exit code ${code}`}`,
        ),
      )
    })
    // A child that ends early must not become an unhandled error; its exit code says what happened.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input ?? '')
  })
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
