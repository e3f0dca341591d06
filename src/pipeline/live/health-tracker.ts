import type { HealthNow } from '../../apply/index.ts'
import { describeRef, type Health, hasOwnHealth, type ObjectRef, refOf } from '../../kube/index.ts'
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
  #judged = new Map<string, ObjectRef>()
  readonly #dirty = new Set<string>()
  /** Everything that is not healthy. */
  readonly #troubles = new Map<string, { readonly ref: ObjectRef; readonly health: Health }>()
  #total = 0

  constructor(judge: (ref: ObjectRef) => Health) {
    this.#judge = judge
  }

  /** The objects that count from now on, by `refKey`. */
  expect(desired: ReadonlyMap<string, DesiredObject>): void {
    const judged = new Map<string, ObjectRef>()
    for (const [key, { object }] of desired) {
      const known = this.#judged.get(key)
      const ref = known ?? refOf(object)
      if (!hasOwnHealth(ref)) continue
      judged.set(key, ref)
      if (known === undefined) this.#dirty.add(key)
    }
    for (const key of this.#troubles.keys()) if (!judged.has(key)) this.#troubles.delete(key)
    this.#judged = judged
    this.#total = desired.size
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

  look(): HealthNow {
    for (const key of this.#dirty) this.#examine(key)
    this.#dirty.clear()
    const troubles = [...this.#troubles.values()]
    const failed = troubles.filter(({ health }) => health.state === 'failed')
    if (failed.length > 0) return { state: 'failed', message: nameAll(failed) }
    if (troubles.length > 0) return { state: 'progressing', message: nameAll(troubles) }
    return {
      state: 'healthy',
      message: this.#total === 1 ? '1 object is healthy' : `${this.#total} objects are healthy`,
    }
  }

  #examine(key: string): void {
    const ref = this.#judged.get(key)
    if (ref === undefined) return
    const health = this.#judge(ref)
    if (health.state === 'healthy') this.#troubles.delete(key)
    else this.#troubles.set(key, { ref, health })
  }
}

function nameAll(troubles: readonly { readonly ref: ObjectRef; readonly health: Health }[]): string {
  const named = troubles
    .map(({ ref, health }) => `${describeRef(ref)}: ${health.reason}`)
    .sort()
    .slice(0, MAX_NAMED)
  const more = troubles.length - named.length
  return `${named.join('; ')}${more > 0 ? `; and ${more} more` : ''}`
}
