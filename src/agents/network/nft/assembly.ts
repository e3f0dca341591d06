import { Claims } from './claims.ts'
import type { Fragment, Ruleset } from './ruleset.ts'

/**
 * The ruleset that fragments of many owners make together. An owner that changes what it wants costs as much as its fragment holds, however
 * many others there are: with 5,000 services the rest is forty thousand elements. Of two owners that claim the same element the one
 * that came first has it.
 */
export class Assembly {
  readonly frame: string
  readonly #owners = new Map<string, { readonly order: number; readonly fragment: Fragment }>()
  readonly #chains = new Claims<readonly string[]>()
  readonly #sets = new Claims<string>()
  /** By the name of a set or map. */
  readonly #elements = new Map<string, Claims<string>>()
  #count = 0

  constructor(frame: string) {
    this.frame = frame
  }

  /** Takes what `owner` wants now in the place of what it wanted before. */
  put(owner: string, fragment: Fragment): void {
    const known = this.#owners.get(owner)
    if (known?.fragment === fragment) return
    const order = known?.order ?? this.#count++
    if (known !== undefined) this.#withdraw(known.fragment, order)
    this.#owners.set(owner, { order, fragment })
    for (const { name, rules } of fragment.chains ?? []) this.#chains.claim(name, order, rules)
    for (const { name, declaration } of fragment.sets ?? []) this.#sets.claim(name, order, declaration)
    for (const { of, key, value = '' } of fragment.elements ?? [])
      this.#elementsOf(of).claim(key, order, value)
  }

  remove(owner: string): void {
    const known = this.#owners.get(owner)
    if (known === undefined) return
    this.#owners.delete(owner)
    this.#withdraw(known.fragment, known.order)
  }

  /** The keys of a set or map. */
  keysOf(name: string): Iterable<string> {
    return this.#elements.get(name)?.names() ?? []
  }

  whole(): Ruleset {
    return this.#ruleset(claims => claims.all())
  }

  /** What was touched since the last `settle`, as it was then and as it is now; the rest, which is the same, is in neither. */
  changes(): { readonly before: Ruleset; readonly after: Ruleset } {
    return {
      before: this.#ruleset(claims => claims.before()),
      after: this.#ruleset(claims => claims.after()),
    }
  }

  /** What is wanted now is what later changes are told against. */
  settle(): void {
    this.#chains.settle()
    this.#sets.settle()
    for (const [name, claims] of this.#elements) {
      claims.settle()
      if (claims.isEmpty) this.#elements.delete(name)
    }
  }

  #withdraw({ chains = [], sets = [], elements = [] }: Fragment, order: number): void {
    for (const { name } of chains) this.#chains.withdraw(name, order)
    for (const { name } of sets) this.#sets.withdraw(name, order)
    for (const { of, key } of elements) this.#elementsOf(of).withdraw(key, order)
  }

  #elementsOf(name: string): Claims<string> {
    const known = this.#elements.get(name)
    if (known !== undefined) return known
    const fresh = new Claims<string>()
    this.#elements.set(name, fresh)
    return fresh
  }

  #ruleset(read: <V>(claims: Claims<V>) => ReadonlyMap<string, V>): Ruleset {
    const elements = new Map<string, ReadonlyMap<string, string>>()
    for (const [name, claims] of this.#elements) {
      const held = read(claims)
      if (held.size > 0) elements.set(name, held)
    }
    return { frame: this.frame, chains: read(this.#chains), sets: read(this.#sets), elements }
  }
}
