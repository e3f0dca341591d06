import { Cancellation } from '../../base/index.ts'
import type {
  Client,
  DeleteOptions,
  Listed,
  ListOptions,
  Selection,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from '../../client/index.ts'
import { type Kind, type KubeObject, objectKey, registryPrefix } from '../../kube/index.ts'
import { StoredEntry } from './cache/stored-entry.ts'
import type {
  DeletionOptions,
  Entry,
  Identity,
  ListQuery,
  MutationOptions,
  RequestContext,
  Verbs,
  WatchQuery,
} from './contract.ts'
import { badRequest } from './refusals.ts'

export interface InProcessClientOptions {
  /** Whom the fields that it writes belong to, where a call does not say. */
  readonly fieldManager: string
  /** Gets the `Warning` texts of a call that had some. */
  readonly onWarnings?: (warnings: readonly string[]) => void
}

/** A client for the server's own parts: the same verbs and the same authorization as over HTTPS, without the bytes. */
export function createInProcessClient(
  verbs: Verbs,
  identity: Identity,
  { fieldManager, onWarnings }: InProcessClientOptions,
): Client {
  /** Runs one call and hands its warnings on. */
  async function call<T>(
    signal: AbortSignal | undefined,
    action: (context: RequestContext) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted()
    const cancellation = new Cancellation()
    const context: RequestContext = {
      user: identity,
      warnings: [],
      get signal() {
        return signal ?? cancellation.signal
      },
      userAgent: fieldManager,
    }
    const answer = await action(context)
    if (context.warnings.length > 0) onWarnings?.(context.warnings)
    return answer
  }

  return {
    get: (kind, name, options = {}) =>
      call(options.signal, async context => {
        const namespace = placeOf(kind, options.namespace)
        return objectIn(kind, await verbs.get(context, kind, namespace, name, ''))
      }),
    list: (kind, options = {}) =>
      call(options.signal, async context => {
        const list = await verbs.list(context, kind, listQuery(options))
        return {
          items: list.entries.map(entry => objectIn(kind, entry)),
          resourceVersion: list.resourceVersion,
          ...(list.continue === '' ? {} : { continue: list.continue }),
          ...(list.remainingItemCount === undefined ? {} : { remainingItemCount: list.remainingItemCount }),
        }
      }),
    snapshot: (kind, { signal, ...selection }) =>
      call(signal, async context => {
        const { entries, resourceVersion } = await verbs.list(context, kind, listQuery(selection))
        return { entries: entries.map(entry => new ListedEntry(kind, entry)), resourceVersion }
      }),
    async *watch<T extends KubeObject>(kind: Kind<T>, options: WatchOptions): AsyncGenerator<WatchEvent<T>> {
      const { signal } = options
      if (signal.aborted) return
      try {
        const events = await call(signal, context => verbs.watch(context, kind, watchQuery(options)))
        for await (const { type, entry } of events) yield { type, object: objectIn(kind, entry) }
      } catch (error) {
        if (!signal.aborted) throw error
      }
    },
    create: (kind, object, options = {}) =>
      call(options.signal, async context => {
        const namespace = placeOf(kind, options.namespace ?? object.metadata.namespace)
        return objectIn(kind, await verbs.create(context, kind, namespace, object, mutation(options)))
      }),
    update: (kind, object, options = {}) =>
      call(options.signal, async context => {
        const { namespace, name = '' } = object.metadata
        const place = placeOf(kind, options.namespace ?? namespace)
        return objectIn(kind, await verbs.update(context, kind, place, name, object, mutation(options)))
      }),
    patch: (kind, name, patch, options = {}) =>
      call(options.signal, async context => {
        const request = { type: patch.type, body: patch.body, force: patch.type === 'apply' && patch.force }
        const place = placeOf(kind, options.namespace)
        return objectIn(
          kind,
          (await verbs.patch(context, kind, place, name, request, mutation(options))).entry,
        )
      }),
    createSubresource: (kind, name, subresource, body, options = {}) =>
      call(options.signal, context => {
        const place = placeOf(kind, options.namespace)
        return verbs.createSubresource(context, kind, place, name, subresource, body, mutation(options))
      }),
    delete: (kind, name, options = {}) =>
      call(options.signal, async context => {
        await verbs.delete(context, kind, placeOf(kind, options.namespace), name, deletion(options))
      }),
  }

  function mutation(options: WriteOptions): MutationOptions {
    return {
      subresource: options.subresource ?? '',
      fieldManager: options.fieldManager ?? fieldManager,
      fieldValidation: options.fieldValidation ?? 'Strict',
      dryRun: options.dryRun ?? false,
    }
  }
}

/** An entry of a list as one of a snapshot: its object is not made before somebody asks. */
class ListedEntry<T extends KubeObject> implements Listed<T> {
  readonly key: string
  readonly #kind: Kind<T>
  readonly #entry: Entry
  /** What was asked last, for it is asked again and again, and the answer. */
  #words: readonly string[] | undefined
  #mentions = true

  constructor(kind: Kind<T>, entry: Entry) {
    this.#kind = kind
    this.#entry = entry
    this.key = entry.key?.slice(registryPrefix(kind).length) ?? objectKey(entry.object)
  }

  get resourceVersion(): string {
    return this.#entry.resourceVersion
  }

  get object(): T {
    return objectIn(this.#kind, this.#entry)
  }

  mayMention(words: readonly string[]): boolean {
    if (this.#words === words) return this.#mentions
    this.#words = words
    this.#mentions = !(this.#entry instanceof StoredEntry) || this.#entry.mayMention(words)
    return this.#mentions
  }
}

/** Handles and objects belong together: what is under a kind's prefix is of its type. */
function objectIn<T extends KubeObject>(_kind: Kind<T>, entry: Entry): T {
  return entry.object as T
}

function placeOf(kind: Kind, namespace: string | undefined): string {
  if (!kind.namespaced) return ''
  if (!namespace) throw badRequest('an empty namespace may not be set when a resource name is provided')
  return namespace
}

function listQuery(options: ListOptions): ListQuery {
  return {
    ...selectionIn(options),
    limit: options.limit ?? 0,
    continue: options.continue ?? '',
    resourceVersion: options.resourceVersion ?? '',
    resourceVersionMatch: '',
  }
}

function watchQuery(options: WatchOptions): WatchQuery {
  return {
    ...selectionIn(options),
    resourceVersion: options.resourceVersion ?? '',
    allowWatchBookmarks: true,
    sendInitialEvents: false,
  }
}

function selectionIn(options: Selection): Pick<ListQuery, 'namespace' | 'labelSelector' | 'fieldSelector'> {
  return {
    namespace: options.namespace ?? '',
    labelSelector: options.labelSelector ?? '',
    fieldSelector: options.fieldSelector ?? '',
  }
}

function deletion(options: DeleteOptions): DeletionOptions {
  return {
    propagationPolicy: options.propagationPolicy ?? '',
    gracePeriodSeconds: options.gracePeriodSeconds,
    preconditionUid: options.preconditions?.uid ?? '',
    preconditionResourceVersion: options.preconditions?.resourceVersion ?? '',
    dryRun: options.dryRun ?? false,
  }
}
