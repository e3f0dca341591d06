import { cp, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Narrator } from './narrator.ts'
import type { Shell } from './shell.ts'

const EXAMPLE = resolve(import.meta.dirname, '../../examples/hello')
const FILE = 'hello.yaml'
const BRANCH = 'main'

/** A clone of the repository that the cluster follows, with the files of examples/hello. */
export class HelloRepository {
  readonly #shell: Shell
  readonly #narrator: Narrator
  #hasUpstream = false

  private constructor(shell: Shell, narrator: Narrator) {
    this.#shell = shell
    this.#narrator = narrator
  }

  /** Makes `hello.git`, which is what gets pushed to and what the cluster follows. */
  static async init(shell: Shell): Promise<void> {
    await shell.must('git', 'init', '--quiet', '--bare', 'hello.git')
    await shell
      .in(join(shell.folder, 'hello.git'))
      .quietly('git', 'symbolic-ref', 'HEAD', `refs/heads/${BRANCH}`)
  }

  /** Makes the work tree, with the files of the example; the image is the one that is at hand. */
  static async open(shell: Shell, narrator: Narrator, image: string | undefined): Promise<HelloRepository> {
    const folder = join(shell.folder, 'hello')
    await shell.must('git', 'init', '--quiet', 'hello')
    await shell.must('git', '-C', 'hello', 'remote', 'add', 'origin', '../hello.git')
    await cp(EXAMPLE, folder, { recursive: true })
    narrator.say('the files of examples/hello are copied into it')
    const inside = shell.in(folder)
    await inside.quietly('git', 'symbolic-ref', 'HEAD', `refs/heads/${BRANCH}`)
    await inside.quietly('git', 'config', 'user.name', 'Ada')
    await inside.quietly('git', 'config', 'user.email', 'ada@example.com')
    const repository = new HelloRepository(inside, narrator)
    if (image !== undefined) await repository.edit(/(?<=\bimage: ).*/, image)
    return repository
  }

  /** Where commands of a person run. */
  get shell(): Shell {
    return this.#shell
  }

  /** Changes one place of the manifest, shows it, and says in which line it is. */
  async edit(place: RegExp, text: string): Promise<number> {
    const path = join(this.#shell.folder, FILE)
    const lines = (await readFile(path, 'utf8')).split('\n')
    const index = lines.findIndex(line => place.test(line))
    const before = lines[index]
    if (before === undefined) throw new Error(`Cannot edit ${FILE}: nothing in it looks like ${place}`)
    const after = before.replace(place, text)
    lines[index] = after
    await writeFile(path, lines.join('\n'))
    this.#narrator.say(`edit ${FILE}:${index + 1}   ${before.trim()} → ${after.trim()}`)
    return index + 1
  }

  /** Commits everything and pushes it. */
  async push(message: string): Promise<void> {
    await this.#shell.must('git', 'add', '.')
    await this.#shell.must('git', 'commit', '--quiet', '--message', message)
    await this.#shell.must(
      'git',
      'push',
      '--quiet',
      ...(this.#hasUpstream ? [] : ['--set-upstream', 'origin', BRANCH]),
    )
    this.#hasUpstream = true
  }

  /** The full id of the newest commit. */
  async head(): Promise<string> {
    return await this.#shell.quietly('git', 'rev-parse', 'HEAD')
  }
}
