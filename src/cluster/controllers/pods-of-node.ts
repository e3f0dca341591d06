import type { IndexFunction } from '../../client/index.ts'
import type { Pod } from '../../kube/index.ts'

/** The index of pods by the node that they are on. */
export const NODE_INDEX = 'node'

export const byNode: IndexFunction<Pod> = ({ spec }) => (spec?.nodeName ? [spec.nodeName] : [])
