import { canonicalJson } from '../../base/index.ts'

/** apimachinery's `SafeEncodeString`: no vowels, nothing that looks like another character. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'

/**
 * A short text that is the same for equal values whatever the order of their keys, and a legal part of a name.
 * `collisionCount` gives another text when the first one was taken by a different value.
 */
export function shortHash(value: unknown, collisionCount: number): string {
  const hash = fnv1a(`${canonicalJson(value)}${collisionCount > 0 ? collisionCount : ''}`)
  return [...String(hash)].map(digit => ALPHABET[digit.charCodeAt(0) % ALPHABET.length]).join('')
}

/** FNV-1a, 32 bits, over UTF-8. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}
