import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { runOk } from './program.ts'

/** A file's text; null removes it. */
export type Files = Readonly<Record<string, string | null>>

const AUTHOR = { name: 'Ada Lovelace', email: 'ada@example.org' }

/** A bare repository that a server follows, and the clone of a person who pushes to it, with the real git. */
export class GitRepository {
  /** The bare repository. */
  readonly path: string
  /** The clone. */
  readonly clone: string
  readonly #home: string

  private constructor(folder: string) {
    this.path = join(folder, 'origin.git')
    this.clone = join(folder, 'clone')
    this.#home = folder
  }

  static async create(folder: string): Promise<GitRepository> {
    await mkdir(folder, { recursive: true })
    const repository = new GitRepository(folder)
    await runOk('git', ['init', '--quiet', '--bare', '--initial-branch', 'main', repository.path], {
      env: repository.env,
    })
    await runOk('git', ['clone', '--quiet', repository.path, repository.clone], { env: repository.env })
    await repository.git('checkout', '--quiet', '-b', 'main')
    return repository
  }

  get env(): Record<string, string> {
    return {
      HOME: this.#home,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: AUTHOR.name,
      GIT_AUTHOR_EMAIL: AUTHOR.email,
      GIT_COMMITTER_NAME: AUTHOR.name,
      GIT_COMMITTER_EMAIL: AUTHOR.email,
    }
  }

  async git(...args: readonly string[]): Promise<string> {
    return (await runOk('git', args, { cwd: this.clone, env: this.env })).trim()
  }

  /** Writes files, commits and pushes them. Answers with the commit's id. */
  async push(message: string, files: Files): Promise<string> {
    for (const [name, text] of Object.entries(files)) {
      const path = join(this.clone, name)
      await mkdir(dirname(path), { recursive: true })
      if (text === null) await rm(path)
      else await writeFile(path, text)
    }
    await this.git('add', '--all')
    await this.git('commit', '--quiet', '--message', message)
    await this.git('push', '--quiet', 'origin', 'main')
    return this.head()
  }

  head(): Promise<string> {
    return this.git('rev-parse', 'HEAD')
  }
}
