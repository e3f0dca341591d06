import type { Client, Informers } from '../../../client/index.ts'
import {
  groupOf,
  isNotFound,
  type Kind,
  type KubeObject,
  type OwnerReference,
  storedKinds,
} from '../../../kube/index.ts'

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
  readonly #absent = new Set<string>()

  constructor(client: Client, informers: Informers) {
    this.#client = client
    this.#informers = informers
  }

  async find(reference: OwnerReference, namespace: string | undefined): Promise<Owner> {
    if (this.#absent.has(reference.uid)) return { state: 'absent' }
    const kind = kindOf(reference)
    // An owner in a namespace cannot own what is in none: nobody could say where to look for it.
    if (kind === undefined || (kind.namespaced && namespace === undefined)) return { state: 'unknown' }
    const key = kind.namespaced ? `${namespace}/${reference.name}` : reference.name
    const cached = this.#informers.of(kind).get(key)
    if (cached?.metadata.uid === reference.uid) return { state: 'present', object: cached }
    try {
      const live = await this.#client.get(
        kind,
        reference.name,
        kind.namespaced && namespace !== undefined ? { namespace } : {},
      )
      if (live.metadata.uid === reference.uid) return { state: 'present', object: live }
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
    this.#remember(reference.uid)
    return { state: 'absent' }
  }

  #remember(uid: string): void {
    this.#absent.add(uid)
    if (this.#absent.size <= REMEMBERED) return
    const oldest = this.#absent.values().next()
    if (!oldest.done) this.#absent.delete(oldest.value)
  }
}

/** References name a version, but any version of the group serves. */
function kindOf({ apiVersion, kind }: OwnerReference): Kind | undefined {
  const group = groupOf(apiVersion)
  return storedKinds.find(one => one.group === group && one.kind === kind)
}
