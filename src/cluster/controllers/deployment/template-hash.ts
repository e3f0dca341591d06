import { canonicalJson, deepCopy, deepEqual } from '../../../base/index.ts'
import type { PodTemplateSpec } from '../../../kube/index.ts'

/** The label that tells the pods of a Deployment's revisions apart. */
export const TEMPLATE_HASH_LABEL = 'pod-template-hash'

/** apimachinery's `SafeEncodeString`: no vowels, nothing that looks like another character. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'

/**
 * A short text that is the same for equal templates whatever the order of their keys, and a legal part of a name.
 * `collisionCount` gives another text when the first one was taken by a different template.
 */
export function templateHash(template: PodTemplateSpec, collisionCount: number): string {
  const hash = fnv1a(`${canonicalJson(template)}${collisionCount > 0 ? collisionCount : ''}`)
  return [...String(hash)].map(digit => ALPHABET[digit.charCodeAt(0) % ALPHABET.length]).join('')
}

/** Whether two templates are the same but for the hash label. */
export function isSameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  return deepEqual(withoutHash(a), withoutHash(b))
}

function withoutHash(template: PodTemplateSpec | undefined): unknown {
  const copy = deepCopy(template ?? {}) as {
    metadata?: { labels?: Record<string, string>; creationTimestamp?: unknown }
  }
  const { labels, creationTimestamp, ...metadata } = copy.metadata ?? {}
  const { [TEMPLATE_HASH_LABEL]: _, ...rest } = labels ?? {}
  return { ...copy, metadata: { ...metadata, labels: rest } }
}

/** FNV-1a, 32 bits, over UTF-8. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}
