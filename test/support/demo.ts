import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { readdir, readFile, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const DEMO = resolve('scripts/demo.mjs')

export interface DemoEnd {
  readonly code: number | null
  readonly output: string
}

/** A demo on its way. */
export interface RunningDemo {
  readonly child: ChildProcess
  readonly ended: Promise<DemoEnd>
  /** Resolves when the output has it; rejects when the demo has ended without. */
  said(text: RegExp): Promise<void>
}

/** Runs `npm run demo` with a folder of temporary files of its own, so that whatever it leaves is found. */
export class DemoStage {
  readonly #temporary = mkdtempSync(join(tmpdir(), 'bowline-demo-test-'))

  run(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<DemoEnd> {
    return this.start(args, environment).ended
  }

  start(args: readonly string[], environment: NodeJS.ProcessEnv = {}): RunningDemo {
    const child = spawn(process.execPath, [DEMO, ...args], {
      env: { ...process.env, TMPDIR: this.#temporary, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    let look: () => void = () => undefined
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk
        look()
      })
    const ended = new Promise<DemoEnd>(resolve => child.once('close', code => resolve({ code, output })))
    return {
      child,
      ended,
      said: text =>
        new Promise((resolve, reject) => {
          look = () => {
            if (text.test(output)) resolve()
          }
          void ended.then(() => reject(new Error(`The demo ended without saying ${text}: ${output}`)))
          look()
        }),
    }
  }

  /** Files of the demo, and processes that know of them. */
  async leftovers(): Promise<readonly string[]> {
    const folder = this.#temporary
    const found = [...(await readdir(folder))]
    for (const pid of await readdir('/proc')) {
      if (!/^\d+$/.test(pid)) continue
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '')
      if (command.includes(`${folder}/`) || cwd.startsWith(`${folder}/`)) found.push(`${pid}: ${command}`)
    }
    return found
  }

  async remove(): Promise<void> {
    await rm(this.#temporary, { recursive: true, force: true })
  }
}
