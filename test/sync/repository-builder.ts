import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** A folder that goes away when the test calls `remove`. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'bowline-sync-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) }
}

/** One process to start instead of three: that is costly from a large one such as a test's. */
const COMMIT =
  'git add -A && git commit -q --allow-empty --allow-empty-message --cleanup=verbatim -F - && git rev-parse HEAD'

/** A real repository with a work tree, driven by the git command as a person would. */
export class TestRepository {
  readonly path: string
  #clock = 1_700_000_000

  constructor(path: string, ...initOptions: string[]) {
    this.path = path
    mkdirSync(path, { recursive: true })
    this.git('init', '-q', '-b', 'main', ...initOptions)
  }

  git(...args: string[]): string {
    return this.gitWithInput('', ...args)
  }

  gitWithInput(input: string | Buffer, ...args: string[]): string {
    return this.#run(input, 'git', args)
  }

  #run(input: string | Buffer, program: string, args: readonly string[]): string {
    return execFileSync(program, args, {
      cwd: this.path,
      input,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
      maxBuffer: 64 * 1024 * 1024,
      env: {
        PATH: process.env.PATH,
        HOME: this.path,
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_AUTHOR_NAME: 'Ada',
        GIT_AUTHOR_EMAIL: 'ada@example.org',
        GIT_AUTHOR_DATE: `${this.#clock} +0130`,
        GIT_COMMITTER_NAME: 'Grace',
        GIT_COMMITTER_EMAIL: 'grace@example.org',
        GIT_COMMITTER_DATE: `${this.#clock} -0500`,
      },
    })
  }

  write(files: Readonly<Record<string, string | Buffer>>): void {
    for (const [name, content] of Object.entries(files)) {
      const file = join(this.path, name)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, content)
    }
  }

  /** Commits everything in the work tree, one second after the commit before; its id. */
  commit(message: string, files: Readonly<Record<string, string | Buffer>> = {}): string {
    this.write(files)
    this.#clock += 1
    return this.#run(message, 'sh', ['-c', COMMIT]).trim()
  }

  head(ref = 'HEAD'): string {
    return this.git('rev-parse', ref).trim()
  }
}
