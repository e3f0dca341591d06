import { fromStoredVersion, toStoredVersion } from '../../../kinds/index.ts'
import { isCustomKind, type Kind } from '../../../kube/index.ts'
import type { StoredEntry } from './stored-entry.ts'

const views = new WeakMap<StoredEntry, WeakMap<Kind, StoredEntry>>()

/**
 * An entry as a version of its kind shows it: a custom resource may be stored in another version, or from before its definition got a
 * default. Made once for all readers; the entry itself where there is no difference.
 */
export function viewOf(kind: Kind, entry: StoredEntry): StoredEntry {
  if (!isCustomKind(kind)) return entry
  const known = views.get(entry)
  const view = known?.get(kind)
  if (view !== undefined) return view
  const shown = fromStoredVersion(kind, entry.object)
  const isOutdated = toStoredVersion(kind, entry.object) !== entry.object
  const made = shown === entry.object && !isOutdated ? entry : entry.showing(shown, isOutdated)
  if (known === undefined) views.set(entry, new WeakMap([[kind, made]]))
  else known.set(kind, made)
  return made
}
