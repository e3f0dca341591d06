import type { Clock } from '../../base/index.ts'
import { type ObjectRef, refKey } from '../../kube/index.ts'

/** Objects whose last writer is remembered; the oldest go first. */
const CAPACITY = 4_096

/** How long a write explains what is seen of the object; events follow writes within milliseconds. */
const EXPLAINS_MS = 30_000

/**
 * Which person last wrote an object through the API, for telling whose drift was repaired. Only what happened since the start is
 * known; a change that came from elsewhere has no writer here.
 */
export class WriteLog {
  readonly #clock: Clock
  readonly #writes = new Map<string, { readonly user: string; readonly at: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  note(ref: ObjectRef, user: string): void {
    const key = refKey(ref)
    this.#writes.delete(key)
    this.#writes.set(key, { user, at: this.#clock.now() })
    if (this.#writes.size <= CAPACITY) return
    for (const oldest of this.#writes.keys()) {
      this.#writes.delete(oldest)
      break
    }
  }

  /** Who wrote the object just now, if a person did. */
  writerOf(ref: ObjectRef): string | undefined {
    const write = this.#writes.get(refKey(ref))
    return write !== undefined && this.#clock.now() - write.at <= EXPLAINS_MS ? write.user : undefined
  }
}
