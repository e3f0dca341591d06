import { createHash } from 'node:crypto'
import { canonicalJson } from '../../base/index.ts'
import type { KubeObject } from '../../kube/index.ts'

/**
 * A short text that differs whenever what Git could say of a live object does. A status update leaves it as it is; of kinds without
 * a generation every change may matter.
 */
export function stampOf({ metadata }: KubeObject): string {
  const { uid, generation, resourceVersion = '' } = metadata
  if (generation === undefined) return resourceVersion
  const { labels, annotations, deletionTimestamp, finalizers, ownerReferences } = metadata
  const rest = canonicalJson({ labels, annotations, deletionTimestamp, finalizers, ownerReferences })
  return createHash('sha256').update(`${uid} ${generation} ${rest}`).digest('base64url').slice(0, 22)
}
