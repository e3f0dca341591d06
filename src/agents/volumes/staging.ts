import { createHash } from 'node:crypto'
import {
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rmdir,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { type Logger, messageOf } from '../../base/index.ts'
import { mountsAt, runMount } from './mount.ts'

export interface StagingOptions {
  /** A folder of the host for the mounts of its agents, such as `/run/bowline-mounts`. */
  readonly parent: string
  /** Whose mounts they are. */
  readonly dataDir: string
  readonly log: Logger
}

/** In an agent's folder: the folder that it mounts in, and whose it is. */
const MOUNTS = 'mounts'
const OWNER = 'data-dir'

/**
 * Mounts of what the agent found, for the engine to mount into a container. The engine takes a path, and who can write there can have
 * put a link in its place since the agent looked; nobody but root can touch these. Each lasts from before its container is made until
 * that has started and has a mount of its own, so that there is nothing to adopt and little to clear up.
 *
 * They are in a file system of their own: to an engine that does not see the agent's mounts nothing is there, and it says so. What is
 * mounted is never removed by descending into it.
 */
export class Staging {
  readonly #parent: string
  readonly #dataDir: string
  readonly #home: string
  readonly #log: Logger
  #mounts: Promise<string | undefined> | undefined

  constructor({ parent, dataDir, log }: StagingOptions) {
    this.#parent = parent
    this.#dataDir = dataDir
    this.#home = join(parent, createHash('sha256').update(dataDir).digest('hex').slice(0, 16))
    this.#log = log
  }

  /** Ends the mounts of this agent's earlier runs, and of agents whose data is gone. Before anything is staged. */
  async clear(): Promise<void> {
    for (const name of await readdir(this.#parent).catch(() => [])) {
      const home = join(this.#parent, name)
      const owner = await readFile(join(home, OWNER), 'utf8').catch(() => undefined)
      const isGone = owner !== undefined && (await lstat(owner).catch(() => undefined)) === undefined
      if (home === this.#home || isGone) await clearHome(home)
    }
    this.#mounts = undefined
  }

  /**
   * Mounts what a handle holds, with all that is mounted below it, as the number `index` of `container`. Undefined where this agent
   * may not mount.
   */
  async stage(container: string, index: number, found: FileHandle): Promise<string | undefined> {
    this.#mounts ??= this.#open()
    const mounts = await this.#mounts
    if (mounts === undefined) return undefined
    const folder = join(mounts, container)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const target = join(folder, String(index))
    await bind(found, target)
    return target
  }

  /** Ends what is staged for a container; nothing is fine. */
  async unstage(container: string): Promise<void> {
    const mounts = await this.#mounts
    if (mounts === undefined) return
    const folder = join(mounts, container)
    const names = await readdir(folder).catch(() => [])
    if (names.length === 0) return
    try {
      await unbind(names.map(name => join(folder, name)))
      await rmdir(folder)
    } catch (error) {
      this.#log.warn('what was staged for a container is still mounted', {
        folder,
        error: messageOf(error),
      })
    }
  }

  async #open(): Promise<string | undefined> {
    try {
      await mkdir(this.#home, { recursive: true, mode: 0o700 })
      await writeFile(join(this.#home, OWNER), this.#dataDir, { mode: 0o600 })
      const mounts = join(await realpath(this.#home), MOUNTS)
      await mkdir(mounts, { mode: 0o700 })
      await runMount('mount', ['-t', 'tmpfs', '-o', 'mode=0700,size=1m', 'bowline', mounts])
      await tryOut(mounts)
      return mounts
    } catch (error) {
      this.#log.warn(
        'this agent may not mount: a pod that swaps folders for links while another pod starts could lead that pod elsewhere on this host',
        { error: messageOf(error) },
      )
      await clearHome(this.#home)
      return undefined
    }
  }
}

async function clearHome(home: string): Promise<void> {
  const mounts = join(await realpath(home).catch(() => home), MOUNTS)
  while ((await mountsAt(path => path === mounts)).length > 0) {
    // What is mounted below may be known elsewhere too, and must not go there with it.
    await runMount('mount', ['--make-rprivate', mounts])
    await runMount('umount', ['-l', mounts])
  }
  await rmdir(mounts).catch(() => {})
  await unlink(join(home, OWNER)).catch(() => {})
  await rmdir(home).catch(() => {})
}

/** Not every `mount` can do what is needed here. */
async function tryOut(mounts: string): Promise<void> {
  const handle = await open(mounts, 'r')
  try {
    await bind(handle, join(mounts, 'trial'))
  } finally {
    await handle.close()
  }
  await unbind([join(mounts, 'trial')])
}

/** Private: nothing that is mounted or unmounted below appears or goes anywhere else. */
async function bind(found: FileHandle, target: string): Promise<void> {
  if ((await found.stat()).isDirectory()) await mkdir(target, { mode: 0o700 })
  else await writeFile(target, '', { mode: 0o600, flag: 'wx' })
  // The child has the handle as its first descriptor behind the usual three, and must not ask what path it has by now.
  const source = '/proc/self/fd/3'
  await runMount('mount', ['--no-canonicalize', '--rbind', '--make-rprivate', source, target], found)
}

/** What could not be mounted is removed all the same; what is mounted still cannot be. */
async function unbind(targets: readonly string[]): Promise<void> {
  const failure = await runMount('umount', ['-l', ...targets]).catch((error: unknown) => error)
  for (const target of targets)
    await rmdir(target).catch(() => unlink(target).catch(error => Promise.reject(failure ?? error)))
}
