import { Broadcast, type Clock, type Logger, messageOf } from '../../base/index.ts'
import type { Informers, Lister } from '../../client/index.ts'
import { customKinds, isEstablished } from '../../kinds/index.ts'
import {
  apiVersionOf,
  type CustomResourceDefinition,
  findKind,
  isCustomKind,
  type Kind,
  Kinds,
  type KubeObject,
  type ObjectRef,
  type OwnerReference,
  objectKey,
  type PersistentVolumeClaim,
  type Pod,
  refKey,
  refOf,
} from '../../kube/index.ts'
import { type Root, WorkloadPods } from './workload-pods.ts'

/** One change of one live object. */
export interface LiveChange {
  readonly ref: ObjectRef
  /** Absent: it was deleted. */
  readonly object?: KubeObject
  /** Absent: it is new. */
  readonly previous?: KubeObject
}

/** A write whose effect the caches have to show. */
export interface SeenWrite {
  readonly ref: ObjectRef
  /** The version that the write made; absent when it deleted the object. */
  readonly resourceVersion?: string
}

/** Where an object is looked up. */
interface Place {
  readonly lister: Pick<Lister<KubeObject>, 'get' | 'versionOf'>
  readonly key: string
}

/** An object that is there now, and is made only when somebody looks at it. */
class Appearance implements LiveChange {
  readonly ref: ObjectRef
  readonly #place: Place

  constructor(kind: Kind, key: string, lister: Place['lister']) {
    const [name = '', namespace] = key.split('/').reverse()
    this.ref = {
      ...{ apiVersion: apiVersionOf(kind), kind: kind.kind },
      ...(namespace === undefined ? {} : { namespace }),
      name,
    }
    this.#place = { lister, key }
  }

  get object(): KubeObject {
    return this.#place.lister.get(this.#place.key) as KubeObject
  }
}

/** How far ownership is followed upwards; Pod → ReplicaSet → Deployment needs two. */
const MAX_OWNERS = 5

/** How long the caches may stay behind a write before that is no longer waited for. */
const CATCH_UP_MS = 5_000

/**
 * What the cluster holds, from watched caches: lookups by reference, owners, and one stream of changes. Kinds are followed from
 * the first time that somebody asks for them.
 */
export class LiveObjects {
  readonly #informers: Informers
  readonly #clock: Clock
  readonly #followed = new Set<string>()
  /** The kinds, as `apiVersion/kind`, that somebody asked for and definitions may define. */
  readonly #wanted = new Set<string>()
  /** Those of them that are defined. */
  readonly #defined = new Map<string, Kind>()
  /** When definitions are gone, by uid. */
  readonly #ends = new Map<string, { readonly promise: Promise<void>; readonly end: () => void }>()
  #followsDefinitions = false
  /** Where to look references up, for those that are asked about again and again. */
  readonly #places = new WeakMap<ObjectRef, Place>()
  readonly #workloads: WorkloadPods
  readonly #changes: Broadcast<LiveChange>

  constructor({
    informers,
    clock,
    log,
  }: { readonly informers: Informers; readonly clock: Clock; readonly log: Logger }) {
    this.#informers = informers
    this.#clock = clock
    this.#workloads = new WorkloadPods(object => this.#climb(object))
    this.#changes = new Broadcast(error =>
      log.error('A listener to live objects failed', { error: messageOf(error) }),
    )
  }

  /** Follows these kinds; resolves when all their objects are known. */
  async follow(kinds: Iterable<Kind>): Promise<void> {
    const synced: Promise<void>[] = []
    for (const kind of kinds) {
      if (isCustomKind(kind)) this.#wanted.add(nameOf(kind))
      else synced.push(this.#followKind(kind))
    }
    await Promise.all([...synced, this.#followDefined()])
  }

  /** Follows the kinds of these objects, those among them that are defined, now or later. */
  async followKindsOf(refs: Iterable<ObjectRef>): Promise<void> {
    const kinds: Kind[] = []
    for (const { apiVersion, kind } of refs) {
      const builtIn = findKind(apiVersion, kind)
      if (builtIn === undefined) this.#wanted.add(`${apiVersion}/${kind}`)
      else kinds.push(builtIn)
    }
    await this.follow(kinds)
  }

  /** The kind of an object; undefined for one that is neither built in nor defined in the cluster and followed. */
  kindOf({ apiVersion, kind }: Pick<ObjectRef, 'apiVersion' | 'kind'>): Kind | undefined {
    return findKind(apiVersion, kind) ?? this.#defined.get(`${apiVersion}/${kind}`)
  }

  /** A defined kind is followed once it is established: before that there is nothing of it, and nobody could say so. */
  async #followDefined(): Promise<void> {
    if (this.#wanted.size === 0) return
    const definitions = this.#informers.of(Kinds.CustomResourceDefinition)
    if (!this.#followsDefinitions) {
      this.#followsDefinitions = true
      const look = (definition: CustomResourceDefinition): void => void this.#followKindsIn(definition)
      definitions.subscribe({ added: look, updated: look, deleted: definition => this.#drop(definition) })
    }
    await definitions.synced
    await Promise.all(definitions.list().map(definition => this.#followKindsIn(definition)))
  }

  async #followKindsIn(definition: CustomResourceDefinition): Promise<void> {
    if (!isEstablished(definition) || definition.metadata.deletionTimestamp !== undefined) return
    const gone = this.#untilGone(definition)
    const synced: Promise<void>[] = []
    for (const kind of customKinds(definition)) {
      if (!this.#wanted.has(nameOf(kind)) || !kind.custom.isServed) continue
      this.#defined.set(nameOf(kind), kind)
      synced.push(this.#followKind(kind))
    }
    // What is deleted before its objects are known would never be.
    await Promise.race([Promise.all(synced), gone])
  }

  #untilGone({ metadata: { uid = '' } }: CustomResourceDefinition): Promise<void> {
    const known = this.#ends.get(uid)
    if (known !== undefined) return known.promise
    let end = (): void => undefined
    const promise = new Promise<void>(resolve => {
      end = resolve
    })
    this.#ends.set(uid, { promise, end })
    return promise
  }

  #drop(definition: CustomResourceDefinition): void {
    const { uid = '' } = definition.metadata
    this.#ends.get(uid)?.end()
    this.#ends.delete(uid)
    for (const kind of customKinds(definition)) this.#defined.delete(nameOf(kind))
  }

  #followKind(kind: Kind): Promise<void> {
    const informer = this.#informers.of(kind)
    if (!this.#followed.has(nameOf(kind))) {
      this.#followed.add(nameOf(kind))
      informer.subscribe({
        appeared: key => {
          if (this.#isAwaited(kind)) this.#publish(new Appearance(kind, key, informer))
        },
        updated: (object, previous) => this.#publish({ ref: refOf(object), object, previous }),
        deleted: previous => this.#publish({ ref: refOf(previous), previous }),
      })
    }
    return informer.synced
  }

  /** The live object, or undefined. Its kind must have been followed. */
  get(ref: ObjectRef): KubeObject | undefined {
    const place = this.#placeOf(ref)
    return place?.lister.get(place.key)
  }

  /** The `resourceVersion` of a live object, which is known without the object. */
  versionOf(ref: ObjectRef): string | undefined {
    const place = this.#placeOf(ref)
    return place?.lister.versionOf(place.key)
  }

  #placeOf(ref: ObjectRef): Place | undefined {
    const known = this.#places.get(ref)
    if (known !== undefined) return known
    const kind = this.kindOf(ref)
    if (kind === undefined) return undefined
    const metadata = { name: ref.name, ...(ref.namespace === undefined ? {} : { namespace: ref.namespace }) }
    const place = { lister: this.#informers.of(kind), key: objectKey({ metadata }) }
    // A definition may go and come again: where its objects are is asked anew each time.
    if (!isCustomKind(kind)) this.#places.set(ref, place)
    return place
  }

  /** The pods of a namespace. */
  pods(namespace: string): readonly Pod[] {
    return this.#informers.of(Kinds.Pod).list(namespace)
  }

  /** The claims of a namespace. */
  claims(namespace: string): readonly PersistentVolumeClaim[] {
    return this.#informers.of(Kinds.PersistentVolumeClaim).list(namespace)
  }

  /** Whether the garbage collector takes claims along when an object goes, other than those that end with each pod. */
  ownsClaims({ metadata: { namespace, uid } }: KubeObject): boolean {
    if (namespace === undefined || uid === undefined) return false
    return this.claims(namespace).some(claim => this.#isUnder(claim, uid, MAX_OWNERS))
  }

  #isUnder({ metadata }: KubeObject, uid: string, depth: number): boolean {
    return (metadata.ownerReferences ?? []).some(owner => {
      if (owner.uid === uid) return !isPod(owner)
      if (isPod(owner) || depth === 0) return false
      const next = this.get(ownerRef(owner, metadata.namespace, this.kindOf(owner)))
      return next?.metadata.uid === owner.uid && this.#isUnder(next, uid, depth - 1)
    })
  }

  /** The pods that run, or are ending, on behalf of an object. */
  podsOf(ref: ObjectRef): readonly Pod[] {
    return this.#workloads.podsOf(ref)
  }

  /** The object at the top of an object's chain of controllers; the object itself when nobody controls it. */
  rootOf(object: KubeObject): ObjectRef {
    return isPod(object) ? this.#workloads.rootOf(object as Pod) : this.#climb(object).ref
  }

  /** Returns the function that ends the subscription. */
  subscribe(listener: (change: LiveChange) => void): () => void {
    return this.#changes.subscribe(listener)
  }

  /**
   * Resolves when the caches show these writes, so that the next plan is made of what they led to; or, so that a watch that has
   * stopped cannot stop everything, after five seconds.
   */
  async catchUp(writes: readonly SeenWrite[], signal: AbortSignal): Promise<void> {
    const waiting = new Map<string, SeenWrite>()
    for (const write of writes) if (!this.#shows(write)) waiting.set(refKey(write.ref), write)
    if (waiting.size === 0 || signal.aborted) return
    await new Promise<void>(resolve => {
      const finish = (): void => {
        unsubscribe()
        cancel()
        signal.removeEventListener('abort', finish)
        resolve()
      }
      const unsubscribe = this.subscribe(({ ref }) => {
        const write = waiting.get(refKey(ref))
        if (write !== undefined && this.#shows(write)) waiting.delete(refKey(ref))
        if (waiting.size === 0) finish()
      })
      const cancel = this.#clock.after(CATCH_UP_MS, finish)
      signal.addEventListener('abort', finish, { once: true })
    })
  }

  #shows({ ref, resourceVersion }: SeenWrite): boolean {
    const live = this.get(ref)
    if (resourceVersion === undefined)
      return live === undefined || live.metadata.deletionTimestamp !== undefined
    return live !== undefined && Number(live.metadata.resourceVersion) >= Number(resourceVersion)
  }

  /** Whether it matters to anybody that an object of a kind appears: at a start, when all of them do, it rarely does. */
  #isAwaited({ group, kind }: Kind): boolean {
    if (this.#changes.size > 0) return true
    return group === 'apps' ? !this.#workloads.isEmpty : group === '' && kind === 'Pod'
  }

  #publish(change: LiveChange): void {
    const { ref, previous } = change
    if (!isPod(ref)) {
      if (previous === undefined) this.#workloads.settle(ref)
      return this.#changes.publish(change)
    }
    const { object } = change
    if (object !== undefined) this.#workloads.keep(object as Pod)
    this.#changes.publish(change)
    if (object === undefined && previous !== undefined) this.#workloads.forget(previous as Pod)
  }

  #climb(object: KubeObject): Root {
    let at = object
    for (let depth = 0; depth < MAX_OWNERS; depth += 1) {
      const owner = controllerOf(at)
      if (owner === undefined) return { ref: refOf(at), isKnown: true }
      const ref = ownerRef(owner, at.metadata.namespace, this.kindOf(owner))
      const next = this.get(ref)
      if (next === undefined || next.metadata.uid !== owner.uid) return { ref, isKnown: false }
      at = next
    }
    return { ref: refOf(at), isKnown: true }
  }
}

function nameOf(kind: Kind): string {
  return `${apiVersionOf(kind)}/${kind.kind}`
}

function isPod({ apiVersion, kind }: Pick<ObjectRef, 'apiVersion' | 'kind'>): boolean {
  return kind === 'Pod' && apiVersion === 'v1'
}

function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(owner => owner.controller === true)
}

/** An owner is in the namespace of what it owns, or has none. */
function ownerRef(owner: OwnerReference, namespace: string | undefined, kind: Kind | undefined): ObjectRef {
  const namespaced = kind?.namespaced ?? namespace !== undefined
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    ...(namespaced && namespace !== undefined ? { namespace } : {}),
    name: owner.name,
  }
}
