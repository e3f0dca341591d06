import { type Node, type Pod, podRequests, type ResourceAmounts, resourceAmounts } from '../../kube/index.ts'
import { type PodRelations, podRelations } from './pod-relations.ts'

/** A port of the host that a pod takes: `0.0.0.0` takes it on every address. */
export interface HostPort {
  readonly protocol: string
  readonly ip: string
  readonly port: number
}

/** What the scheduler needs of a pod, worked out once. */
export interface PodFacts {
  readonly pod: Pod
  readonly requests: ResourceAmounts
  readonly hostPorts: readonly HostPort[]
  /** The uid of its controller, whose replicas are spread; empty without one. */
  readonly controller: string
  /** What it requires of where other pods are; undefined when nothing. */
  readonly relations: PodRelations | undefined
}

export function podFacts(pod: Pod): PodFacts {
  return {
    pod,
    requests: podRequests(pod),
    hostPorts: hostPortsOf(pod),
    controller: pod.metadata.ownerReferences?.find(owner => owner.controller)?.uid ?? '',
    relations: podRelations(pod),
  }
}

/** What a node offers and what its pods take of it. The totals are kept, never summed anew. */
export class NodeState {
  readonly name: string
  #node: Node | undefined
  #allocatable: ResourceAmounts = new Map()
  readonly #pods = new Map<string, PodFacts>()
  readonly #requested = new Map<string, number>()
  readonly #replicas = new Map<string, number>()
  readonly #guards = new Map<string, PodFacts>()

  constructor(name: string) {
    this.name = name
  }

  /** Undefined for a node that is gone, or not seen yet, while pods name it. */
  get node(): Node | undefined {
    return this.#node
  }

  set node(node: Node | undefined) {
    this.#node = node
    this.#allocatable = resourceAmounts(node?.status?.allocatable)
  }

  get podCount(): number {
    return this.#pods.size
  }

  pods(): IterableIterator<PodFacts> {
    return this.#pods.values()
  }

  /** Those of its pods that keep others away. */
  guards(): IterableIterator<PodFacts> {
    return this.#guards.values()
  }

  allocatable(resource: string): number {
    return this.#allocatable.get(resource) ?? 0
  }

  requested(resource: string): number {
    return this.#requested.get(resource) ?? 0
  }

  /** How many pods of one controller it has. */
  replicasOf(controller: string): number {
    return this.#replicas.get(controller) ?? 0
  }

  add(facts: PodFacts): void {
    this.remove(facts.pod.metadata.uid ?? '')
    this.#pods.set(facts.pod.metadata.uid ?? '', facts)
    if ((facts.relations?.antiAffinity ?? []).length > 0)
      this.#guards.set(facts.pod.metadata.uid ?? '', facts)
    this.#count(facts, 1)
  }

  remove(uid: string): void {
    const facts = this.#pods.get(uid)
    if (facts === undefined) return
    this.#pods.delete(uid)
    this.#guards.delete(uid)
    this.#count(facts, -1)
  }

  #count(facts: PodFacts, sign: 1 | -1): void {
    for (const [resource, amount] of facts.requests)
      this.#requested.set(resource, this.requested(resource) + sign * amount)
    if (facts.controller === '') return
    const replicas = this.replicasOf(facts.controller) + sign
    if (replicas === 0) this.#replicas.delete(facts.controller)
    else this.#replicas.set(facts.controller, replicas)
  }
}

function hostPortsOf(pod: Pod): readonly HostPort[] {
  const ports: HostPort[] = []
  for (const container of pod.spec?.containers ?? [])
    for (const { hostPort, hostIP, protocol } of container.ports ?? [])
      if (hostPort) ports.push({ protocol: protocol ?? 'TCP', ip: hostIP || '0.0.0.0', port: hostPort })
  return ports
}
