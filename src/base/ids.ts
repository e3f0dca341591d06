import { randomBytes, randomUUID } from 'node:crypto'

/** Where identity and chance come from; tests pass a seeded one. */
export interface Ids {
  /** A fresh UUID (v4), as Kubernetes gives its objects. */
  uid(): string
  /** `length` characters that Kubernetes would use in a generated name (default 5). */
  suffix(length?: number): string
  /** A number in [0, 1). */
  random(): number
}

/** No vowels and nothing that looks like another character, so that no word appears (apimachinery `util/rand`). */
const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'

/** Ids from the system's random source. */
export const systemIds: Ids = {
  uid: () => randomUUID(),
  suffix(length = 5) {
    let text = ''
    for (const byte of randomBytes(length)) text += SUFFIX_ALPHABET[byte % SUFFIX_ALPHABET.length]
    return text
  },
  random: () => Math.random(),
}
