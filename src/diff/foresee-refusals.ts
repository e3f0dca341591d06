import { type FieldProblem, formatProblem, prepareForUpdate, validateObject } from '../kinds/index.ts'
import type { Kind, KubeObject } from '../kube/index.ts'

/**
 * What the API would refuse of a change because of what is there now, such as another value of a field that may never change: no
 * repetition of the write cures it. `predicted` is what the write would make of `live`.
 */
export function foreseeRefusals(
  kind: Kind,
  predicted: KubeObject,
  live: KubeObject,
): readonly FieldProblem[] {
  const next = prepareForUpdate(kind, predicted, live, '')
  const problems = validateObject(kind, next, live)
  if (problems.length === 0) return []
  const without = new Set(validateObject(kind, next).map(formatProblem))
  return problems.filter(problem => !without.has(formatProblem(problem)))
}
