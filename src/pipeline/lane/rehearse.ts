import { applyPlan, type Outcome } from '../../apply/index.ts'
import type { Plan } from '../../diff/index.ts'
import { refKey } from '../../kube/index.ts'
import type { AppTarget } from '../source/app-target.ts'
import type { CarryOutParts } from './carry-out.ts'

/**
 * Whether all that a plan has to write is still refused as it was: then another attempt would say the same once more. Asked by dry runs,
 * which change nothing and need no record.
 */
export async function isRefusedAgain(
  plan: Plan,
  target: AppTarget,
  failed: readonly Outcome[],
  { client, clock, live, signal }: Pick<CarryOutParts, 'client' | 'clock' | 'live'> & { signal: AbortSignal },
): Promise<boolean> {
  const before = new Map(failed.map(({ ref, message }) => [refKey(ref), message]))
  const isNews = plan.changes.some(
    ({ action, ref }) => (action === 'create' || action === 'configure') && !before.has(refKey(ref)),
  )
  if (isNews) return false
  const outcomes = await applyPlan({
    ...{ plan, client, clock, signal, dryRun: true },
    desired: ref => target.desired.get(refKey(ref))?.object,
    live: ref => live.get(ref),
    kindOf: ref => target.desired.get(refKey(ref))?.kind ?? live.kindOf(ref),
    onOutcome: () => {},
  })
  const again = outcomes.filter(({ outcome }) => outcome === 'failed')
  const isSame = outcomes.every(({ outcome }) => outcome === 'failed' || outcome === 'skipped')
  return again.length > 0 && isSame && again.every(({ ref, message }) => before.get(refKey(ref)) === message)
}
