import { type ChildProcess, spawn } from 'node:child_process'

export interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface ProgramOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  /** Leaves the program's input open until its end or this process's. */
  readonly keepInput?: boolean
}

/** A process of the test with what it has printed so far. Its environment is `PATH` and what the test gives it. */
export class Program {
  readonly child: ChildProcess
  /** Settles when it has ended and everything that it printed is read. */
  readonly ended: Promise<Result>
  #stdout = ''
  #stderr = ''

  constructor(command: string, args: readonly string[], { cwd, env, input, keepInput }: ProgramOptions = {}) {
    this.child = spawn(command, [...args], {
      ...(cwd === undefined ? {} : { cwd }),
      env: { PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin', ...env },
      stdio: 'pipe',
    })
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.#stdout += chunk.toString()
    })
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString()
    })
    this.child.stdin?.on('error', () => undefined)
    if (keepInput !== true) this.child.stdin?.end(input ?? '')
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', (status, signal) =>
        resolve({ code: status ?? (signal === null ? -1 : -2), stdout: this.#stdout, stderr: this.#stderr }),
      )
    })
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  /** Sends a signal and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Result> {
    if (!this.hasEnded) this.child.kill(signal)
    return this.ended
  }
}

/** Runs a program to its end. */
export function run(command: string, args: readonly string[], options?: ProgramOptions): Promise<Result> {
  return new Program(command, args, options).ended
}

/** Like {@link run}, but another exit code than 0 throws with what was printed. Answers with stdout. */
export async function runOk(
  command: string,
  args: readonly string[],
  options?: ProgramOptions,
): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`)
  return stdout
}
