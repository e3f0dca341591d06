import { createHash } from 'node:crypto'
import { canonicalJson } from '../../base/index.ts'
import type { Container } from '../../kube/index.ts'

/**
 * What identifies a running container's spec: a container whose hash differs is replaced. Only what can change in a living pod
 * counts, its name and image, as in kubelet: a new field or default of a later version must not restart every container.
 */
export function specHash({ name, image = '' }: Container): string {
  return createHash('sha256').update(canonicalJson({ image, name })).digest('hex').slice(0, 16)
}
