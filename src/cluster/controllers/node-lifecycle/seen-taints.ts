import type { Clock } from '../../../base/index.ts'
import { formatMicroTime, type Node, type Taint } from '../../../kube/index.ts'

/**
 * The taints that evict, with the time since when they are there. Those that people set do not say it, and count from when they were first
 * seen here, as upstream's do.
 */
export class SeenTaints {
  readonly #clock: Clock
  /** By node, and there by taint. */
  readonly #seenAt = new Map<string, ReadonlyMap<string, string>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** What a node has now; what it has no more is forgotten. */
  of({ metadata: { name = '' }, spec }: Node): readonly Taint[] {
    const before = this.#seenAt.get(name)
    const seenAt = new Map<string, string>()
    const taints = (spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute')
    const dated = taints.map(taint => {
      if (taint.timeAdded !== undefined) return taint
      const text = `${taint.key}=${taint.value ?? ''}`
      const timeAdded = before?.get(text) ?? formatMicroTime(this.#clock.now())
      seenAt.set(text, timeAdded)
      return { ...taint, timeAdded }
    })
    if (seenAt.size > 0) this.#seenAt.set(name, seenAt)
    else this.#seenAt.delete(name)
    return dated
  }

  /** The node is gone. */
  forget(name: string): void {
    this.#seenAt.delete(name)
  }
}
