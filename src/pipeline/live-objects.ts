import { Broadcast, type Logger, messageOf } from '../base/index.ts'
import type { Informers } from '../client/index.ts'
import {
  findKind,
  type Kind,
  Kinds,
  type KubeObject,
  type ObjectRef,
  type OwnerReference,
  objectKey,
  type Pod,
  refOf,
  resourceName,
} from '../kube/index.ts'

/** One change of one live object. */
export interface LiveChange {
  readonly ref: ObjectRef
  /** Absent: it was deleted. */
  readonly object?: KubeObject
  /** Absent: it is new. */
  readonly previous?: KubeObject
}

/** How far ownership is followed upwards; Pod → ReplicaSet → Deployment needs two. */
const MAX_OWNERS = 5

/**
 * What the cluster holds, from watched caches: lookups by reference, owners, and one stream of changes. Kinds are followed from
 * the first time that somebody asks for them.
 */
export class LiveObjects {
  readonly #informers: Informers
  readonly #followed = new Set<string>()
  readonly #changes: Broadcast<LiveChange>

  constructor({ informers, log }: { readonly informers: Informers; readonly log: Logger }) {
    this.#informers = informers
    this.#changes = new Broadcast(error =>
      log.error('A listener to live objects failed', { error: messageOf(error) }),
    )
  }

  /** Follows these kinds; resolves when all their objects are known. */
  async follow(kinds: Iterable<Kind>): Promise<void> {
    const synced: Promise<void>[] = []
    for (const kind of kinds) {
      const informer = this.#informers.of(kind)
      synced.push(informer.synced)
      if (this.#followed.has(resourceName(kind))) continue
      this.#followed.add(resourceName(kind))
      informer.subscribe({
        added: object => this.#changes.publish({ ref: refOf(object), object }),
        updated: (object, previous) => this.#changes.publish({ ref: refOf(object), object, previous }),
        deleted: previous => this.#changes.publish({ ref: refOf(previous), previous }),
      })
    }
    await Promise.all(synced)
  }

  /** The live object, or undefined. Its kind must have been followed. */
  get(ref: ObjectRef): KubeObject | undefined {
    const kind = findKind(ref.apiVersion, ref.kind)
    if (kind === undefined) return undefined
    const metadata = { name: ref.name, ...(ref.namespace === undefined ? {} : { namespace: ref.namespace }) }
    return this.#informers.of(kind).get(objectKey({ metadata }))
  }

  /** The pods of a namespace. */
  pods(namespace: string): readonly Pod[] {
    return this.#informers.of(Kinds.Pod).list(namespace)
  }

  /** The object at the top of an object's chain of controllers; the object itself when nobody controls it. */
  rootOf(object: KubeObject): ObjectRef {
    let at = object
    for (let depth = 0; depth < MAX_OWNERS; depth += 1) {
      const owner = controllerOf(at)
      if (owner === undefined) break
      const ref = ownerRef(owner, at.metadata.namespace)
      const next = this.get(ref)
      if (next === undefined || next.metadata.uid !== owner.uid) return ref
      at = next
    }
    return refOf(at)
  }

  /** Returns the function that ends the subscription. */
  subscribe(listener: (change: LiveChange) => void): () => void {
    return this.#changes.subscribe(listener)
  }
}

function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(owner => owner.controller === true)
}

/** An owner is in the namespace of what it owns, or has none. */
function ownerRef(owner: OwnerReference, namespace: string | undefined): ObjectRef {
  const namespaced = findKind(owner.apiVersion, owner.kind)?.namespaced ?? namespace !== undefined
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    ...(namespaced && namespace !== undefined ? { namespace } : {}),
    name: owner.name,
  }
}
