import { spawn } from 'node:child_process'
import { BowlineError } from '../../../base/index.ts'

export interface ProgramResult {
  readonly code: number | null
  readonly output: string
  /** What it wrote to its standard error, shortened. */
  readonly complaint: string
}

/** Longer than the largest script takes on a slow machine. */
const TIMEOUT_MS = 60_000
const KEPT_COMPLAINT = 2_000

/** Runs a program of the host that changes or shows the ways of packets. Rejects with `unsupported` where it is not installed. */
export type RunProgram = (
  program: 'conntrack' | 'ip' | 'iptables' | 'nft',
  args: readonly string[],
  input?: string,
) => Promise<ProgramResult>

/** Programs of this machine; after a prefix such as `nsenter --net=…`, those of another network namespace. */
export function programRunner(prefix: readonly string[] = []): RunProgram {
  return (program, args, input = '') => run([...prefix, program, ...args], program, input)
}

function run(
  [file = '', ...args]: readonly string[],
  program: string,
  input: string,
): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    })
    const output: string[] = []
    let complaint = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => output.push(text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(0, KEPT_COMPLAINT)
    })
    child.on('error', cause =>
      reject(new BowlineError('unsupported', `Cannot run ${program}: it is not installed`, { cause })),
    )
    child.on('close', code => resolve({ code, output: output.join(''), complaint: complaint.trim() }))
    // One that ends early must not become an unhandled error; its exit code says what happened.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}
