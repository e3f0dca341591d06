import { type ObjectRef, refKey } from '../../kube/index.ts'
import type { ContainerChange } from '../live/container-changes.ts'

/** Who made a drift that nobody made through the API. */
export const UNKNOWN_ACTOR = 'unknown'

/** News of containers that wait for a record to tell them. */
const MAX_NEWS = 1_000

export interface Suspect {
  readonly ref: ObjectRef
  /** A user of the API, or `unknown`. */
  readonly actor: string
}

/** What was found since somebody last looked. */
export interface Findings {
  /** Objects that may differ from what Git says. */
  readonly suspects: readonly Suspect[]
  /** Who ended something that runs, if anybody or anything did. */
  readonly disturbers: readonly string[]
  /** The containers that started and stopped since the disturbance. */
  readonly containers: readonly ContainerNews[]
}

/** What happened to containers that run on behalf of a workload. */
export interface ContainerNews {
  readonly workload: ObjectRef
  readonly changes: readonly ContainerChange[]
}

/** Where an app may have drifted: collected while its lane is busy, taken when it looks. */
export class Suspects {
  readonly #suspects = new Map<string, Suspect>()
  readonly #disturbers = new Set<string>()
  readonly #watchers = new Set<() => void>()
  #containers: ContainerNews[] = []

  get isEmpty(): boolean {
    return this.#suspects.size === 0 && this.#disturbers.size === 0
  }

  /** The suspects, by `refKey`. */
  get keys(): Iterable<string> {
    return this.#suspects.keys()
  }

  get isDisturbed(): boolean {
    return this.#disturbers.size > 0
  }

  /** An object may differ from what Git says. The first known actor counts. */
  suspect(ref: ObjectRef, actor: string): void {
    const key = refKey(ref)
    const known = this.#suspects.get(key)
    if (known === undefined || known.actor === UNKNOWN_ACTOR) this.#suspects.set(key, { ref, actor })
    this.#tell()
  }

  /** Something that runs was ended, though neither Git nor a controller meant it to be. */
  disturb(actor: string): void {
    this.#disturbers.add(actor)
    this.#tell()
  }

  /** Containers that started or stopped after a disturbance. */
  addContainers(news: ContainerNews): void {
    if (this.#containers.length < MAX_NEWS) this.#containers.push(news)
  }

  take(): Findings {
    const findings = {
      suspects: [...this.#suspects.values()],
      disturbers: [...this.#disturbers],
      containers: this.#containers,
    }
    this.clear()
    return findings
  }

  clear(): void {
    this.#suspects.clear()
    this.#disturbers.clear()
    this.#containers = []
  }

  /** Calls back at every new finding; returns the function that ends it. */
  onNews(watcher: () => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  #tell(): void {
    for (const watcher of [...this.#watchers]) watcher()
  }
}

/** The users among these, or `unknown` when there is none. */
export function nameActors(actors: readonly string[]): string {
  const users = [...new Set(actors)].filter(actor => actor !== UNKNOWN_ACTOR)
  return users.length === 0 ? UNKNOWN_ACTOR : users.sort().join(', ')
}
