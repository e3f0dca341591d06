import { type Clock, deepEqual, type Ids, messageOf, type Service } from '../../../base/index.ts'
import type { Client, Informer } from '../../../client/index.ts'
import {
  isLeaving,
  isNotFound,
  Kinds,
  labelSelectorFromObject,
  matchesLabels,
  objectKey,
  type Pod,
  type ReplicaSet,
} from '../../../kube/index.ts'
import { ControlLoop, type ControllerContext, type ReconcileResult } from '../control-loop.ts'
import { EXPECTATION_TIMEOUT_MS, Expectations } from '../expectations.ts'
import { isNamespaceTerminating } from '../namespace-terminating.ts'
import {
  byController,
  CONTROLLER_INDEX,
  claim,
  claimable,
  controllerOf,
  controllerReference,
} from '../ownership.ts'
import { BURST, creatablePods, TOO_MANY_WAIT } from '../pod-burst.ts'
import { isPodActive } from '../pod-state.ts'
import { inDeletionOrder } from './deletion-order.ts'
import { replacedPods } from './replaced-pods.ts'
import { replacementDelayMs } from './replacement-delay.ts'
import { nextReplicaSetStatus, type ReplicaFailure } from './replica-set-status.ts'

const NAME = 'replicaset-controller'
/** A generated pod name is a DNS label, whatever the length of its owner's name (apiserver `names.SimpleNameGenerator`). */
const MAX_BASE_NAME = 58

/** Keeps as many pods of each ReplicaSet as it asks for. */
export class ReplicaSetController implements Service {
  readonly #client: Client
  readonly #clock: Clock
  readonly #ids: Ids
  readonly #loop: ControlLoop
  readonly #replicaSets: Informer<ReplicaSet>
  readonly #pods: Informer<Pod>
  readonly #expectations: Expectations

  constructor(context: ControllerContext) {
    this.#client = context.client
    this.#clock = context.clock
    this.#ids = context.ids
    this.#expectations = new Expectations(context.clock)
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key) })
    const indexes = { [CONTROLLER_INDEX]: byController }
    this.#replicaSets = this.#loop.follow(
      Kinds.ReplicaSet,
      {
        added: this.#loop.enqueue,
        updated: this.#loop.enqueue,
        deleted: replicaSet => {
          this.#expectations.forget(objectKey(replicaSet))
          this.#loop.enqueue(replicaSet)
        },
      },
      indexes,
    )
    this.#pods = this.#loop.follow(
      Kinds.Pod,
      {
        added: pod => this.#podAdded(pod),
        updated: (pod, previous) => this.#podUpdated(pod, previous),
        deleted: pod => this.#podGone(pod),
      },
      indexes,
    )
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  #podAdded(pod: Pod): void {
    const owner = this.#ownerKey(pod)
    if (owner === undefined) {
      if (controllerOf(pod) === undefined) this.#orphanSeen(pod)
      return
    }
    this.#expectations.settle(owner, objectKey(pod))
    // Seen first when it was on its way out already.
    if (pod.metadata.deletionTimestamp !== undefined) this.#expectations.settle(owner, pod.metadata.uid ?? '')
    this.#loop.add(owner)
  }

  #podUpdated(pod: Pod, previous: Pod): void {
    const owner = this.#ownerKey(pod)
    const before = this.#ownerKey(previous)
    if (before !== undefined && before !== owner) this.#loop.add(before)
    if (owner !== undefined) {
      if (pod.metadata.deletionTimestamp !== undefined)
        this.#expectations.settle(owner, pod.metadata.uid ?? '')
      this.#loop.add(owner)
    } else if (controllerOf(pod) === undefined) this.#orphanSeen(pod)
  }

  #podGone(pod: Pod): void {
    const owner = this.#ownerKey(pod)
    if (owner === undefined) return
    this.#expectations.settle(owner, objectKey(pod))
    this.#expectations.settle(owner, pod.metadata.uid ?? '')
    this.#loop.add(owner)
  }

  /** The key of the ReplicaSet that controls the pod; by name, since the cache may not hold it yet. */
  #ownerKey(pod: Pod): string | undefined {
    const controller = controllerOf(pod)
    if (controller?.kind !== Kinds.ReplicaSet.kind) return undefined
    const key = `${pod.metadata.namespace}/${controller.name}`
    const known = this.#replicaSets.get(key)
    return known === undefined || known.metadata.uid === controller.uid ? key : undefined
  }

  /** Whoever selects a pod that nobody controls may adopt it. */
  #orphanSeen(pod: Pod): void {
    if (pod.metadata.deletionTimestamp !== undefined) return
    for (const replicaSet of this.#replicaSets.list(pod.metadata.namespace))
      if (matchesLabels(labelSelectorFromObject(replicaSet.spec?.selector), pod.metadata.labels))
        this.#loop.enqueue(replicaSet)
  }

  async #reconcile(key: string): Promise<ReconcileResult | undefined> {
    const replicaSet = this.#replicaSets.get(key)
    if (replicaSet === undefined) return undefined
    const satisfied = this.#expectations.isSatisfied(key)
    let pods = await claim({
      client: this.#client,
      owner: replicaSet,
      ownerKind: Kinds.ReplicaSet,
      kind: Kinds.Pod,
      selector: labelSelectorFromObject(replicaSet.spec?.selector),
      candidates: claimable(this.#pods, replicaSet).filter(isPodActive),
    })
    pods = pods.filter(isPodActive)
    const { replicas = 1, minReadySeconds = 0 } = replicaSet.spec ?? {}
    // A pod that is leaving its host is made up for first, and goes when as many as wanted are there without it.
    const staying = pods.filter(pod => !isLeaving(pod))
    const surplus = staying.length - replicas
    const own = this.#pods.byIndex(CONTROLLER_INDEX, replicaSet.metadata.uid ?? '')
    const delayMs = surplus < 0 ? replacementDelayMs(own, this.#clock.now()) : 0
    const creatable = creatablePods(-surplus, pods)
    let error: unknown
    if (satisfied && surplus !== 0 && delayMs === 0 && replicaSet.metadata.deletionTimestamp === undefined)
      error = await (surplus < 0
        ? this.#createPods(key, replicaSet, creatable)
        : this.#deletePods(key, replicaSet, staying, Math.min(surplus, BURST)))
    if (satisfied && surplus === 0 && replicaSet.metadata.deletionTimestamp === undefined) {
      const replaced = replacedPods(pods, { replicas, minReadySeconds, now: this.#clock.now() })
      const errors = await Promise.all(replaced.map(pod => this.#deletePod(key, replicaSet, pod)))
      error = errors.find(one => one !== undefined)
    }
    const failure = failureOf(error, -surplus, creatable)
    const { status, recheckMs } = nextReplicaSetStatus(replicaSet, pods, failure, this.#clock.now())
    if (!deepEqual(status, replicaSet.status))
      await this.#client.update(Kinds.ReplicaSet, { ...replicaSet, status }, { subresource: 'status' })
    if (error !== undefined) throw error
    if (!satisfied)
      return { requeueAfterMs: Math.min(EXPECTATION_TIMEOUT_MS, recheckMs ?? Number.POSITIVE_INFINITY) }
    const waits = [recheckMs, delayMs > 0 ? delayMs : undefined].filter(ms => ms !== undefined)
    return waits.length === 0 ? undefined : { requeueAfterMs: Math.min(...waits) }
  }

  /**
   * Creates in growing batches, so that what is refused once is not asked for hundreds of times (upstream's slow start).
   * Returns the first error.
   */
  async #createPods(key: string, replicaSet: ReplicaSet, count: number): Promise<unknown> {
    let left = count
    for (let batch = 1; left > 0; batch *= 2) {
      const size = Math.min(batch, left)
      const errors = await Promise.all(Array.from({ length: size }, () => this.#createPod(key, replicaSet)))
      const error = errors.find(one => one !== undefined)
      if (error !== undefined) return error
      left -= size
    }
    return undefined
  }

  async #createPod(key: string, replicaSet: ReplicaSet): Promise<unknown> {
    const pod = podOf(replicaSet, this.#ids)
    this.#expectations.expect(key, objectKey(pod))
    try {
      await this.#client.create(Kinds.Pod, pod)
      this.#loop.events.record(replicaSet, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`)
      return undefined
    } catch (error) {
      this.#expectations.settle(key, objectKey(pod))
      // Everything in the namespace is about to go, this ReplicaSet too.
      if (isNamespaceTerminating(error)) return undefined
      this.#loop.events.record(replicaSet, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`)
      return error
    }
  }

  async #deletePods(
    key: string,
    replicaSet: ReplicaSet,
    pods: readonly Pod[],
    count: number,
  ): Promise<unknown> {
    const ordered = inDeletionOrder(pods, this.#relatedPods(replicaSet), this.#clock.now())
    const errors = await Promise.all(
      ordered.slice(0, count).map(pod => this.#deletePod(key, replicaSet, pod)),
    )
    return errors.find(error => error !== undefined)
  }

  async #deletePod(key: string, replicaSet: ReplicaSet, pod: Pod): Promise<unknown> {
    const { name = '', namespace = '', uid = '' } = pod.metadata
    this.#expectations.expect(key, uid)
    try {
      await this.#client.delete(Kinds.Pod, name, { namespace, preconditions: { uid } })
      this.#loop.events.record(replicaSet, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`)
      return undefined
    } catch (error) {
      this.#expectations.settle(key, uid)
      if (isNotFound(error)) return undefined
      this.#loop.events.record(replicaSet, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`)
      return error
    }
  }

  /** The active pods of all ReplicaSets of the same controller, such as the revisions of a Deployment. */
  #relatedPods(replicaSet: ReplicaSet): readonly Pod[] {
    const controller = controllerOf(replicaSet)
    const siblings =
      controller === undefined ? [replicaSet] : this.#replicaSets.byIndex(CONTROLLER_INDEX, controller.uid)
    return siblings
      .flatMap(sibling => this.#pods.byIndex(CONTROLLER_INDEX, sibling.metadata.uid ?? ''))
      .filter(isPodActive)
  }
}

function failureOf(error: unknown, missing: number, creatable: number): ReplicaFailure | undefined {
  if (error !== undefined)
    return { reason: missing > 0 ? 'FailedCreate' : 'FailedDelete', message: messageOf(error) }
  return missing > 0 && creatable === 0 ? { reason: 'FailedCreate', message: TOO_MANY_WAIT } : undefined
}

/** A new pod from the template. Its name is chosen here and not by the server, so that it can be expected before it exists. */
function podOf(replicaSet: ReplicaSet, ids: Ids): Pod {
  const template = replicaSet.spec?.template
  const { labels, annotations, finalizers } = template?.metadata ?? {}
  const base = `${replicaSet.metadata.name}-`
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${base.slice(0, MAX_BASE_NAME)}${ids.suffix()}`,
      generateName: base,
      namespace: replicaSet.metadata.namespace ?? '',
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(replicaSet)],
    },
    ...(template?.spec === undefined ? {} : { spec: template.spec }),
  }
}
