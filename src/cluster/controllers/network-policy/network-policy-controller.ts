import { deepEqual, type Service } from '../../../base/index.ts'
import type { Client, Informer } from '../../../client/index.ts'
import {
  Kinds,
  type Namespace,
  type NetworkPolicy,
  objectKey,
  type Pod,
  type PolicyEndpoints,
} from '../../../kube/index.ts'
import { ControlLoop, type ControllerContext, whenChanged } from '../control-loop.ts'
import { deleteObject } from '../delete-object.ts'
import { controllerOf, controllerReference } from '../ownership.ts'
import { isPeer, resolvePolicy } from './resolve-policy.ts'

const NAME = 'network-policy-controller'
/** What changes at the same time, such as the pods of a rollout, is written together. */
const GATHER_MS = 20

/** Keeps the PolicyEndpoints of each NetworkPolicy equal to what its selectors stand for: what agents enforce. */
export class NetworkPolicyController implements Service {
  readonly #client: Client
  readonly #loop: ControlLoop
  readonly #policies: Informer<NetworkPolicy>
  readonly #resolved: Informer<PolicyEndpoints>
  readonly #pods: Informer<Pod>
  readonly #namespaces: Informer<Namespace>

  constructor(context: ControllerContext) {
    this.#client = context.client
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key) })
    this.#policies = this.#loop.follow(Kinds.NetworkPolicy, this.#loop.enqueue)
    this.#resolved = this.#loop.follow(Kinds.PolicyEndpoints, this.#loop.enqueue)
    this.#pods = this.#loop.follow(
      Kinds.Pod,
      whenChanged(peerFacts, pod => this.#podMoved(pod)),
    )
    this.#namespaces = this.#loop.follow(
      Kinds.Namespace,
      whenChanged(
        ({ metadata }) => metadata.labels,
        () => this.#namespacesMoved(),
      ),
    )
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  /** A pod is a peer of policies in its namespace, and of those that look into others. */
  #podMoved({ metadata }: Pod): void {
    for (const policy of this.#policies.list())
      if (policy.metadata.namespace === metadata.namespace || selectsNamespaces(policy))
        this.#loop.addAfter(objectKey(policy), GATHER_MS)
  }

  #namespacesMoved(): void {
    for (const policy of this.#policies.list())
      if (selectsNamespaces(policy)) this.#loop.addAfter(objectKey(policy), GATHER_MS)
  }

  async #reconcile(key: string): Promise<void> {
    const policy = this.#policies.get(key)
    const kept = this.#resolved.get(key)
    if (policy === undefined) return await this.#remove(kept)
    // A former policy of this name had it.
    if (kept !== undefined && controllerOf(kept)?.uid !== policy.metadata.uid) return await this.#remove(kept)
    const spec = resolvePolicy(policy, {
      pods: this.#pods.list(),
      namespaceLabels: name => this.#namespaces.get(name)?.metadata.labels,
    })
    if (kept !== undefined) {
      if (!deepEqual(kept.spec, spec)) await this.#client.update(Kinds.PolicyEndpoints, { ...kept, spec })
      return
    }
    const { name = '', namespace = '' } = policy.metadata
    await this.#client.create(Kinds.PolicyEndpoints, {
      apiVersion: 'bowline.dev/v1alpha1',
      kind: 'PolicyEndpoints',
      metadata: {
        name,
        namespace,
        ownerReferences: [{ ...controllerReference(policy), blockOwnerDeletion: false }],
      },
      spec,
    })
  }

  /** At once, so that what a policy forbade is open again when the policy is gone. */
  async #remove(kept: PolicyEndpoints | undefined): Promise<void> {
    if (kept === undefined || controllerOf(kept)?.kind !== 'NetworkPolicy') return
    await deleteObject(this.#client, Kinds.PolicyEndpoints, kept)
  }
}

function peerFacts(pod: Pod): object {
  return { labels: pod.metadata.labels, address: isPeer(pod) ? pod.status?.podIP : undefined }
}

function selectsNamespaces({ spec }: NetworkPolicy): boolean {
  const rules = [
    ...(spec?.ingress ?? []).map(({ from }) => from),
    ...(spec?.egress ?? []).map(({ to }) => to),
  ]
  return (
    rules.some(peers => (peers ?? []).some(({ namespaceSelector }) => namespaceSelector !== undefined)) ||
    // Named ports for whoever it is.
    (spec?.egress ?? []).some(
      ({ to, ports = [] }) => !to?.length && ports.some(({ port }) => typeof port === 'string'),
    )
  )
}
