import { applyDefaults, formatProblem, validateObject } from '../../src/kinds/index.ts'
import { findKind, type Kind, type KubeObject } from '../../src/kube/index.ts'

/** The problems of an object after its defaults, as one line each; with `old`, of an update of it. */
export function problemsOf(object: KubeObject, old?: KubeObject): readonly string[] {
  const kind = findKind(object.apiVersion, object.kind) as Kind
  const before = old === undefined ? undefined : applyDefaults(kind, old)
  return validateObject(kind, applyDefaults(kind, object), before).map(formatProblem)
}
