import type { KubeObject } from '../../kube/index.ts'
import type { KeptLog } from './kept-log.ts'

/** Objects by key, in memory and on disk. */
export class KeptObjects {
  readonly #log: KeptLog
  readonly #maxObjects: number
  /** The one that was set longest ago comes first. */
  readonly #objects = new Map<string, KubeObject>()
  /** Resolves when what was kept by an earlier agent is here. */
  readonly loaded: Promise<void>

  constructor(log: KeptLog, { maxObjects }: { readonly maxObjects: number }) {
    this.#log = log
    this.#maxObjects = maxObjects
    this.loaded = this.#load()
  }

  get(key: string): KubeObject | undefined {
    return this.#objects.get(key)
  }

  set(key: string, object: KubeObject): void {
    this.#objects.delete(key)
    this.#objects.set(key, object)
    this.#log.set(key, `${object.metadata.uid ?? ''}/${object.metadata.resourceVersion ?? ''}`, object)
    for (const oldest of this.#objects.keys()) {
      if (this.#objects.size <= this.#maxObjects) break
      this.remove(oldest)
    }
  }

  remove(key: string): void {
    this.#objects.delete(key)
    this.#log.remove(key)
  }

  keepOnly(isWanted: (key: string) => boolean): void {
    for (const key of [...this.#objects.keys()]) if (!isWanted(key)) this.remove(key)
    this.#log.keepOnly(isWanted)
  }

  close(): Promise<void> {
    return this.#log.close()
  }

  async #load(): Promise<void> {
    for (const [key, object] of await this.#log.load())
      if (!this.#objects.has(key)) this.#objects.set(key, object as KubeObject)
  }
}
