import type { ChildProcess } from 'node:child_process'
import { BowlineError } from '../../base/index.ts'
import { type GitBinary, spawnGit } from './git-binary.ts'
import type { GitObject, ObjectType } from './object.ts'
import { MAX_OBJECT_BYTES } from './object-database.ts'

/** An answer to one name: the object, `missing`, `ambiguous`, or that it is larger than allowed. */
type Answer =
  | { readonly kind: 'object'; readonly object: GitObject }
  | { readonly kind: 'missing' | 'ambiguous' }
  | { readonly kind: 'too-large'; readonly size: number }

interface Question {
  readonly name: string
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

/**
 * One kept `git cat-file --batch`: objects by name at about 0.05 ms each. Started when first asked, started again after it ended;
 * questions may overlap and are answered in order. `close` ends the process.
 */
export class CatFile {
  readonly #git: GitBinary
  readonly #gitDir: string
  readonly #questions: Question[] = []
  #child: ChildProcess | undefined
  #closed = false

  constructor(git: GitBinary, gitDir: string) {
    this.#git = git
    this.#gitDir = gitDir
  }

  /** Asks for an object by id or by a prefix of one. `name` must hold no line end. */
  ask(name: string): Promise<Answer> {
    if (/[\r\n\0]/.test(name)) throw new TypeError('an object name holds no line end')
    if (this.#closed) return Promise.reject(new BowlineError('aborted', 'Cannot read objects: closed'))
    return new Promise((resolve, reject) => {
      this.#questions.push({ name, resolve, reject })
      this.#running().stdin?.write(`${name}\n`)
    })
  }

  /** Ends the process; what was asked and not answered yet fails. */
  async close(): Promise<void> {
    this.#closed = true
    const child = this.#child
    if (child === undefined) return
    const ended = new Promise<void>(resolve => child.once('close', () => resolve()))
    child.kill('SIGKILL')
    await ended
  }

  #running(): ChildProcess {
    if (this.#child !== undefined) return this.#child
    const child = spawnGit(this.#git, ['cat-file', '--batch'], { gitDir: this.#gitDir })
    const reply = new ReplyParser(answer => this.#questions.shift()?.resolve(answer))
    let stderr = ''
    let failure: Error | undefined
    child.stdout?.on('data', (chunk: Buffer) => {
      try {
        reply.push(chunk)
      } catch (error) {
        failure = error as Error
        child.kill('SIGKILL')
      }
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString('utf8')).slice(-2000)
    })
    // A write to a process that just ended; `close` below tells the callers.
    child.stdin?.on('error', () => {})
    child.on('error', error => {
      failure = error
    })
    child.on('close', () => {
      this.#child = undefined
      const error = new BowlineError('bad-repository', `Cannot read objects: ${reason(stderr, failure)}`, {
        cause: failure,
        retryable: true,
      })
      for (const question of this.#questions.splice(0)) question.reject(error)
    })
    this.#child = child
    return child
  }
}

function reason(stderr: string, failure: Error | undefined): string {
  const line = stderr.trim().split('\n').at(-1)
  return line ? line.replace(/^(?:fatal|error): /, '') : (failure?.message ?? 'git ended')
}

interface Header {
  readonly oid: string
  readonly type: ObjectType
  readonly size: number
}

/** Parses the stream `<oid> SP <type> SP <size> LF <content> LF` … however it is cut into chunks. */
class ReplyParser {
  readonly #answer: (answer: Answer) => void
  /** Bytes of a header line that is not complete yet. */
  #line: Buffer = Buffer.alloc(0)
  #header: Header | undefined
  #parts: Buffer[] = []
  #received = 0

  constructor(answer: (answer: Answer) => void) {
    this.#answer = answer
  }

  push(chunk: Buffer): void {
    let rest = chunk
    while (rest.length > 0)
      rest = this.#header === undefined ? this.#takeHeader(rest) : this.#takeContent(rest)
  }

  #takeHeader(chunk: Buffer): Buffer {
    const end = chunk.indexOf(0x0a)
    if (end === -1) {
      this.#line = Buffer.concat([this.#line, chunk])
      return Buffer.alloc(0)
    }
    const line = Buffer.concat([this.#line, chunk.subarray(0, end)]).toString('utf8')
    this.#line = Buffer.alloc(0)
    const match = /^([0-9a-f]+) (blob|commit|tag|tree) (\d+)$/.exec(line)
    if (match !== null)
      this.#header = { oid: match[1] as string, type: match[2] as ObjectType, size: Number(match[3]) }
    else if (line.endsWith(' missing')) this.#answer({ kind: 'missing' })
    else if (line.endsWith(' ambiguous')) this.#answer({ kind: 'ambiguous' })
    else throw new BowlineError('corrupt', 'git cat-file answered with something else than an object')
    return chunk.subarray(end + 1)
  }

  /** Content and the line end after it; an object beyond the limit is read past without being kept. */
  #takeContent(chunk: Buffer): Buffer {
    const header = this.#header as Header
    const taken = Math.min(chunk.length, header.size + 1 - this.#received)
    if (header.size <= MAX_OBJECT_BYTES) this.#parts.push(chunk.subarray(0, taken))
    this.#received += taken
    if (this.#received === header.size + 1) {
      const { oid, type, size } = header
      const parts = this.#parts
      this.#header = undefined
      this.#parts = []
      this.#received = 0
      if (size > MAX_OBJECT_BYTES) this.#answer({ kind: 'too-large', size })
      else {
        const whole = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
        this.#answer({ kind: 'object', object: { oid, type, bytes: whole.subarray(0, size) } })
      }
    }
    return chunk.subarray(taken)
  }
}
