import type { HealthNow } from '../../apply/index.ts'
import { breathe } from '../../base/index.ts'
import { type Health, hasOwnHealth, inertReason } from '../../kinds/index.ts'
import { describeRef, findKind, type ObjectRef } from '../../kube/index.ts'
import type { DesiredObject } from '../source/app-target.ts'

/** Objects that one message names. */
const MAX_NAMED = 3

/**
 * How all objects of an app are doing, taken together. Only what was touched since the last look is judged again, and only kinds
 * whose health can change by waiting are judged at all.
 */
export class HealthTracker {
  readonly #judge: (ref: ObjectRef) => Health
  readonly #watchers = new Set<() => void>()
  readonly #judged = new Map<string, ObjectRef>()
  readonly #dirty = new Set<string>()
  /** What was written and does nothing, with the reason: nobody should take it for healthy. */
  readonly #inert = new Map<string, string>()
  /** What is healthy with a caveat, told beside it. */
  readonly #caveats = new Map<string, string>()
  /** Everything that is not healthy. */
  readonly #troubles = new Map<string, Trouble>()
  /** Those of them that will not become so by waiting. */
  readonly #failed = new Set<string>()
  #total = 0

  constructor(judge: (ref: ObjectRef) => Health) {
    this.#judge = judge
  }

  /**
   * The objects that count from now on, by `refKey`. With `keys` only these differ from those that counted before: declared
   * differently, no longer declared, or new.
   */
  expect(desired: ReadonlyMap<string, DesiredObject>, keys?: Iterable<string>): void {
    this.#total = desired.size
    if (keys === undefined)
      for (const key of [...this.#judged.keys(), ...this.#inert.keys()])
        if (!desired.has(key)) this.#forget(key)
    for (const key of keys ?? desired.keys()) {
      const ref = desired.get(key)?.ref
      const inert = ref === undefined ? undefined : describeInert(ref)
      if (ref === undefined) this.#forget(key)
      else if (inert !== undefined) this.#inert.set(key, inert)
      else if (hasOwnHealth(ref) && !this.#judged.has(key)) {
        this.#judged.set(key, ref)
        this.#dirty.add(key)
      }
    }
  }

  /** Something that the health of this object depends on has changed. */
  touch(key: string): void {
    if (!this.#judged.has(key)) return
    this.#dirty.add(key)
    for (const watcher of [...this.#watchers]) watcher()
  }

  /** Calls back whenever an object was touched; returns the function that ends it. */
  onTouch(watcher: () => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** Judges what was touched since the last look, a turn of the event loop at a time: of an app that is new that is everything. */
  async examine(): Promise<void> {
    for (const key of this.#dirty) {
      this.#dirty.delete(key)
      this.#examine(key)
      await breathe()
    }
  }

  /** Costs what was touched since the last look; the message is made when it is read, of what is known then. */
  look(): HealthNow {
    for (const key of this.#dirty) this.#examine(key)
    this.#dirty.clear()
    if (this.#troubles.size === 0) return { state: 'healthy', message: this.#describeHealthy() }
    const describe = (): string => this.#describeTroubles()
    return {
      state: this.#failed.size > 0 ? 'failed' : 'progressing',
      get message() {
        return describe()
      },
    }
  }

  #examine(key: string): void {
    const ref = this.#judged.get(key)
    if (ref === undefined) return
    const health = this.#judge(ref)
    if (health.caveat === undefined) this.#caveats.delete(key)
    else this.#caveats.set(key, `${describeRef(ref)} ${health.caveat}`)
    this.#note(key, health.state === 'healthy' ? undefined : { ref, health })
  }

  #forget(key: string): void {
    this.#judged.delete(key)
    this.#inert.delete(key)
    this.#caveats.delete(key)
    this.#note(key, undefined)
  }

  #note(key: string, trouble: Trouble | undefined): void {
    if (trouble === undefined) this.#troubles.delete(key)
    else this.#troubles.set(key, trouble)
    if (trouble?.health.state === 'failed') this.#failed.add(key)
    else this.#failed.delete(key)
  }

  #describeHealthy(): string {
    const healthy = this.#total - this.#inert.size - this.#caveats.size
    const words = healthy === 1 ? '1 object is healthy' : `${healthy} objects are healthy`
    const buts = [
      ...(this.#caveats.size === 0 ? [] : [joinNamed([...this.#caveats.values()], ', ')]),
      ...(this.#inert.size === 0
        ? []
        : [`nothing acts yet on ${joinNamed([...this.#inert.values()], ', on ')}`]),
    ]
    if (buts.length === 0) return words
    return [...(healthy === 0 ? [] : [words]), buts.join(', and ')].join(', but ')
  }

  #describeTroubles(): string {
    const troubles = [...this.#troubles.values()]
    const failed = troubles.filter(({ health }) => health.state === 'failed')
    return nameAll(failed.length > 0 ? failed : troubles)
  }
}

interface Trouble {
  readonly ref: ObjectRef
  readonly health: Health
}

function nameAll(troubles: readonly Trouble[]): string {
  return joinNamed(
    troubles.map(({ ref, health }) => `${describeRef(ref)}: ${health.reason}`),
    '; ',
  )
}

/** The first few, in an order that does not change, and how many more there are. */
function joinNamed(texts: readonly string[], separator: string): string {
  const named = [...texts].sort().slice(0, MAX_NAMED)
  const more = texts.length - named.length
  return `${named.join(separator)}${more > 0 ? `; and ${more} more` : ''}`
}

/** `Job shop/migrate (no controller makes pods of it)`; undefined for what does what it says. */
function describeInert(ref: ObjectRef): string | undefined {
  const kind = findKind(ref.apiVersion, ref.kind)
  const reason = kind === undefined ? undefined : inertReason(kind)
  return reason === undefined ? undefined : `${describeRef(ref)} (${reason})`
}
