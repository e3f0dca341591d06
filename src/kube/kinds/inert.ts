import type { Kind } from '../kind.ts'
import { definitionOf } from './kinds.ts'

/** What does not happen although objects of the kind are there: `no controller makes pods of it`; undefined for kinds that do what they say. */
export function inertReason(kind: Kind): string | undefined {
  return definitionOf(kind).inert
}
