import type { LayeredMap } from '../../base/index.ts'
import type { Diagnostic, Kind, KubeObject, ObjectRef, TextPosition } from '../../kube/index.ts'
import type { Commit } from '../git/object.ts'
import type { DeleteAllowance } from './trailers.ts'

/** One object that Git declares. */
export interface DesiredObject {
  /**
   * As declared: namespace filled in, nulls gone, no default added. Frozen; the same object as long as its file and namespace are the
   * same. May be made only when it is asked for: whoever needs to know what it is takes `ref`.
   */
  readonly object: KubeObject
  readonly ref: ObjectRef
  readonly kind: Kind
  /** The id of the file's content: the same content declares the same of a `key`. */
  readonly blob: string
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
  /** The same by their `key`; without diagnostics none is there twice. */
  readonly declared: LayeredMap<string, DesiredObject>
  /** Of the objects. */
  readonly kinds: ReadonlySet<Kind>
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
  /** Whether it has objects of kinds that are not built in: other definitions in the cluster may make another revision of it. */
  readonly dependsOnDefinitions: boolean
  /** What HEAD's own message allows to delete. */
  readonly allowDelete: DeleteAllowance | undefined
}
