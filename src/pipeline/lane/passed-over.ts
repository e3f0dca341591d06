import type { AppTarget } from '../source/app-target.ts'

/** Commits passed over that a record names; the newest of them, where there are more. */
const MAX_SKIPPED = 100

/** A target that takes the place of one that still waited: the commit of that one was passed over. */
export function withPassedOver(target: AppTarget, waiting: AppTarget | undefined): AppTarget {
  if (waiting === undefined || waiting.trigger === 'retry') return target
  const passed = [...waiting.skipped, waiting.commit.id, ...target.skipped]
  const skipped = [...new Set(passed)].filter(id => id !== target.commit.id).slice(-MAX_SKIPPED)
  return { ...target, skipped }
}
