import type { Engine } from './engine/engine.ts'
import {
  type ContainerInspect,
  inspectAll,
  inspectOwned,
  labelsOf,
  listIds,
  removeContainer,
} from './inspect.ts'
import { type ContainerType, type LabelMap, Labels, type Owner } from './names.ts'

/** What a container was made with, which never changes. */
export interface Made {
  readonly labels: LabelMap
  readonly hostname: string
  readonly tty: boolean
}

/**
 * One owner's containers in the engine, sandboxes included. What never changes of a container is asked for once: each question costs
 * the agent more than the engine, and a start or an end would ask several times.
 */
export class OwnContainers {
  readonly #engine: Engine
  readonly #owner: Owner
  readonly #made = new Map<string, Made>()

  constructor(engine: Engine, owner: Owner) {
    this.#engine = engine
    this.#owner = owner
  }

  /** How a container is now, by id or name; undefined when it does not exist or is not this owner's. */
  async inspect(idOrName: string): Promise<ContainerInspect | undefined> {
    const found = await inspectOwned(this.#engine, this.#owner, idOrName)
    if (found === undefined) this.#made.delete(idOrName)
    else this.#note(found)
    return found
  }

  /** How all of a type are now. */
  async inspectAll(type: ContainerType, signal?: AbortSignal): Promise<readonly ContainerInspect[]> {
    const before = [...this.#made].filter(([, { labels }]) => labels[Labels.type] === type)
    const found = await inspectAll(this.#engine, this.#owner, type, signal)
    const busy = new Set(found.filter(one => one.isListedOnly).map(one => one.Id))
    for (const [id] of before) if (!busy.has(id)) this.#made.delete(id)
    for (const one of found) if (!busy.has(one.Id)) this.#note(one)
    return found
  }

  /**
   * What a container was made with; undefined when it does not exist or is not this owner's. One that is gone may still be known: what
   * is done to it then fails with `not-found`.
   */
  async made(id: string): Promise<Made | undefined> {
    const known = this.#made.get(id)
    if (known !== undefined) return known
    const found = await this.inspect(id)
    return found && madeOf(found)
  }

  /** One was just created. */
  created(id: string, made: Made): void {
    this.#made.set(id, made)
  }

  /** The ids of those with these labels. */
  ids(labels: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
    return listIds(this.#engine, { ...labelsOf(this.#owner), ...labels })
  }

  /** Removes one that is known to be this owner's, running or not; gone already is fine. */
  async remove(id: string): Promise<void> {
    await removeContainer(this.#engine, id)
    this.#made.delete(id)
  }

  #note(found: ContainerInspect): void {
    this.#made.set(found.Id, madeOf(found))
  }
}

function madeOf({ Config: { Labels: labels, Hostname: hostname, Tty: tty } }: ContainerInspect): Made {
  return { labels, hostname, tty }
}
