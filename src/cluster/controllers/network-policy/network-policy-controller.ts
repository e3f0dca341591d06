import { deepEqual, type Logger, type Service, WorkQueue } from '../../../base/index.ts'
import { type Client, type Informer, untilSynced } from '../../../client/index.ts'
import {
  isNotFound,
  Kinds,
  type Namespace,
  type NetworkPolicy,
  objectKey,
  type Pod,
  type PolicyEndpoints,
} from '../../../kube/index.ts'
import { type ControllerContext, voiceOf } from '../context.ts'
import { runController } from '../controller.ts'
import { controllerOf, controllerReference } from '../ownership.ts'
import { isPeer, resolvePolicy } from './resolve-policy.ts'

const NAME = 'network-policy-controller'
/** What changes at the same time, such as the pods of a rollout, is written together. */
const GATHER_MS = 20

/** Keeps the PolicyEndpoints of each NetworkPolicy equal to what its selectors stand for: what agents enforce. */
export class NetworkPolicyController implements Service {
  readonly #client: Client
  readonly #log: Logger
  readonly #policies: Informer<NetworkPolicy>
  readonly #resolved: Informer<PolicyEndpoints>
  readonly #pods: Informer<Pod>
  readonly #namespaces: Informer<Namespace>
  readonly #queue: WorkQueue

  constructor(context: ControllerContext) {
    this.#client = context.client
    this.#log = voiceOf(context, NAME).log
    this.#policies = context.informers.of(Kinds.NetworkPolicy)
    this.#resolved = context.informers.of(Kinds.PolicyEndpoints)
    this.#pods = context.informers.of(Kinds.Pod)
    this.#namespaces = context.informers.of(Kinds.Namespace)
    this.#queue = new WorkQueue(context.clock)
  }

  async start(signal: AbortSignal): Promise<void> {
    const look = (object: NetworkPolicy | PolicyEndpoints) => this.#queue.add(objectKey(object))
    const subscriptions = [
      this.#policies.subscribe({ added: look, updated: look, deleted: look }),
      this.#resolved.subscribe({ added: look, updated: look, deleted: look }),
      this.#pods.subscribe({
        added: pod => this.#podMoved(pod),
        updated: (pod, previous) => {
          if (!deepEqual(peerFacts(pod), peerFacts(previous))) this.#podMoved(pod)
        },
        deleted: pod => this.#podMoved(pod),
      }),
      this.#namespaces.subscribe({
        added: () => this.#namespacesMoved(),
        updated: (namespace, previous) => {
          if (!deepEqual(namespace.metadata.labels, previous.metadata.labels)) this.#namespacesMoved()
        },
        deleted: () => this.#namespacesMoved(),
      }),
    ]
    const informers = [this.#policies, this.#resolved, this.#pods, this.#namespaces]
    if (await untilSynced(informers, signal))
      await runController(
        { name: NAME, queue: this.#queue, reconcile: key => this.#reconcile(key), log: this.#log },
        signal,
      )
    for (const unsubscribe of subscriptions) unsubscribe()
  }

  /** A pod is a peer of policies in its namespace, and of those that look into others. */
  #podMoved({ metadata }: Pod): void {
    for (const policy of this.#policies.list())
      if (policy.metadata.namespace === metadata.namespace || selectsNamespaces(policy))
        this.#queue.addAfter(objectKey(policy), GATHER_MS)
  }

  #namespacesMoved(): void {
    for (const policy of this.#policies.list())
      if (selectsNamespaces(policy)) this.#queue.addAfter(objectKey(policy), GATHER_MS)
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
    const { name = '', namespace = '', uid = '' } = kept.metadata
    try {
      await this.#client.delete(Kinds.PolicyEndpoints, name, { namespace, preconditions: { uid } })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
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
