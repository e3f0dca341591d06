import type { Kind, KubeObject } from '../../kube/index.ts'

/** Who asks. Groups decide: `system:masters`, `system:nodes`, `bowline:system`, … */
export interface Identity {
  readonly username: string
  readonly groups: readonly string[]
  /** Of ServiceAccounts: the object's uid. */
  readonly uid?: string
  /** What else the proof said, such as the pod that a token belongs to; lists of texts by key. */
  readonly extra?: { readonly [key: string]: readonly string[] }
}

/** What is asked, as an authorizer sees it. */
export interface Attributes {
  readonly user: Identity
  /** One of the kinds' verbs, or one that only authorization knows: `impersonate`, `bind`, `escalate`, `approve`, `sign`. */
  readonly verb: string
  /** What is asked is this path, which is no resource: `/version`. The fields of resources are empty then. */
  readonly path?: string
  readonly group: string
  readonly resource: string
  readonly subresource: string
  readonly namespace: string
  /** Empty for collections and for creates with a generated name. */
  readonly name: string
  /** The parsed field selector's requirements `field=value`, so that `spec.nodeName=x` can be judged. */
  readonly fieldSelector: string
}

export interface Decision {
  readonly allowed: boolean
  /** Why, in words for the person who asked. */
  readonly reason: string
}

/** Decides from what is in memory: it is asked at every request, several times at some. */
export interface Authorizer {
  authorize(attributes: Attributes): Decision
}

/** One write as admission sees it: defaulted, not yet validated. Patches and applies come as what they lead to. */
export interface AdmissionRequest {
  readonly user: Identity
  readonly verb: 'create' | 'delete' | 'update'
  readonly kind: Kind
  readonly subresource: string
  readonly namespace: string
  readonly name: string
  /** The object as it would be stored; undefined for a delete. */
  readonly object: KubeObject | undefined
  /** The object as it is stored; undefined for a create. */
  readonly old: KubeObject | undefined
}

/** Judges or completes a write before it is validated and stored. */
export interface Admission {
  /** The object to go on with (the same one, or a completed copy); a `StatusError` refuses. What it answers to a delete is ignored. */
  admit(request: AdmissionRequest): KubeObject | undefined
}

/** What travels with one request through the verbs. */
export interface RequestContext {
  readonly user: Identity
  /** Verbs and admission push `Warning: 299` texts here; the HTTP form sends them, the in-process client hands them on. */
  readonly warnings: string[]
  /** What the audit log is to know beside the request itself; absent: nothing is kept of it. */
  readonly audit?: AuditNotes | undefined
  /** May be made when it is first asked for: whoever passes a context on passes the object on, or names its parts. */
  readonly signal: AbortSignal
  /** The default of `fieldManager`: the product part of the User-Agent (`kubectl-create`, `node-fetch`, …). */
  readonly userAgent: string
}

/** Whoever may have to wait. The signal is asked for only when there is something to wait for. */
export type Abortable = Pick<RequestContext, 'signal'>

/** Filled while a request is worked on. */
export interface AuditNotes {
  readonly annotations: Map<string, string>
  /** What was made, where the path does not name it. */
  objectName: string
}

/** A stored object and its bytes, made once and shared by every reader and watcher. */
export interface Entry {
  /** The key in the store; absent for what is not in it as it is shown. */
  readonly key?: string
  /** Frozen, with `metadata.resourceVersion`. */
  readonly object: KubeObject
  /** The object as JSON; made, and kept, for who asks. */
  readonly bytes: Buffer
  /** About their number, where that is known without making them. */
  readonly size?: number
  readonly resourceVersion: string
}

export interface ListQuery {
  readonly namespace: string
  readonly labelSelector: string
  readonly fieldSelector: string
  /** 0: no limit. */
  readonly limit: number
  readonly continue: string
  /** `` newest, `0` any, n not older than n. */
  readonly resourceVersion: string
  readonly resourceVersionMatch: '' | 'Exact' | 'NotOlderThan'
}

export interface EntryList {
  readonly entries: readonly Entry[]
  readonly resourceVersion: string
  readonly continue: string
  readonly remainingItemCount: number | undefined
}

export interface WatchQuery {
  readonly namespace: string
  readonly labelSelector: string
  readonly fieldSelector: string
  /** `` or `0`: synthetic ADDED events for what is there first. */
  readonly resourceVersion: string
  readonly allowWatchBookmarks: boolean
  readonly sendInitialEvents: boolean
}

export interface EntryEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'
  readonly entry: Entry
}

export interface MutationOptions {
  readonly subresource: string
  readonly fieldManager: string
  readonly fieldValidation: 'Ignore' | 'Warn' | 'Strict'
  readonly dryRun: boolean
}

export interface DeletionOptions {
  readonly propagationPolicy: '' | 'Background' | 'Foreground' | 'Orphan'
  readonly gracePeriodSeconds: number | undefined
  readonly preconditionUid: string
  readonly preconditionResourceVersion: string
  readonly dryRun: boolean
}

/** A patch as it came in: `body` is parsed JSON (or YAML for `apply`). */
export interface PatchRequest {
  readonly type: 'json' | 'merge' | 'strategic' | 'apply'
  readonly body: unknown
  readonly force: boolean
}

/** The kinds that are served, and how requests find them. */
export interface KindIndex {
  /** Every served kind, by group and plural name; the same list as long as it does not change. */
  readonly all: readonly Kind[]
  /** Resolves when every definition of a kind that was acknowledged before counts. */
  fresh(caller: Abortable): Promise<void>
  /** The kind behind a URL's group, version and plural name, as new as any read; undefined when it is not served. */
  find(group: string, version: string, plural: string, caller: Abortable): Promise<Kind | undefined>
}

/**
 * The Kubernetes verbs over the store: authorization, admission, defaulting, validation, conflicts, subresources, patches.
 * Every refusal is a `StatusError`. `namespace` is `` for cluster-scoped kinds and for all namespaces.
 */
export interface Verbs {
  /** What is served; it changes while the server runs. */
  readonly kinds: KindIndex
  get(
    context: RequestContext,
    kind: Kind,
    namespace: string,
    name: string,
    subresource: string,
  ): Promise<Entry>
  list(context: RequestContext, kind: Kind, query: ListQuery): Promise<EntryList>
  watch(context: RequestContext, kind: Kind, query: WatchQuery): Promise<AsyncIterable<EntryEvent>>
  create(
    context: RequestContext,
    kind: Kind,
    namespace: string,
    body: unknown,
    options: MutationOptions,
  ): Promise<Entry>
  update(
    context: RequestContext,
    kind: Kind,
    namespace: string,
    name: string,
    body: unknown,
    options: MutationOptions,
  ): Promise<Entry>
  patch(
    context: RequestContext,
    kind: Kind,
    namespace: string,
    name: string,
    patch: PatchRequest,
    options: MutationOptions,
  ): Promise<{ readonly entry: Entry; readonly created: boolean }>
  /** `binding` of a pod, `approval`, …: a POST at an object's subresource. */
  createSubresource(
    context: RequestContext,
    kind: Kind,
    namespace: string,
    name: string,
    subresource: string,
    body: unknown,
    options: MutationOptions,
  ): Promise<KubeObject>
  /** `gone` is false while finalizers or a grace period keep the object. */
  delete(
    context: RequestContext,
    kind: Kind,
    namespace: string,
    name: string,
    options: DeletionOptions,
  ): Promise<{ readonly entry: Entry; readonly gone: boolean }>
  deleteCollection(
    context: RequestContext,
    kind: Kind,
    query: ListQuery,
    options: DeletionOptions,
  ): Promise<readonly Entry[]>
}
