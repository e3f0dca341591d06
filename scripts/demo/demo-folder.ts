import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Place } from './place.ts'

const PREFIX = 'bowline-demo-'
const STATE_FILE = 'demo.json'

/** What another process needs to end a demo that stayed. */
export interface DemoState {
  readonly place: Place
  /** The process of `bowline up`. */
  readonly pid: number
}

/** Everything that a demo writes is in one folder, readable by its owner only. */
export class DemoFolder {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  static async create(): Promise<DemoFolder> {
    const path = await mkdtemp(join(tmpdir(), PREFIX))
    await chmod(path, 0o700)
    return new DemoFolder(path)
  }

  /** The demos of this user that stayed. */
  static async findStaying(): Promise<readonly DemoFolder[]> {
    const names = (await readdir(tmpdir())).filter(name => name.startsWith(PREFIX))
    const folders = names.map(name => new DemoFolder(join(tmpdir(), name)))
    const states = await Promise.all(folders.map(folder => folder.readState()))
    return folders.filter((_, index) => states[index] !== undefined)
  }

  /** The random part of the folder's name. */
  get id(): string {
    return basename(this.path).slice(PREFIX.length)
  }

  get dataDir(): string {
    return join(this.path, 'data')
  }

  get kubeconfig(): string {
    return join(this.dataDir, 'kubeconfig')
  }

  get log(): string {
    return join(this.path, 'bowline.log')
  }

  async writeState(state: DemoState): Promise<void> {
    await writeFile(join(this.path, STATE_FILE), JSON.stringify(state), { mode: 0o600 })
  }

  /** Undefined for a folder that is no demo's or not this user's. */
  async readState(): Promise<DemoState | undefined> {
    const text = await readFile(join(this.path, STATE_FILE), 'utf8').catch(() => undefined)
    return text === undefined ? undefined : (JSON.parse(text) as DemoState)
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true, maxRetries: 5 })
  }
}
