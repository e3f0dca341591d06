import type { Diagnostic, Kind, KubeObject, TextPosition } from '../../kube/index.ts'
import type { Commit } from '../git/object.ts'
import type { DeleteAllowance } from './trailers.ts'

/** One object that Git declares. */
export interface DesiredObject {
  /** As declared: namespace filled in, nulls gone, no default added. Frozen; the same object as long as its file and namespace are the same. */
  readonly object: KubeObject
  readonly kind: Kind
  /** `refKey` of the object. */
  readonly key: string
  readonly source: TextPosition & { readonly file: string }
}

/** What one app declares at one revision. */
export interface AppRevision {
  readonly name: string
  /** Where namespaced objects go that name no namespace. */
  readonly namespace: string
  /** The app's folder from the repository's root; `` for the root itself. */
  readonly folder: string
  /** The folder's tree: two revisions of an app with the same tree and the same namespace declare the same. */
  readonly treeOid: string
  /** In the order of files, then of their documents. With diagnostics: those that could be read. */
  readonly objects: readonly DesiredObject[]
  /** Not empty: the app is held at this revision. Sorted. */
  readonly diagnostics: readonly Diagnostic[]
}

/** A commit and what it declares. Frozen plain data but for the kinds' handles. */
export interface Revision {
  readonly commit: Commit
  /** The folder that was read, from the repository's root; `` for the root. */
  readonly folder: string
  /** Sorted by name. */
  readonly apps: readonly AppRevision[]
  /** Not empty: every app is held, and none may be taken for removed. Sorted. */
  readonly diagnostics: readonly Diagnostic[]
  /** What HEAD's own message allows to delete. */
  readonly allowDelete: DeleteAllowance | undefined
}

/** What differs in one app between two revisions. */
export interface AppChange {
  readonly name: string
  /** Objects that are new or declared differently (or stand elsewhere), as they are now. */
  readonly changed: readonly DesiredObject[]
  /** Objects that are no longer declared, as they were. */
  readonly removed: readonly DesiredObject[]
  /** True when what holds the app changed, or its namespace. */
  readonly status: boolean
}

export interface RevisionChange {
  /** Apps that are new or differ; all others declare exactly the same. */
  readonly apps: readonly AppChange[]
  /** Names of apps that are no longer there. */
  readonly removedApps: readonly string[]
}

/** What changed since `previous` (undefined: everything). Apps that were carried over as they are cost one comparison. */
export function changedSince(current: Revision, previous: Revision | undefined): RevisionChange {
  const before = new Map(previous?.apps.map(app => [app.name, app]))
  const apps: AppChange[] = []
  for (const app of current.apps) {
    const old = before.get(app.name)
    before.delete(app.name)
    if (app === old) continue
    const change = compareApps(app, old)
    if (change.changed.length > 0 || change.removed.length > 0 || change.status) apps.push(change)
  }
  return { apps, removedApps: [...before.keys()] }
}

function compareApps(app: AppRevision, old: AppRevision | undefined): AppChange {
  const gone = new Map(old?.objects.map(desired => [desired.key, desired]))
  const changed: DesiredObject[] = []
  for (const desired of app.objects) {
    const was = gone.get(desired.key)
    gone.delete(desired.key)
    if (was === undefined || !isSame(was, desired)) changed.push(desired)
  }
  const status =
    old === undefined ||
    old.namespace !== app.namespace ||
    old.diagnostics.length > 0 ||
    app.diagnostics.length > 0
  return { name: app.name, changed, removed: [...gone.values()], status }
}

function isSame(a: DesiredObject, b: DesiredObject): boolean {
  if (a === b) return true
  const [from, to] = [a.source, b.source]
  return a.object === b.object && from.file === to.file && from.line === to.line && from.column === to.column
}
