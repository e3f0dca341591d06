import { applyDefaults, invalidError, storedKindOf, toStored, validateObject } from '../../../kinds/index.ts'
import type { Kind, KubeObject } from '../../../kube/index.ts'

/**
 * An object that was read and defaulted, as it is stored: the same one, but for kinds that show another kind's objects. There it must be good
 * in the form in which it came (its metadata is looked at with the stored object) and has the defaults of both.
 */
export function intoStored(kind: Kind, object: KubeObject, old: KubeObject | undefined): KubeObject {
  if (kind.storedAs === undefined) return object
  const problems = validateObject(kind, object, old).filter(({ path }) => !path.startsWith('metadata'))
  if (problems.length > 0) throw invalidError(kind, object.metadata.name ?? '', problems)
  return applyDefaults(storedKindOf(kind), toStored(kind, object))
}
