/** Objects of an app, by `refKey`, of which the inventory does not know yet that they are as they should. */
export class Unnoted {
  readonly #keys = new Set<string>()
  /** When their live objects were last heard of, the longest ago first. */
  readonly #heardAt = new Map<string, number>()

  add(keys: Iterable<string>): void {
    for (const key of keys) this.#keys.add(key)
  }

  /** A live object has changed; `now` in milliseconds. */
  hear(key: string, now: number): void {
    if (!this.#keys.has(key)) return
    this.#heardAt.delete(key)
    this.#heardAt.set(key, now)
  }

  /** Takes up to `limit` of all. */
  take(limit: number): readonly string[] {
    return this.#takeFrom(this.#keys, limit)
  }

  /** Takes up to `limit` of those that were heard of, but not since `time`: what is written is often written once more right after. */
  takeHeard(limit: number, time: number): readonly string[] {
    function* quiet(heardAt: ReadonlyMap<string, number>): Generator<string> {
      for (const [key, at] of heardAt) {
        if (at > time) return
        yield key
      }
    }
    return this.#takeFrom(quiet(this.#heardAt), limit)
  }

  #takeFrom(keys: Iterable<string>, limit: number): readonly string[] {
    const taken: string[] = []
    for (const key of keys) {
      if (taken.length >= limit) break
      taken.push(key)
    }
    for (const key of taken) {
      this.#keys.delete(key)
      this.#heardAt.delete(key)
    }
    return taken
  }
}
