import { type ObjectRef, refKey } from '../kube/index.ts'

/** Objects whose last writer is remembered; the oldest go first. */
const CAPACITY = 4_096

/**
 * Who last wrote an object through the API, for telling whose drift was repaired. Only what happened since the start is known;
 * a change that came from elsewhere has no writer here.
 */
export class WriteLog {
  readonly #writers = new Map<string, string>()

  note(ref: ObjectRef, user: string): void {
    const key = refKey(ref)
    this.#writers.delete(key)
    this.#writers.set(key, user)
    if (this.#writers.size <= CAPACITY) return
    for (const oldest of this.#writers.keys()) {
      this.#writers.delete(oldest)
      break
    }
  }

  /** The last writer of the object, forgotten by asking: the next drift has its own. */
  take(ref: ObjectRef): string | undefined {
    const key = refKey(ref)
    const writer = this.#writers.get(key)
    this.#writers.delete(key)
    return writer
  }
}
