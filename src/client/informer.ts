import { type Clock, type Ids, type Logger, messageOf } from '../base/index.ts'
import { type Kind, type KubeObject, objectKey, resourceName } from '../kube/index.ts'
import type { Reader, Selection, WatchEvent, Watcher } from './client.ts'
import { type IndexFunction, ObjectCache } from './object-cache.ts'
import { Reflector, type ReflectorTarget } from './reflector.ts'

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
  updated?(object: T, previous: T): void
  /** `object` is the last state known. */
  deleted?(object: T): void
}

/** A cache's looking side. Objects are frozen. */
export interface Lister<T extends KubeObject> {
  /** By `namespace/name`, or `name` for cluster-scoped kinds. */
  get(key: string): T | undefined
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
  /** Adds an index, over what is there too. One of the same name is kept. */
  addIndex(name: string, of: IndexFunction<T>): void
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
    this.#cache.addIndex(NAMESPACE_INDEX, object => [object.metadata.namespace ?? ''])
    for (const [name, of] of Object.entries(indexes)) this.#cache.addIndex(name, of)
  }

  get hasSynced(): boolean {
    return this.#hasSynced
  }

  get(key: string): T | undefined {
    return this.#cache.get(key)
  }

  list(namespace?: string): readonly T[] {
    return namespace === undefined
      ? [...this.#cache.values()]
      : this.#cache.byIndex(NAMESPACE_INDEX, namespace)
  }

  byIndex(name: string, value: string): readonly T[] {
    return this.#cache.byIndex(name, value)
  }

  addIndex(name: string, of: IndexFunction<T>): void {
    this.#cache.addIndex(name, of)
  }

  subscribe(handler: InformerHandler<T>): () => void {
    for (const object of this.list()) this.#call(() => handler.added?.(object))
    this.#handlers.add(handler)
    return () => this.#handlers.delete(handler)
  }

  preload(objects: readonly T[]): void {
    if (!this.#hasSynced) this.#takeOver(objects)
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#reflector.run(signal)
  }

  replace(objects: readonly T[]): void {
    this.#takeOver(objects)
    this.#markListed()
  }

  #takeOver(objects: readonly T[]): void {
    const gone = new Set(this.#cache.keys())
    for (const object of objects) gone.delete(objectKey(object))
    for (const key of gone) this.#remove(key)
    for (const object of objects) this.#put(object)
    this.#hasSynced = true
    this.#markSynced()
  }

  change(event: WatchEvent<T>): void {
    if (event.type === 'DELETED') this.#remove(objectKey(event.object), event.object)
    else this.#put(event.object)
  }

  #put(object: T): void {
    const key = objectKey(object)
    const known = this.#cache.get(key)
    if (known !== undefined && known.metadata.uid !== object.metadata.uid) this.#remove(key)
    else if (known !== undefined && known.metadata.resourceVersion === object.metadata.resourceVersion) return
    const previous = this.#cache.set(object)
    if (previous === undefined) this.#tell(handler => handler.added?.(object))
    else this.#tell(handler => handler.updated?.(object, previous))
  }

  #remove(key: string, last?: T): void {
    const previous = this.#cache.remove(key)
    if (previous !== undefined) this.#tell(handler => handler.deleted?.(last ?? previous))
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

const NAMESPACE_INDEX = 'metadata.namespace'
