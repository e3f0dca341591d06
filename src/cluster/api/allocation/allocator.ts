import type { Kind, KubeObject } from '../../../kube/index.ts'

/** An object with what it was given, which is held for it until the write has ended. */
export interface Allocation {
  readonly object: KubeObject
  /** The write has ended: at `revision`, or not at all. Must be called once. */
  settle(revision: number | undefined): void
}

/** Gives objects what must be theirs alone in the whole cluster. */
export interface Allocator {
  /**
   * An admitted object, not yet validated, completed by what it is to have; `old` is what is stored. The caches must be fresh. A
   * `StatusError` when it asks for what another one has, or nothing is left.
   */
  allocate(kind: Kind, object: KubeObject, old: KubeObject | undefined): Allocation
}
