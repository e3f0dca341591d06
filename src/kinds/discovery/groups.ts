import { type Kind, reviewKinds } from '../../kube/index.ts'
import { compareVersions } from '../custom/versions.ts'
import { priorityOf } from './priorities.ts'

/** One served group in one version, and its kinds. */
export interface GroupVersion {
  /** `` for the core group. */
  readonly group: string
  readonly version: string
  readonly kinds: readonly Kind[]
}

const collected = new WeakMap<readonly Kind[], readonly GroupVersion[]>()

/**
 * The groups of these kinds by their priority, APIServices and the core group first. A group in two versions is two entries, the preferred
 * one first. Made once for the same list, which nobody may change afterwards.
 */
export function groupVersionsOf(kinds: readonly Kind[]): readonly GroupVersion[] {
  const known = collected.get(kinds)
  if (known !== undefined) return known
  const groups = collect(kinds)
  collected.set(kinds, groups)
  return groups
}

/** The group in that version; undefined when it is not served. */
export function findGroupVersion(
  kinds: readonly Kind[],
  group: string,
  version: string,
): GroupVersion | undefined {
  return groupVersionsOf(kinds).find(candidate => candidate.group === group && candidate.version === version)
}

function collect(kinds: readonly Kind[]): readonly GroupVersion[] {
  const found = new Map<string, { group: string; version: string; kinds: Kind[] }>()
  for (const kind of [...kinds, ...reviewKinds]) {
    const { group, version } = kind
    const key = `${group}/${version}`
    const entry = found.get(key) ?? { group, version, kinds: [] }
    entry.kinds.push(kind)
    found.set(key, entry)
  }
  return [...found.values()].sort(
    (a, b) => compareGroups(a.group, b.group) || compareVersions(a.version, b.version),
  )
}

/** As upstream's discovery: by priority, those of one priority by name. */
function compareGroups(a: string, b: string): number {
  if (a === b) return 0
  const [ofA, ofB] = [a, b].map(group => priorityOf(group, '').groupPriorityMinimum) as [number, number]
  return ofB - ofA || (a < b ? -1 : 1)
}
