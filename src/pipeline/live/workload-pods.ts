import { groupOf, type KubeObject, type ObjectRef, objectKey, type Pod, refKey } from '../../kube/index.ts'

/** The object at the top of an object's chain of controllers. */
export interface Root {
  readonly ref: ObjectRef
  /** False while a link of the chain is not known: the answer may change. */
  readonly isKnown: boolean
}

interface Entry {
  readonly pod: Pod
  readonly root: Root
}

/**
 * Which pods run on behalf of which object. A root once known is kept while its pod exists: when a Deployment is deleted, its
 * pods still end on its behalf after it and its ReplicaSets are gone.
 */
export class WorkloadPods {
  readonly #rootOf: (object: KubeObject) => Root
  readonly #entries = new Map<string, Entry>()
  /** The keys of pods by the `refKey` of their root. */
  readonly #byRoot = new Map<string, Set<string>>()

  constructor(rootOf: (object: KubeObject) => Root) {
    this.#rootOf = rootOf
  }

  /** No pod is known. */
  get isEmpty(): boolean {
    return this.#entries.size === 0
  }

  /** The pods of an object, leaving ones included; itself when it is a pod. */
  podsOf(ref: ObjectRef): readonly Pod[] {
    return [...(this.#byRoot.get(refKey(ref)) ?? [])].flatMap(key => this.#entries.get(key)?.pod ?? [])
  }

  /** On whose behalf a pod runs, or ran when it was last seen. */
  rootOf(pod: Pod): ObjectRef {
    const entry = this.#entries.get(objectKey(pod))
    return entry?.pod.metadata.uid === pod.metadata.uid && entry?.root.isKnown
      ? entry.root.ref
      : this.#rootOf(pod).ref
  }

  /** Takes in a pod that is new or has changed. */
  keep(pod: Pod): void {
    const before = this.#entries.get(objectKey(pod))
    const isSame = before?.pod.metadata.uid === pod.metadata.uid
    this.#link(pod, isSame && before?.root.isKnown ? before.root : this.#rootOf(pod))
  }

  forget(pod: Pod): void {
    const key = objectKey(pod)
    const entry = this.#entries.get(key)
    if (entry === undefined || entry.pod.metadata.uid !== pod.metadata.uid) return
    this.#unlink(key, entry)
    this.#entries.delete(key)
  }

  /** An object has appeared that may own others: pods that were seen before their owner find their root now. */
  settle(owner: ObjectRef): void {
    if (groupOf(owner.apiVersion) !== 'apps') return
    for (const key of [...(this.#byRoot.get(refKey(owner)) ?? [])]) {
      const entry = this.#entries.get(key)
      if (entry !== undefined && !entry.root.isKnown) this.keep(entry.pod)
    }
  }

  #link(pod: Pod, root: Root): void {
    const key = objectKey(pod)
    const before = this.#entries.get(key)
    if (before !== undefined) this.#unlink(key, before)
    this.#entries.set(key, { pod, root })
    const name = refKey(root.ref)
    const keys = this.#byRoot.get(name)
    if (keys === undefined) this.#byRoot.set(name, new Set([key]))
    else keys.add(key)
  }

  #unlink(key: string, { root }: Entry): void {
    const name = refKey(root.ref)
    const keys = this.#byRoot.get(name)
    if (keys?.delete(key) && keys.size === 0) this.#byRoot.delete(name)
  }
}
