import type { Kind } from '../kind.ts'
import { allKinds } from '../kinds/kinds.ts'
import { reviewKinds } from '../kinds/reviews.ts'

/** One served group in one version, and its kinds. */
export interface GroupVersion {
  /** `` for the core group. */
  readonly group: string
  readonly version: string
  readonly kinds: readonly Kind[]
}

/** The served groups, the core group first. A group in two versions is two entries, the preferred one first. */
export const groupVersions: readonly GroupVersion[] = collect()

/** The group in that version; undefined when it is not served. */
export function findGroupVersion(group: string, version: string): GroupVersion | undefined {
  return groupVersions.find(candidate => candidate.group === group && candidate.version === version)
}

function collect(): readonly GroupVersion[] {
  const found = new Map<string, { group: string; version: string; kinds: Kind[] }>()
  for (const kind of [...allKinds, ...reviewKinds]) {
    const { group, version } = kind
    const key = `${group}/${version}`
    const entry = found.get(key) ?? { group, version, kinds: [] }
    entry.kinds.push(kind)
    found.set(key, entry)
  }
  return [...found.values()]
}
