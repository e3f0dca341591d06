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

/** Reports objects that more than one app declares, to each of these apps. By app name. */
export function findSharedObjects(apps: readonly AppRevision[]): ReadonlyMap<string, readonly Diagnostic[]> {
  if (apps.length < 2) return new Map()
  const owners = new Map<string, { readonly app: string; readonly desired: DesiredObject }>()
  const found = new Map<string, Diagnostic[]>()
  const report = (app: string, diagnostic: Diagnostic): void => {
    found.set(app, [...(found.get(app) ?? []), diagnostic])
  }
  for (const { name, objects } of apps)
    for (const desired of objects) {
      const owner = owners.get(desired.key)
      if (owner === undefined) owners.set(desired.key, { app: name, desired })
      else if (owner.app !== name) {
        report(name, repeat(desired, owner.desired, ` by app ${owner.app}`))
        report(owner.app, repeat(owner.desired, desired, ` by app ${name}`))
      }
    }
  return found
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
