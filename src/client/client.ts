import type { Kind, KubeObject } from '../kube/index.ts'
import type { Regaining } from './reachability.ts'

/** Narrows a read to some objects. All parts must hold. */
export interface Selection {
  /** Absent: all namespaces. */
  readonly namespace?: string
  /** In the API's text form: `app=web,tier in (a,b)`. */
  readonly labelSelector?: string
  /** In the API's text form: `spec.nodeName=host-1`. Only fields that the kind declares selectable. */
  readonly fieldSelector?: string
}

export interface ListOptions extends Selection {
  readonly limit?: number
  readonly continue?: string
  /** Absent: the newest. `0`: whatever the cache holds. Else not older than this. */
  readonly resourceVersion?: string
  readonly signal?: AbortSignal
}

export interface ObjectList<T extends KubeObject> {
  readonly items: readonly T[]
  /** Where to start a watch that misses nothing. */
  readonly resourceVersion: string
  readonly continue?: string
  readonly remainingItemCount?: number
}

/**
 * One object of a snapshot. What tells whether it has changed is known at once; the object itself may be made only when it is first
 * asked for.
 */
export interface Listed<T extends KubeObject> {
  /** `namespace/name`, or `name` for cluster-scoped kinds. */
  readonly key: string
  readonly resourceVersion: string
  /** Of an object that is made already. */
  readonly uid?: string | undefined
  readonly object: T
  /** False: none of these words is in its JSON, which may be known without the object. True: one may be. */
  mayMention(words: readonly string[]): boolean
}

/** All objects of one instant. */
export interface Snapshot<T extends KubeObject> {
  readonly entries: readonly Listed<T>[]
  /** Where to start a watch that misses nothing. */
  readonly resourceVersion: string
}

export interface WatchOptions extends Selection {
  /** Events after this version. Absent: first an ADDED for everything that is there. */
  readonly resourceVersion?: string
  readonly signal: AbortSignal
}

/** A BOOKMARK's object carries only `metadata.resourceVersion`. */
export interface WatchEvent<T extends KubeObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'
  readonly object: T
}

export interface GetOptions {
  readonly namespace?: string
  readonly signal?: AbortSignal
}

/** What every write may say. */
export interface WriteOptions {
  readonly namespace?: string
  /** `status`, `scale`, `binding`, `approval`, `finalize`; absent for the object itself. */
  readonly subresource?: string
  /** Who the fields belong to afterwards. Default: the client's own manager name. */
  readonly fieldManager?: string
  readonly dryRun?: boolean
  /** Default `Strict`. */
  readonly fieldValidation?: 'Ignore' | 'Warn' | 'Strict'
  readonly signal?: AbortSignal
}

/** A patch and the language it is written in. `apply` is server-side apply of a partial object. */
export type Patch =
  | { readonly type: 'json'; readonly body: readonly JsonPatchOperation[] }
  | { readonly type: 'merge' | 'strategic'; readonly body: { readonly [key: string]: unknown } }
  | { readonly type: 'apply'; readonly body: KubeObject; readonly force: boolean }

export interface JsonPatchOperation {
  readonly op: 'add' | 'remove' | 'replace' | 'move' | 'copy' | 'test'
  readonly path: string
  readonly from?: string
  readonly value?: unknown
}

export interface DeleteOptions {
  readonly namespace?: string
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
  readonly gracePeriodSeconds?: number
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
  readonly dryRun?: boolean
  readonly signal?: AbortSignal
}

/** Looking only. Every refusal is a `StatusError`; objects are frozen. */
export interface Reader {
  get<T extends KubeObject>(kind: Kind<T>, name: string, options?: GetOptions): Promise<T>
  list<T extends KubeObject>(kind: Kind<T>, options?: ListOptions): Promise<ObjectList<T>>
  /** Everything in one piece; absent where that would have to be carried over a wire, which is done by the page. */
  snapshot?<T extends KubeObject>(
    kind: Kind<T>,
    options: Selection & { readonly signal: AbortSignal },
  ): Promise<Snapshot<T>>
}

/**
 * Following. The iteration ends when the signal aborts or the server closes; it throws `Gone`/`Expired` when the version is too old.
 * One whose server may be away says when it is back.
 */
export interface Watcher extends Partial<Regaining> {
  watch<T extends KubeObject>(kind: Kind<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>
}

/** Changing. Each answers with the object as it is stored afterwards (or would be, for a dry run). */
export interface Writer {
  create<T extends KubeObject>(kind: Kind<T>, object: T, options?: WriteOptions): Promise<T>
  /** Replaces the object, or its subresource; a `metadata.resourceVersion` in it must be the newest (else `Conflict`). */
  update<T extends KubeObject>(kind: Kind<T>, object: T, options?: WriteOptions): Promise<T>
  patch<T extends KubeObject>(kind: Kind<T>, name: string, patch: Patch, options?: WriteOptions): Promise<T>
  /** Creates at an object's subresource, such as a Pod's `binding`. */
  createSubresource(
    kind: Kind,
    name: string,
    subresource: string,
    body: KubeObject,
    options?: WriteOptions,
  ): Promise<KubeObject>
  /** Resolves when the deletion is accepted; the object may still be ending. */
  delete(kind: Kind, name: string, options?: DeleteOptions): Promise<void>
}

/** The one interface through which anything touches cluster objects, in process and over HTTPS. */
export interface Client extends Reader, Watcher, Writer {}
