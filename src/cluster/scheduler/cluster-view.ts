import type { Node } from '../../kube/index.ts'
import { NodeState, type PodFacts } from './node-state.ts'

/**
 * What the scheduler knows of the cluster: every node with the pods on it, those included that it has only just sent there
 * and the informer does not show yet.
 */
export class ClusterView {
  readonly #states = new Map<string, NodeState>()
  /** Where each placed pod is, by uid. */
  readonly #placed = new Map<string, string>()

  states(): IterableIterator<NodeState> {
    return this.#states.values()
  }

  /** How many nodes there are. */
  get nodeCount(): number {
    let count = 0
    for (const { node } of this.#states.values()) if (node !== undefined) count += 1
    return count
  }

  setNode(node: Node): NodeState {
    const state = this.#state(node.metadata.name ?? '')
    state.node = node
    return state
  }

  removeNode(name: string): void {
    const state = this.#states.get(name)
    if (state === undefined) return
    state.node = undefined
    this.#dropIfUnused(state)
  }

  /** The pod is on `node`, or on its way there. */
  place(pod: PodFacts, node: string): void {
    const uid = pod.pod.metadata.uid ?? ''
    if (this.#placed.get(uid) !== node) this.remove(uid)
    this.#placed.set(uid, node)
    this.#state(node).add(pod)
  }

  isPlaced(uid: string): boolean {
    return this.#placed.has(uid)
  }

  /** The pod is gone, has ended, or did not get there. Returns the node that has room now; undefined when it was on none. */
  remove(uid: string): NodeState | undefined {
    const node = this.#placed.get(uid)
    if (node === undefined) return undefined
    this.#placed.delete(uid)
    const state = this.#states.get(node)
    if (state === undefined) return undefined
    state.remove(uid)
    this.#dropIfUnused(state)
    return state
  }

  #state(name: string): NodeState {
    let state = this.#states.get(name)
    if (state === undefined) {
      state = new NodeState(name)
      this.#states.set(name, state)
    }
    return state
  }

  #dropIfUnused(state: NodeState): void {
    if (state.node === undefined && state.podCount === 0) this.#states.delete(state.name)
  }
}
