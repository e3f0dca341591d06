import type { Pod } from '../../kube/index.ts'

/** Pods created or deleted in one go (upstream's BurstReplicas). */
export const BURST = 500

/** So many pods of one owner may wait for a node: more of them would wait as well, and fill the memory where a number was mistyped. */
const MAX_WAITING = 2_000

/** How many of the pods that an owner lacks may be made now, beside those that it has. Upstream bounds how many are made in a second. */
export function creatablePods(missing: number, pods: readonly Pod[]): number {
  const waiting = pods.filter(({ spec }) => !spec?.nodeName).length
  return Math.max(0, Math.min(missing, BURST, MAX_WAITING - waiting))
}

/** Why no more are made. */
export const TOO_MANY_WAIT: string = `${MAX_WAITING} pods wait for a node already: no more are made before one has one`
