import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { kill } from 'node:process'
import { BowlineError, onlyDescriptors } from '../../../base/index.ts'

/** How a script ended, and what it wrote. */
export interface ScriptResult {
  readonly code: number
  readonly output: string
  /** The beginning of what it wrote to its standard error. */
  readonly complaint: string
}

/** In characters. A script of the host's network that prints more is not one of these; a listing of 10,000 interfaces is less. */
const MAX_OUTPUT = 16_000_000
const MAX_COMPLAINT = 1_000

/**
 * One `sh` that runs scripts one after the other, each in a subshell of its own: no `exit`, `cd`, error of syntax or closed output of
 * one reaches the next. The end of a script is where both its outputs end with a mark that no script knows. A script reads nothing,
 * and waits for what it starts. The shell and all that it runs are a process group; it ends when this process does, however that ends.
 */
export class Shell {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #ended: Promise<void>
  #script: RunningScript | undefined
  /** Why it was killed, or did not start. */
  #failure: BowlineError | undefined
  #isEnded = false

  constructor() {
    // From the root folder: one that stays must keep nobody from unmounting the agent's.
    const options = { stdio: onlyDescriptors(['pipe', 'pipe', 'pipe']), detached: true, cwd: '/' }
    const child = spawn('sh', ['-s'], options) as ChildProcessWithoutNullStreams
    this.#child = child
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.#take('output', text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.#take('complaint', text))
    // A write to a shell that just ended; `close` below tells the caller.
    child.stdin.on('error', () => undefined)
    child.on('error', cause => {
      this.#failure ??= new BowlineError('unsupported', `Cannot run sh: ${cause.message}`, { cause })
    })
    this.#ended = new Promise(resolve => {
      // When nobody has its outputs any more: what the script started has ended, too.
      child.on('close', () => {
        this.#isEnded = true
        this.#script?.reject(this.#failure ?? this.#died())
        this.#script = undefined
        resolve()
      })
    })
  }

  /** No script can be run any more. */
  get isEnded(): boolean {
    return this.#isEnded
  }

  /** One at a time. `mark` is nobody else's. Rejects when the shell ends before the script does, and not before all of it has. */
  run(script: string, mark: string): Promise<ScriptResult> {
    if (script.includes('\0')) throw new TypeError('a script holds no NUL')
    if (this.#script !== undefined) throw new TypeError('a shell runs one script at a time')
    return new Promise((resolve, reject) => {
      this.#script = new RunningScript(mark, resolve, reject)
      if (this.#isEnded) return this.#script.reject(this.#died())
      this.#child.stdin.write(framed(script, mark))
    })
  }

  /** Ends the shell and what it runs. `why` is what the script under way fails with. */
  kill(why: BowlineError): void {
    const { pid } = this.#child
    if (this.#isEnded || pid === undefined) return
    this.#failure ??= why
    try {
      kill(-pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }

  /** Lets it end after the script under way. Resolves when it has. */
  async end(): Promise<void> {
    this.#child.stdin.end()
    await this.#ended
  }

  #take(stream: 'output' | 'complaint', text: string): void {
    const script = this.#script
    if (script === undefined) return
    script[stream].push(text)
    if (script.output.size > MAX_OUTPUT)
      return this.kill(
        new BowlineError('internal', `Cannot run a script: it printed more than ${MAX_OUTPUT} characters`),
      )
    if (script.settle()) this.#script = undefined
  }

  #died(): BowlineError {
    const { exitCode, signalCode } = this.#child
    const how = signalCode === null ? `with exit code ${exitCode}` : `by ${signalCode}`
    const complaint = this.#script?.complaint.text.trim()
    return new BowlineError(
      'unavailable',
      `Cannot finish a script: its shell was ended ${how}${complaint ? `: ${complaint}` : ''}`,
      { retryable: true },
    )
  }
}

/** The text as one word of a script. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** `eval`, so that an error of syntax ends the subshell only. */
function framed(script: string, mark: string): string {
  return `( eval ${quoted(script)} ) </dev/null; printf '\\n%s %d\\n' ${mark} $?; printf '\\n%s\\n' ${mark} >&2\n`
}

class RunningScript {
  readonly output: Received
  readonly complaint: Received
  readonly reject: (error: Error) => void
  readonly #resolve: (result: ScriptResult) => void

  constructor(mark: string, resolve: (result: ScriptResult) => void, reject: (error: Error) => void) {
    this.output = new Received(new RegExp(`\\n${mark} (\\d+)\\n$`), Number.POSITIVE_INFINITY)
    this.complaint = new Received(new RegExp(`\\n${mark}\\n$`), MAX_COMPLAINT)
    this.#resolve = resolve
    this.reject = reject
  }

  /** Whether it has ended and its caller was told. */
  settle(): boolean {
    const { end } = this.output
    if (end === undefined || this.complaint.end === undefined) return false
    this.#resolve({ code: Number(end[1]), output: this.output.text, complaint: this.complaint.text })
    return true
  }
}

/** Longer than any end. */
const TAIL = 100

/** What came of one output so far. */
class Received {
  size = 0
  readonly #end: RegExp
  readonly #kept: number
  readonly #parts: string[] = []
  #tail = ''

  constructor(end: RegExp, kept: number) {
    this.#end = end
    this.#kept = kept
  }

  push(text: string): void {
    if (this.size <= this.#kept) this.#parts.push(text)
    this.size += text.length
    this.#tail = (this.#tail + text).slice(-TAIL)
  }

  /** The end of the script, once it is there. */
  get end(): readonly string[] | undefined {
    return this.#end.exec(this.#tail) ?? undefined
  }

  /** Without the end. */
  get text(): string {
    const length = this.size - (this.end?.[0]?.length ?? 0)
    return this.#parts.join('').slice(0, Math.min(length, this.#kept))
  }
}
