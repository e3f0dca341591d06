import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Narrator } from './narrator.ts'

/** The command line as `npm run build` made it. */
export const BOWLINE: string = resolve(import.meta.dirname, '../../dist/main.js')

/** Runs the commands of the story. */
export class Shell {
  readonly folder: string
  readonly environment: NodeJS.ProcessEnv
  readonly #narrator: Narrator
  readonly #signal: AbortSignal

  constructor(
    folder: string,
    {
      narrator,
      environment,
      signal,
    }: { readonly narrator: Narrator; readonly environment: NodeJS.ProcessEnv; readonly signal: AbortSignal },
  ) {
    this.folder = folder
    this.environment = environment
    this.#narrator = narrator
    this.#signal = signal
  }

  /** Shows a command, runs it with its output where the story is told, and answers with its exit code. */
  async show(...command: readonly string[]): Promise<number> {
    this.#narrator.command(display(command))
    const [file = '', ...args] = programOf(command)
    const child = spawn(file, args, {
      cwd: this.folder,
      env: this.environment,
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    const stop = (): void => void child.kill('SIGTERM')
    this.#signal.addEventListener('abort', stop, { once: true })
    try {
      const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
      this.#signal.throwIfAborted()
      if (signal !== null) throw new Error(`Cannot run \`${display(command)}\`: it ended by ${signal}`)
      return code ?? 1
    } finally {
      this.#signal.removeEventListener('abort', stop)
    }
  }

  /** Shows and runs a command that has to succeed. */
  async must(...command: readonly string[]): Promise<void> {
    const code = await this.show(...command)
    if (code !== 0) throw new Error(`Cannot go on: \`${display(command)}\` ended with ${code}`)
  }

  /** Runs a command that is no part of the story and has to succeed; its output without the line end. */
  async quietly(file: string, ...args: readonly string[]): Promise<string> {
    const options = { cwd: this.folder, env: this.environment, signal: this.#signal }
    const { stdout } = await promisify(execFile)(file, args, options)
    return stdout.trimEnd()
  }

  /** The same commands in another folder. */
  in(folder: string): Shell {
    return new Shell(folder, {
      narrator: this.#narrator,
      environment: this.environment,
      signal: this.#signal,
    })
  }
}

/** `bowline` is this checkout's. */
export function programOf(command: readonly string[]): readonly string[] {
  return command[0] === 'bowline' ? [BOWLINE, ...command.slice(1)] : command
}

/** As a person would type it. */
export function display(command: readonly string[]): string {
  return command
    .map(word => (/^[\w@%+=:,./~^-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ')
}

/**
 * The environment of every command: nothing of the user's own Git settings (signing, hooks, templates) and of a Git command
 * around the demo, and no cache outside of the demo's folder.
 */
export function storyEnvironment(folder: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(GIT_|BOWLINE_)/.test(name))
  return {
    ...Object.fromEntries(own),
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    BOWLINE_DATA_DIR: `${folder}/data`,
    KUBECONFIG: `${folder}/data/kubeconfig`,
    KUBECACHEDIR: `${folder}/kubectl-cache`,
  }
}
