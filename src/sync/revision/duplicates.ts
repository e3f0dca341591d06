import { LayeredMap } from '../../base/index.ts'
import { type Diagnostic, describePosition, describeRef } from '../../kube/index.ts'
import type { AppRevision, DesiredObject } from './revision.ts'

/** Objects by their keys; of those with one key the last. */
export function byKey(objects: readonly DesiredObject[]): LayeredMap<string, DesiredObject> {
  return LayeredMap.of(objects.map(desired => [desired.key, desired]))
}

/** Reports an object that an app declares more than once, at every place but the first. `declared` are the objects by key. */
export function findRepeats(objects: readonly DesiredObject[]): readonly Diagnostic[] {
  const first = new Map<string, DesiredObject>()
  const diagnostics: Diagnostic[] = []
  for (const desired of objects) {
    const earlier = first.get(desired.key)
    if (earlier === undefined) first.set(desired.key, desired)
    else diagnostics.push(repeat(desired, earlier, ''))
  }
  return diagnostics
}

/** What apps have to do with one another. */
export interface SharedObjects {
  readonly apps: readonly AppRevision[]
  /** Of the objects that more than one app declares. */
  readonly keys: ReadonlySet<string>
  /** By app name: each such object, to every app that declares it. */
  readonly diagnostics: ReadonlyMap<string, readonly Diagnostic[]>
}

/** Finds objects that more than one app declares. Costs what differs from the `earlier` apps, where there are any. */
export function findSharedObjects(apps: readonly AppRevision[], earlier?: SharedObjects): SharedObjects {
  const keys = new Set<string>()
  const diagnostics = new Map<string, Diagnostic[]>()
  const report = (app: string, diagnostic: Diagnostic): void => {
    diagnostics.set(app, [...(diagnostics.get(app) ?? []), diagnostic])
  }
  for (const key of apps.length < 2 ? [] : suspects(apps, earlier)) {
    const [owner, ...others] = apps.filter(({ declared }) => declared.has(key))
    const first = owner?.declared.get(key)
    if (owner === undefined || first === undefined) continue
    for (const { name, declared } of others) {
      const other = declared.get(key) as DesiredObject
      keys.add(key)
      report(name, repeat(other, first, ` by app ${owner.name}`))
      report(owner.name, repeat(first, other, ` by app ${name}`))
    }
  }
  return { apps, keys, diagnostics }
}

/** The keys among which are all that more than one app declares. Each is then looked for in every app. */
function suspects(apps: readonly AppRevision[], earlier: SharedObjects | undefined): ReadonlySet<string> {
  if (earlier === undefined) return declaredTwice(apps)
  const before = new Map(earlier.apps.map(app => [app.name, app]))
  const found = new Set(earlier.keys)
  for (const app of apps) {
    const old = before.get(app.name)
    if (old === app) continue
    for (const key of (old && app.declared.changedFrom(old.declared)) ?? app.declared.keys()) found.add(key)
  }
  const total = apps.reduce((sum, { declared }) => sum + declared.size, 0)
  return found.size * apps.length > total ? declaredTwice(apps) : found
}

function declaredTwice(apps: readonly AppRevision[]): ReadonlySet<string> {
  const seen = new Set<string>()
  const twice = new Set<string>()
  for (const { declared } of apps)
    for (const key of declared.keys())
      if (seen.has(key)) twice.add(key)
      else seen.add(key)
  return twice
}

function repeat(desired: DesiredObject, other: DesiredObject, by: string): Diagnostic {
  const what = describeRef(desired.ref)
  return {
    ...desired.source,
    code: 'duplicate-object',
    message: `${what} is also declared${by} in ${describePosition(other.source)}`,
    hint: 'keep one of the two, or give one another name or namespace',
  }
}
