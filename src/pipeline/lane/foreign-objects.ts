import { type Diagnostic, describePosition, describeRef } from '../../kube/index.ts'
import { scrub } from '../../sync/index.ts'
import type { ForeignOwner } from '../ownership.ts'
import type { AppTarget, DesiredObject } from '../source/app-target.ts'
import type { PlanParts } from './plan-target.ts'

/**
 * The objects, among those that are compared, that keep a target from being applied because an app of another repository has them: by `refKey`,
 * what to tell the author. The namespace that an app brings for its own objects is none of them: it is there, whoever brings it.
 */
export function foreignObjects(
  target: AppTarget,
  { ownership }: Pick<PlanParts, 'ownership'>,
  keys: Iterable<string>,
): ReadonlyMap<string, Diagnostic> {
  const found = new Map<string, Diagnostic>()
  for (const key of keys) {
    const desired = target.desired.get(key)
    if (desired?.blob === undefined) continue
    const owner = ownership.foreignOwner(key)
    if (owner !== undefined) found.set(key, describe(desired, owner))
  }
  return found
}

function describe({ ref, source }: DesiredObject, { entry, root }: ForeignOwner): Diagnostic {
  const { file, line, column } = source
  const name = root.metadata.name ?? ''
  const { repository, branch } = root.spec.source
  const led = entry.app === name ? '' : `root ${name}, `
  const owner = `app ${entry.app} (${led}${scrub(repository, undefined)}, branch ${branch})`
  return {
    ...{ file, line, column, code: 'foreign-object' },
    message: `${describeRef(ref)} belongs to ${owner} by ${describePosition(entry.source)}`,
    hint:
      'remove it from one of the two repositories: once the other has deleted it, this app goes on by itself; ' +
      `or end the other with \`kubectl delete app ${name}\`: what runs stays, and is this one's then`,
  }
}
