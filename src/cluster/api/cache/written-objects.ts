import type { KubeObject } from '../../../kube/index.ts'

/** Objects that are kept at most, and their bytes as JSON: what is under way and what followers have not looked at yet. */
const MAX_OBJECTS = 512
const MAX_BYTES = 4 << 20

/**
 * What was written last, by the very bytes that were stored for it. Who wrote and everybody who follows would each parse them again,
 * only to have what the writer had in hand. Holds so little that it does not matter whether anybody asks.
 */
class WrittenObjects {
  /** In the order in which they came. */
  readonly #objects = new Map<Uint8Array, KubeObject>()
  #bytes = 0

  /** `bytes` are `object` as JSON. From here on nobody may change it: it is frozen as soon as somebody asks for it. */
  remember(bytes: Uint8Array, object: KubeObject): void {
    this.#objects.set(bytes, object)
    this.#bytes += bytes.byteLength
    for (const oldest of this.#objects.keys()) {
      if (this.#objects.size <= MAX_OBJECTS && this.#bytes <= MAX_BYTES) return
      this.#objects.delete(oldest)
      this.#bytes -= oldest.byteLength
    }
  }

  /** `others` say the same of the object as `bytes`, if that is kept. */
  alias(bytes: Uint8Array, others: Uint8Array): void {
    const object = this.#objects.get(bytes)
    if (object !== undefined) this.remember(others, object)
  }

  /** The object of these very bytes, not of equal ones, frozen; undefined when it is not kept, or is not what parsing would give. */
  recall(bytes: Uint8Array): KubeObject | undefined {
    const object = this.#objects.get(bytes)
    return object !== undefined && freezeJson(object) ? object : undefined
  }
}

export const writtenObjects: WrittenObjects = new WrittenObjects()

/** Freezes a value and everything in it. False, with only part of it frozen, when JSON cannot say it as it is: a member may be undefined. */
function freezeJson(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value !== undefined
  if (Object.isFrozen(value)) return true
  for (const item of Object.values(value)) if (!freezeJson(item)) return false
  Object.freeze(value)
  return true
}
