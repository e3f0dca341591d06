import type { PersistentVolumeClaim } from '../../kube/generated/types.ts'
import type { KubeObject } from '../../kube/index.ts'
import type { Health } from './health.ts'

/** Healthy once it has a volume; failed when that volume is gone. Whether anybody waits for the volume is not known here. */
export function claimHealth(object: KubeObject): Health {
  const { spec, status } = object as PersistentVolumeClaim
  switch (status?.phase) {
    case 'Bound':
      return { state: 'healthy', reason: `is bound to ${spec?.volumeName ?? 'a volume'}` }
    case 'Lost':
      return { state: 'failed', reason: `has lost its volume ${spec?.volumeName ?? ''}`.trim() }
    default:
      return { state: 'progressing', reason: 'waits for a volume' }
  }
}
