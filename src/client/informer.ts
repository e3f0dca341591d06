import { breathe, type Clock, deepEqual, type Ids, type Logger, messageOf } from '../base/index.ts'
import { type Kind, type KubeObject, objectKey, resourceName } from '../kube/index.ts'
import type { Listed, Reader, Selection, WatchEvent, Watcher } from './client.ts'
import { type IndexFunction, ObjectCache } from './object-cache.ts'
import { listed, Reflector, type ReflectorTarget } from './reflector.ts'

export interface InformerOptions<T extends KubeObject> extends Selection {
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>>
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/**
 * What happens to the objects of an informer. The cache shows a change before its handler is called, synchronously;
 * a handler that throws is logged and stops nobody.
 */
export interface InformerHandler<T extends KubeObject> {
  added?(object: T): void
  /** `added` may leave out what holds none of these words in its JSON: names of members, or whole values, as they are written. */
  readonly mentioning?: readonly string[]
  /** In place of `added`, with the key alone: for who can do without the object, which may have to be made first. */
  appeared?(key: string): void
  updated?(object: T, previous: T): void
  /** `object` is the last state known. */
  deleted?(object: T): void
}

/** A cache's looking side. Objects are frozen. */
export interface Lister<T extends KubeObject> {
  /** By `namespace/name`, or `name` for cluster-scoped kinds. */
  get(key: string): T | undefined
  /** The `resourceVersion` of an object, without the object. */
  versionOf(key: string): string | undefined
  list(namespace?: string): readonly T[]
  /** The objects under one value of an index. */
  byIndex(name: string, value: string): readonly T[]
}

/** A watched cache of the objects of one kind. */
export interface Informer<T extends KubeObject> extends Lister<T> {
  readonly kind: Kind<T>
  /** Resolves when the cache first holds all objects (the server's, or preloaded ones) and the handlers were told; never rejects. */
  readonly synced: Promise<void>
  readonly hasSynced: boolean
  /** As `synced`, by the server's list: what is not in the cache then is not there. Preloaded objects do not count. */
  readonly listed: Promise<void>
  /**
   * Makes the objects that are there and that nobody has asked for yet, a turn of the event loop at a time and after all work that is
   * waited for; with `mentioning` those that may hold one of these words. For who is about to look at all of them. Ends early, without a
   * word, when `signal` aborts.
   */
  complete(signal: AbortSignal, mentioning?: readonly string[]): Promise<void>
  /**
   * Adds an index, over what is there too. One of the same name is kept. With `mentioning` what holds none of these words has no value
   * in it.
   */
  addIndex(name: string, of: IndexFunction<T>, mentioning?: readonly string[]): void
  /**
   * Tells `handler` of what is there (as added) and then of every change, each once and in order: over any number of
   * reconnections it sees exactly the difference. Returns the function that ends it.
   */
  subscribe(handler: InformerHandler<T>): () => void
  /**
   * Takes over all objects as they were known before, for when the server does not answer: handlers are told of them, and the
   * server's list later changes what differs. Does nothing once there are objects.
   */
  preload(objects: readonly T[]): void
  /** Follows until `signal` aborts. Called once. */
  run(signal: AbortSignal): Promise<void>
}

/** An informer of the objects that the selection in `options` admits. It reads nothing before `run`. */
export function createInformer<T extends KubeObject>(
  client: Reader & Watcher,
  kind: Kind<T>,
  options: InformerOptions<T>,
): Informer<T> {
  return new CachingInformer(client, kind, options)
}

class CachingInformer<T extends KubeObject> implements Informer<T>, ReflectorTarget<T> {
  readonly kind: Kind<T>
  readonly synced: Promise<void>
  readonly listed: Promise<void>
  readonly #cache = new ObjectCache<T>()
  readonly #handlers = new Set<InformerHandler<T>>()
  readonly #reflector: Reflector<T>
  readonly #log: Logger
  #markSynced: () => void = () => {}
  #markListed: () => void = () => {}
  #hasSynced = false
  /** The server's list is being taken over, or was. */
  #isListed = false

  constructor(client: Reader & Watcher, kind: Kind<T>, options: InformerOptions<T>) {
    const { indexes = {}, clock, ids, log, ...selection } = options
    this.kind = kind
    this.#log = log
    this.synced = new Promise(resolve => {
      this.#markSynced = resolve
    })
    this.listed = new Promise(resolve => {
      this.#markListed = resolve
    })
    this.#reflector = new Reflector(client, kind, this, { selection, clock, ids, log })
    for (const [name, of] of Object.entries(indexes)) this.#cache.addIndex(name, of)
  }

  get hasSynced(): boolean {
    return this.#hasSynced
  }

  get(key: string): T | undefined {
    return this.#cache.get(key)?.object
  }

  versionOf(key: string): string | undefined {
    return this.#cache.get(key)?.resourceVersion
  }

  list(namespace?: string): readonly T[] {
    return namespace === undefined
      ? Array.from(this.#cache.entries(), ({ object }) => object)
      : this.#cache.inNamespace(namespace)
  }

  async complete(signal: AbortSignal, mentioning?: readonly string[]): Promise<void> {
    for (const entry of this.#cache.entries()) {
      if (mentioning === undefined || entry.mayMention(mentioning)) void entry.object
      await breathe('later')
      if (signal.aborted) return
    }
  }

  byIndex(name: string, value: string): readonly T[] {
    return this.#cache.byIndex(name, value)
  }

  addIndex(name: string, of: IndexFunction<T>, mentioning?: readonly string[]): void {
    this.#cache.addIndex(name, of, mentioning)
  }

  subscribe(handler: InformerHandler<T>): () => void {
    for (const entry of this.#cache.entries()) this.#call(() => tellOfNew(handler, entry))
    this.#handlers.add(handler)
    return () => this.#handlers.delete(handler)
  }

  preload(objects: readonly T[]): void {
    if (this.#hasSynced || this.#isListed) return
    for (const _ of this.#takeOver(objects.map(listed)));
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#reflector.run(signal)
  }

  async replace(entries: readonly Listed<T>[]): Promise<void> {
    this.#isListed = true
    for (const _ of this.#takeOver(entries)) await breathe()
    this.#markListed()
  }

  /** Stops after each object, so that others get their turn. */
  *#takeOver(entries: readonly Listed<T>[]): Iterable<void> {
    const gone = new Set(this.#cache.keys())
    for (const { key } of entries) gone.delete(key)
    for (const key of gone) yield this.#remove(key)
    for (const entry of entries) yield this.#put(entry)
    this.#hasSynced = true
    this.#markSynced()
  }

  change(event: WatchEvent<T>): void {
    if (event.type === 'DELETED') this.#remove(objectKey(event.object), event.object)
    else this.#put(listed(event.object))
  }

  #put(entry: Listed<T>): void {
    const known = this.#cache.get(entry.key)
    if (known !== undefined && isSame(known, entry)) return
    if (known !== undefined && known.object.metadata.uid !== entry.object.metadata.uid)
      this.#remove(entry.key)
    const previous = this.#cache.set(entry)
    if (previous === undefined) this.#tell(handler => tellOfNew(handler, entry))
    else this.#tell(handler => handler.updated?.(entry.object, previous.object))
  }

  #remove(key: string, last?: T): void {
    const previous = this.#cache.remove(key)
    if (previous !== undefined) this.#tell(handler => handler.deleted?.(last ?? previous.object))
  }

  #tell(tell: (handler: InformerHandler<T>) => void): void {
    // One who subscribes in the midst of this was told of the cache, which shows the change already.
    for (const handler of [...this.#handlers]) this.#call(() => tell(handler))
  }

  #call(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#log.error('a handler of changes failed', {
        resource: resourceName(this.kind),
        error: messageOf(error),
      })
    }
  }
}

/**
 * No two states of an object share a version. What is kept of a server that was made anew, or put back from a copy, may share it with another
 * object of that name, or another state; objects that are not made yet are of this process, whose store knows one.
 */
function isSame<T extends KubeObject>(known: Listed<T>, entry: Listed<T>): boolean {
  if (known.resourceVersion !== entry.resourceVersion) return false
  return known.uid === undefined || entry.uid === undefined || deepEqual(known.object, entry.object)
}

function tellOfNew<T extends KubeObject>(handler: InformerHandler<T>, entry: Listed<T>): void {
  if (handler.appeared !== undefined) handler.appeared(entry.key)
  else if (handler.mentioning === undefined || entry.mayMention(handler.mentioning))
    handler.added?.(entry.object)
}
