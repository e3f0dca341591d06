import { spawn } from 'node:child_process'
import { BowlineError, onlyDescriptors } from '../../../base/index.ts'

export interface RunOptions {
  /** What the program reads. */
  readonly input?: string
  /** Open; the program has it as its descriptor 3. */
  readonly passedFd?: number
}

/** No program of these takes longer, unless it hangs. */
const PATIENCE_MS = 10_000
const MAX_COMPLAINT = 1_000
/** Where a program finds the descriptor that is passed to it: after its input and outputs. */
const PASSED_FD = 3

/**
 * Runs `ip` commands in one process, in order; the first that fails ends it, and what came before it stays. Throws
 * `already-exists` when something of that name is there already.
 */
export async function runIp(commands: readonly string[]): Promise<void> {
  if (commands.length === 0) return
  await runProgram('ip', ['-batch', '-'], { input: `${commands.join('\n')}\n` })
}

/** What is done in one network namespace and then in the agent's, for the price of starting one program. */
export interface AcrossNamespaces {
  /** Open; `inside` is run in it. */
  readonly namespaceFd: number
  readonly inside: readonly string[]
  /** Settings below `net.` of the agent's namespace, made in between: `ipv4/conf/eth0/rp_filter`. */
  readonly sysctls: Readonly<Record<string, string>>
  readonly here: readonly string[]
}

/** As `runIp` for the commands of both namespaces: the first that fails ends it. No command may come from a user. */
export async function runIpAcross({ namespaceFd, inside, sysctls, here }: AcrossNamespaces): Promise<void> {
  const input = [
    ...heredoc(`nsenter --net=/proc/self/fd/${PASSED_FD} ip -batch -`, inside),
    ...Object.entries(sysctls).map(([path, value]) => `echo ${value} > /proc/sys/net/${path}`),
    ...heredoc('ip -batch -', here),
    '',
  ].join('\n')
  await runProgram('sh', ['-e'], { input, passedFd: namespaceFd })
}

function heredoc(command: string, lines: readonly string[]): readonly string[] {
  return [`${command} <<'END'`, ...lines, 'END']
}

/** Runs a program of the host's network to its end and answers with what it printed. Throws `internal` with its complaint. */
export function runProgram(
  program: string,
  args: readonly string[],
  { input, passedFd }: RunOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args], {
      stdio: onlyDescriptors(['pipe', 'pipe', 'pipe', ...(passedFd === undefined ? [] : [passedFd])]),
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
