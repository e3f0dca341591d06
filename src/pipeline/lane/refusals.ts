import { type Change, holdsData, type Plan } from '../../diff/index.ts'
import type { FieldProblem } from '../../kinds/index.ts'
import { type Diagnostic, describeRef, findKind, type ObjectRef, refKey } from '../../kube/index.ts'
import type { AppTarget, DesiredObject } from '../source/app-target.ts'

/** Tells problems of a declared object at the fields of its file; nothing when the file cannot be read at present. */
export type PlaceProblems = (
  desired: DesiredObject,
  problems: readonly FieldProblem[],
  hint: string,
) => Promise<readonly Diagnostic[]>

/** Why the API would refuse some of a plan for good: all of that, each at its field. Empty: as far as is known, nothing. */
export async function refusalsOf(
  { changes }: Plan,
  { desired }: AppTarget,
  place: PlaceProblems,
): Promise<readonly Diagnostic[]> {
  const found = changes.filter(isRefused).map(async ({ ref, source, refusals }) => {
    const hint = hintFor(ref)
    const declared = desired.get(refKey(ref))
    const placed = declared === undefined ? [] : await place(declared, refusals, hint)
    if (placed.length > 0 || source === undefined) return placed
    const message = `${describeRef(ref)}: ${refusals.map(({ path }) => path).join(', ')} cannot be changed`
    return [{ ...source, code: 'refused-change' as const, message, hint }]
  })
  return (await Promise.all(found)).flat()
}

/** Whether the API would refuse a change for good. */
export function isRefused(change: Change): change is Change & Required<Pick<Change, 'refusals'>> {
  return change.refusals !== undefined
}

function hintFor(ref: ObjectRef): string {
  const { apiVersion, kind, namespace, name } = ref
  const others = 'put the old value back, or give the object another name'
  if (holdsData(ref)) return `${others}; whoever deletes this one loses the data`
  const word = findKind(apiVersion, kind)?.singular ?? kind.toLowerCase()
  const place = namespace === undefined ? '' : ` --namespace ${namespace}`
  return `${others}, or delete it, and it is made anew: kubectl delete ${word} ${name}${place}`
}
