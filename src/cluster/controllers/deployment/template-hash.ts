import { deepEqual } from '../../../base/index.ts'
import type { PodTemplateSpec } from '../../../kube/index.ts'

/** The label that tells the pods of a Deployment's revisions apart. */
export const TEMPLATE_HASH_LABEL = 'pod-template-hash'

/** Whether two templates are the same but for the hash label. */
export function isSameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  return deepEqual(withoutHash(a), withoutHash(b))
}

function withoutHash(template: PodTemplateSpec | undefined): unknown {
  const { labels, creationTimestamp: _, ...metadata } = template?.metadata ?? {}
  const { [TEMPLATE_HASH_LABEL]: __, ...rest } = labels ?? {}
  return { ...template, metadata: { ...metadata, labels: rest } }
}
