import type { Node } from '../../../kube/index.ts'

/** Upstream's label of nodes to which nothing outside the cluster is led; its value does not matter. */
const EXCLUDED = 'node.kubernetes.io/exclude-from-external-load-balancers'

/** Whether somebody took the node out of what leads traffic into the cluster. Cordoning it does not (cloud-provider `controllers/service`). */
export function isExcludedFromTraffic({ metadata }: Node): boolean {
  return Object.hasOwn(metadata.labels ?? {}, EXCLUDED)
}
