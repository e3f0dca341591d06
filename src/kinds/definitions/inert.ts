import type { Kind } from '../../kube/index.ts'
import { definitionOf } from './definitions.ts'

/** What does not happen although objects of the kind are there: `no controller makes pods of it`; undefined for kinds that do what they say. */
export function inertReason(kind: Kind): string | undefined {
  return definitionOf(kind).inert
}
