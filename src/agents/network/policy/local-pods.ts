import { isIPv4 } from 'node:net'
import type { Informer } from '../../../client/index.ts'
import type { Pod, PolicyEndpoints } from '../../../kube/index.ts'
import type { Fragment } from '../nft/index.ts'
import { type FragmentSource, hostPortFragment, type LocalPod } from '../services/index.ts'
import { policyFragment, selects } from './policy-rules.ts'

export interface LocalPodsOptions {
  /** The pods of this node. */
  readonly pods: Informer<Pod>
  readonly policies: Informer<PolicyEndpoints>
}

/**
 * The pods of this node with what they add to its table: ports of the host, and their isolation. A pod is known from the moment its
 * agent gives it an address, which is before it runs and before the API knows the address.
 */
export class LocalPods implements FragmentSource {
  readonly needs: FragmentSource['needs']
  readonly #options: LocalPodsOptions
  /** By uid. */
  readonly #addresses = new Map<string, { readonly pod: Pod; readonly address: string }>()
  readonly #listeners = new Set<() => void>()
  /** What follows from a pod, as long as nothing about it changes: of a node's pods, one at a time does. */
  readonly #known = new WeakMap<Pod, AgedPod>()

  constructor(options: LocalPodsOptions) {
    this.#options = options
    this.needs = [options.pods, options.policies]
  }

  /**
   * Takes note of the address of a pod that is about to run. True when the table must hold that first: a policy isolates the pod, or
   * may do so as far as is known.
   */
  admit(pod: Pod, address: string): boolean {
    if (!isRouted(pod)) return false
    this.#addresses.set(pod.metadata.uid ?? '', { pod, address })
    this.#tell()
    const { policies } = this.#options
    return policies.list(pod.metadata.namespace).some(policy => selects(policy, pod.metadata.labels))
  }

  /** The pod has given its address back. */
  forget(uid: string): void {
    if (this.#addresses.delete(uid)) this.#tell()
  }

  /** Whether it is the address of a pod of this node, whoever gave it to the pod. */
  hasAddress(address: string): boolean {
    for (const known of this.#addresses.values()) if (known.address === address) return true
    return this.#options.pods.list().some(pod => isRouted(pod) && pod.status?.podIP === address)
  }

  fragments(): Readonly<Record<'host ports' | 'policies', Fragment>> {
    const pods = this.list()
    return {
      'host ports': hostPortFragment(pods),
      policies: policyFragment(this.#options.policies.list(), pods),
    }
  }

  subscribe(onChange: () => void): () => void {
    this.#listeners.add(onChange)
    const { pods, policies } = this.#options
    const changed = () => onChange()
    const subscriptions = [
      pods.subscribe({
        added: changed,
        updated(pod, previous) {
          // Most of what changes in a pod's status is nothing to packets.
          if (factsOf(pod) !== factsOf(previous)) onChange()
        },
        deleted: pod => {
          this.#addresses.delete(pod.metadata.uid ?? '')
          onChange()
        },
      }),
      policies.subscribe({ added: changed, updated: changed, deleted: changed }),
    ]
    return () => {
      this.#listeners.delete(onChange)
      for (const unsubscribe of subscriptions) unsubscribe()
    }
  }

  /** In a fixed order: who came first has a port that two claim. */
  list(): readonly LocalPod[] {
    const found = new Map<string, { readonly pod: Pod; readonly address: string }>(this.#addresses)
    for (const pod of this.#options.pods.list()) {
      const uid = pod.metadata.uid ?? ''
      const address = found.get(uid)?.address ?? pod.status?.podIP ?? ''
      if (isRouted(pod) && isIPv4(address)) found.set(uid, { pod, address })
      else found.delete(uid)
    }
    return [...found.values()]
      .map(({ pod, address }) => this.#aged(pod, address))
      .sort(byAge)
      .map(({ local }) => local)
  }

  #aged(pod: Pod, address: string): AgedPod {
    const known = this.#known.get(pod)
    if (known?.local.address === address) return known
    const aged = { age: ageOf(pod), local: localPod(pod, address) }
    this.#known.set(pod, aged)
    return aged
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}

/** A pod with an address of its own that it still has. */
function isRouted({ spec, status }: Pod): boolean {
  return spec?.hostNetwork !== true && status?.phase !== 'Succeeded' && status?.phase !== 'Failed'
}

function factsOf(pod: Pod): string {
  return JSON.stringify([pod.status?.podIP, pod.metadata.labels, isRouted(pod)])
}

function localPod({ metadata, spec }: Pod, address: string): LocalPod {
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name ?? '',
    address,
    labels: metadata.labels ?? {},
    ports: [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].flatMap(({ ports = [] }) =>
      ports.map(({ name, protocol = 'TCP', containerPort, hostPort, hostIP }) => ({
        name,
        protocol,
        containerPort,
        hostPort: hostPort || undefined,
        hostIP,
      })),
    ),
  }
}

interface AgedPod {
  /** The order of two is the pods' by age, then by name. */
  readonly age: string
  readonly local: LocalPod
}

function ageOf({ metadata }: Pod): string {
  return `${metadata.creationTimestamp} ${metadata.namespace}/${metadata.name}`
}

function byAge(a: AgedPod, b: AgedPod): number {
  return a.age < b.age ? -1 : 1
}
