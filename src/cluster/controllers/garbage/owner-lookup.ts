import { type Client, type Informer, type Informers, ifFound } from '../../../client/index.ts'
import { groupOf, type KubeObject, type OwnerReference, storedKinds } from '../../../kube/index.ts'
import type { InstanceInformers } from '../custom-resources/instance-informers.ts'

/** Owners known to be gone, by uid; uids never come back. Bounded as upstream's cache. */
const REMEMBERED = 500

/** What an owner reference points at. `unknown`: a kind that is not served; nothing is ever deleted for such an owner. */
export type Owner =
  | { readonly state: 'present'; readonly object: KubeObject }
  | { readonly state: 'absent' }
  | { readonly state: 'unknown' }

/** Finds owners by cache, and asks the server before it calls one absent: the cache may lag behind, or ahead of, the truth. */
export class OwnerLookup {
  readonly #client: Client
  readonly #informers: Informers
  readonly #instances: InstanceInformers
  readonly #absent = new Set<string>()

  constructor(client: Client, informers: Informers, instances: InstanceInformers) {
    this.#client = client
    this.#informers = informers
    this.#instances = instances
  }

  /** The owner is gone for good, whether or not its kind is still there to be asked. */
  noteAbsent(uid: string): void {
    this.#remember(uid)
  }

  async find(reference: OwnerReference, namespace: string | undefined): Promise<Owner> {
    if (this.#absent.has(reference.uid)) return { state: 'absent' }
    const informer = this.#informerOf(reference)
    const kind = informer?.kind
    // An owner in a namespace cannot own what is in none: nobody could say where to look for it.
    if (informer === undefined || kind === undefined || (kind.namespaced && namespace === undefined))
      return { state: 'unknown' }
    const key = kind.namespaced ? `${namespace}/${reference.name}` : reference.name
    const cached = informer.get(key)
    if (cached?.metadata.uid === reference.uid) return { state: 'present', object: cached }
    const live = await ifFound(
      this.#client.get(kind, reference.name, kind.namespaced && namespace !== undefined ? { namespace } : {}),
    )
    if (live?.metadata.uid === reference.uid) return { state: 'present', object: live }
    this.#remember(reference.uid)
    return { state: 'absent' }
  }

  /** References name a version, but any version of the group serves. */
  #informerOf({ apiVersion, kind }: OwnerReference): Informer<KubeObject> | undefined {
    const group = groupOf(apiVersion)
    const builtIn = storedKinds.find(one => one.group === group && one.kind === kind)
    return builtIn === undefined ? this.#instances.find(group, kind) : this.#informers.of(builtIn)
  }

  #remember(uid: string): void {
    this.#absent.add(uid)
    if (this.#absent.size <= REMEMBERED) return
    const oldest = this.#absent.values().next()
    if (!oldest.done) this.#absent.delete(oldest.value)
  }
}
