import { FIELD_MANAGER } from '../apply/index.ts'
import { assemblePlan, type Plan } from '../diff/index.ts'
import { type ObjectRef, refKey } from '../kube/index.ts'
import type { AppTarget } from './app-target.ts'
import type { Inventory } from './inventory.ts'
import type { LiveObjects } from './live-objects.ts'

/**
 * The plan that makes an app equal to a target. With `candidates` only those objects are compared; what the revision declares
 * in all still counts for the hold rules.
 */
export function planTarget(
  target: AppTarget,
  { live, inventory }: { readonly live: LiveObjects; readonly inventory: Inventory },
  candidates?: readonly ObjectRef[],
): Plan {
  return assemblePlan({
    app: target.app,
    revision: target.commit.id,
    desired: [...target.desired.values()],
    live: ref => live.get(ref),
    inventory: inventory.entries(target.app).filter(({ ref }) => !movesAway(target, refKey(ref))),
    allowDelete: target.allowDelete,
    busyNamespaces: name => live.pods(name).some(pod => pod.status?.phase === 'Running'),
    manager: FIELD_MANAGER,
    ...(candidates === undefined ? {} : { candidates }),
  })
}

/** An object that left this app for another one of the same revision. */
export function movesAway(target: AppTarget, key: string): boolean {
  return !target.desired.has(key) && target.isClaimedElsewhere(key)
}
