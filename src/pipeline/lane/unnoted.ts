/** Objects of an app, by `refKey`, of which the inventory does not know that they are as they should, in their present version. */
export class Unnoted {
  readonly #unheard = new Set<string>()
  /** When their live objects changed last, the longest ago first. */
  readonly #heardAt = new Map<string, number>()

  /** Of these nothing was noted, whatever becomes of the live objects. */
  add(keys: Iterable<string>): void {
    for (const key of keys) if (!this.#heardAt.has(key)) this.#unheard.add(key)
  }

  /** A live object has changed; `now` in milliseconds. */
  hear(key: string, now: number): void {
    this.#unheard.delete(key)
    this.#heardAt.delete(key)
    this.#heardAt.set(key, now)
  }

  /** Some live object has changed. */
  get hasHeard(): boolean {
    return this.#heardAt.size > 0
  }

  /** Takes up to `limit` of those whose live objects have not changed so far. */
  takeUnheard(limit: number): readonly string[] {
    const taken = first(this.#unheard, limit)
    for (const key of taken) this.#unheard.delete(key)
    return taken
  }

  /** Takes up to `limit` of those whose live objects have changed, but not after `time`. */
  takeHeard(limit: number, time: number): readonly string[] {
    const taken = first(until(this.#heardAt, time), limit)
    for (const key of taken) this.#heardAt.delete(key)
    return taken
  }
}

function* until(heardAt: ReadonlyMap<string, number>, time: number): Generator<string> {
  for (const [key, at] of heardAt) {
    if (at > time) return
    yield key
  }
}

function first(keys: Iterable<string>, limit: number): readonly string[] {
  const taken: string[] = []
  for (const key of keys) {
    if (taken.length >= limit) break
    taken.push(key)
  }
  return taken
}
