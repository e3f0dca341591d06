import type { ContainerStatus, SandboxStatus } from '../runtime/index.ts'

export interface ObservedPod {
  readonly sandboxes: readonly SandboxStatus[]
  readonly containers: readonly ContainerStatus[]
}

/**
 * What the runtime is known to hold, by pod: filled by lists, kept fresh by single looks in between. A list tells of the instant
 * when it was asked for; what was learned of an object since then is newer and stays.
 */
export class ObservedPods {
  readonly #counter = { version: 0 }
  readonly #sandboxes = new Facts<SandboxStatus>(this.#counter)
  readonly #containers = new Facts<ContainerStatus>(this.#counter)

  /** Call before asking for a list; hand the answer to {@link replace}. */
  beginList(): number {
    return this.#counter.version
  }

  /** Takes over a complete list. Returns the uids of the pods that look different now. */
  replace(
    since: number,
    sandboxes: readonly SandboxStatus[],
    containers: readonly ContainerStatus[],
  ): ReadonlySet<string> {
    return new Set([
      ...this.#sandboxes.replace(since, sandboxes),
      ...this.#containers.replace(since, containers),
    ])
  }

  setSandbox(sandbox: SandboxStatus): void {
    this.#sandboxes.set(sandbox)
  }

  /** The engine said that a sandbox has stopped. Returns whether it was known. */
  markStopped(id: string): boolean {
    const sandbox = this.#sandboxes.get(id)
    if (sandbox === undefined) return false
    const { ip: _, ...rest } = sandbox
    this.#sandboxes.set({ ...rest, state: 'not-ready' })
    return true
  }

  removeSandbox(id: string): void {
    this.#sandboxes.remove(id)
    for (const container of this.#containers.values())
      if (container.sandboxId === id) this.#containers.remove(container.id)
  }

  /** A container only ever goes from created to running to exited: an answer that came late changes nothing. */
  setContainer(container: ContainerStatus): void {
    const known = this.#containers.get(container.id)
    if (known === undefined || ORDER[known.state] <= ORDER[container.state]) this.#containers.set(container)
  }

  container(id: string): ContainerStatus | undefined {
    return this.#containers.get(id)
  }

  removeContainer(id: string): void {
    this.#containers.remove(id)
  }

  pod(uid: string): ObservedPod {
    return { sandboxes: this.#sandboxes.ofPod(uid), containers: this.#containers.ofPod(uid) }
  }

  /** Every pod of which there is anything. */
  uids(): ReadonlySet<string> {
    return new Set([...this.#sandboxes.values(), ...this.#containers.values()].map(({ pod }) => pod.uid))
  }
}

const ORDER: Readonly<Record<ContainerStatus['state'], number>> = { created: 0, running: 1, exited: 2 }

interface Fact {
  readonly id: string
  readonly pod: { readonly uid: string }
}

/** What is known of objects by id, each with the version at which it was learned. */
class Facts<T extends Fact> {
  readonly #known = new Map<string, { readonly value: T; readonly version: number }>()
  readonly #byPod = new Map<string, Set<string>>()
  /** Objects that are gone, so that an older list does not bring them back. */
  readonly #removed = new Map<string, number>()
  readonly #counter: { version: number }

  constructor(counter: { version: number }) {
    this.#counter = counter
  }

  get(id: string): T | undefined {
    return this.#known.get(id)?.value
  }

  values(): readonly T[] {
    return [...this.#known.values()].map(({ value }) => value)
  }

  ofPod(uid: string): readonly T[] {
    return [...(this.#byPod.get(uid) ?? [])].flatMap(id => this.get(id) ?? [])
  }

  set(value: T): void {
    this.#counter.version += 1
    this.#put(value)
  }

  remove(id: string): void {
    this.#counter.version += 1
    this.#removed.set(id, this.#counter.version)
    this.#drop(id)
  }

  replace(since: number, values: readonly T[]): ReadonlySet<string> {
    const changed = new Set<string>()
    const listed = new Map(values.map(value => [value.id, value]))
    for (const [id, { value, version }] of [...this.#known]) {
      if (listed.has(id) || version > since) continue
      changed.add(value.pod.uid)
      this.#drop(id)
    }
    for (const [id, value] of listed) {
      const known = this.#known.get(id)
      if ((known?.version ?? 0) > since || (this.#removed.get(id) ?? 0) > since) continue
      if (JSON.stringify(known?.value) === JSON.stringify(value)) continue
      changed.add(value.pod.uid)
      this.#put(value)
    }
    for (const [id, version] of this.#removed) if (version <= since) this.#removed.delete(id)
    return changed
  }

  #put(value: T): void {
    this.#known.set(value.id, { value, version: this.#counter.version })
    this.#removed.delete(value.id)
    let ids = this.#byPod.get(value.pod.uid)
    if (ids === undefined) {
      ids = new Set()
      this.#byPod.set(value.pod.uid, ids)
    }
    ids.add(value.id)
  }

  #drop(id: string): void {
    const known = this.#known.get(id)
    if (known === undefined) return
    this.#known.delete(id)
    const ids = this.#byPod.get(known.value.pod.uid)
    ids?.delete(id)
    if (ids?.size === 0) this.#byPod.delete(known.value.pod.uid)
  }
}
