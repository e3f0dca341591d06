import type { Namespace } from '../../kube/generated/types.ts'
import type { KubeObject } from '../../kube/index.ts'
import type { Health } from './health.ts'

/** Healthy unless it is ending. */
export function namespaceHealth(object: KubeObject): Health {
  const { status } = object as Namespace
  return status?.phase === 'Terminating'
    ? { state: 'progressing', reason: 'is being deleted' }
    : { state: 'healthy', reason: '' }
}
