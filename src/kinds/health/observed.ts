import type { KubeObject } from '../../kube/index.ts'
import type { Health } from './health.ts'

/** Not yet seen by its controller: its status speaks of an older generation. Undefined when the status is up to date. */
export function notObserved(object: KubeObject, observedGeneration: number | undefined): Health | undefined {
  const { generation } = object.metadata
  if (generation === undefined || (observedGeneration ?? 0) >= generation) return undefined
  return { state: 'progressing', reason: `generation ${generation} is not observed yet` }
}
