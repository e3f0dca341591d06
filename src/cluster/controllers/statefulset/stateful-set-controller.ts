import { type Clock, deepEqual, messageOf, type Service } from '../../../base/index.ts'
import type { Client, Informer } from '../../../client/index.ts'
import {
  type ControllerRevision,
  isAlreadyExists,
  isNotFound,
  type Kind,
  Kinds,
  type KubeObject,
  labelSelectorFromObject,
  matchesLabels,
  type PersistentVolumeClaim,
  type Pod,
  type StatefulSet,
} from '../../../kube/index.ts'
import { ControlLoop, type ControllerContext, type ReconcileResult } from '../control-loop.ts'
import { isNamespaceTerminating } from '../namespace-terminating.ts'
import { byController, CONTROLLER_INDEX, claim, claimable, controllerOf } from '../ownership.ts'
import { ClaimKeeper } from './claim-keeper.ts'
import { type DeletionReason, decideStatefulSet, type StatefulSetStep } from './decision.ts'
import { newPod, ordinalOf, podName, podRevision } from './identity.ts'
import { RevisionKeeper } from './revision-keeper.ts'
import { templateOf } from './revisions.ts'

const NAME = 'statefulset-controller'

/** Keeps the pods of each StatefulSet: named, with claims of their own, made and replaced in order. */
export class StatefulSetController implements Service {
  readonly #client: Client
  readonly #clock: Clock
  readonly #loop: ControlLoop
  readonly #sets: Informer<StatefulSet>
  readonly #pods: Informer<Pod>
  readonly #claims: Informer<PersistentVolumeClaim>
  readonly #revisions: Informer<ControllerRevision>
  readonly #claimKeeper: ClaimKeeper
  readonly #revisionKeeper: RevisionKeeper

  constructor(context: ControllerContext) {
    this.#client = context.client
    this.#clock = context.clock
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key) })
    const { enqueue, events } = this.#loop
    const dependent = {
      added: (object: KubeObject) => this.#dependentSeen(object),
      updated: (object: KubeObject, previous: KubeObject) => {
        if (controllerOf(previous)?.uid !== controllerOf(object)?.uid) this.#dependentSeen(previous)
        this.#dependentSeen(object)
      },
      deleted: (object: KubeObject) => this.#dependentSeen(object),
    }
    const indexes = { [CONTROLLER_INDEX]: byController }
    this.#sets = this.#loop.follow(Kinds.StatefulSet, { added: enqueue, updated: enqueue })
    this.#pods = this.#loop.follow(Kinds.Pod, dependent, indexes)
    this.#revisions = this.#loop.follow(Kinds.ControllerRevision, dependent, indexes)
    this.#claims = this.#loop.follow(Kinds.PersistentVolumeClaim, {
      updated: one => this.#claimSeen(one),
      deleted: one => this.#claimSeen(one),
    })
    this.#claimKeeper = new ClaimKeeper({ client: context.client, claims: this.#claims, events })
    this.#revisionKeeper = new RevisionKeeper(context.client)
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  /** Whoever selects what nobody controls may adopt it. */
  #dependentSeen(object: KubeObject): void {
    const { namespace, labels } = object.metadata
    const controller = controllerOf(object)
    if (controller !== undefined) {
      if (controller.kind === Kinds.StatefulSet.kind) this.#loop.add(`${namespace}/${controller.name}`)
      return
    }
    for (const set of this.#sets.list(namespace))
      if (matchesLabels(labelSelectorFromObject(set.spec?.selector), labels)) this.#loop.enqueue(set)
  }

  /** A pod may wait for a claim that has to go first, or lack one. */
  #claimSeen({ metadata }: PersistentVolumeClaim): void {
    for (const set of this.#sets.list(metadata.namespace)) {
      const names = (set.spec?.volumeClaimTemplates ?? []).map(
        one => `${one.metadata.name}-${set.metadata.name}-`,
      )
      if (names.some(name => metadata.name?.startsWith(name))) this.#loop.enqueue(set)
    }
  }

  async #reconcile(key: string): Promise<ReconcileResult | undefined> {
    const set = this.#sets.get(key)
    if (set === undefined || set.metadata.deletionTimestamp !== undefined) return undefined
    const pods = await this.#claimDependents(
      set,
      Kinds.Pod,
      this.#pods,
      pod => ordinalOf(set, pod) !== undefined,
    )
    const revisions = await this.#claimDependents(set, Kinds.ControllerRevision, this.#revisions, () => true)
    const { revision: update, collisionCount } = await this.#revisionKeeper.ensure(set, revisions)
    const current = revisions.find(({ metadata }) => metadata.name === set.status?.currentRevision) ?? update
    const names = [current, update].map(({ metadata }) => metadata.name ?? '') as [string, string]
    const decision = decideStatefulSet({
      set,
      pods,
      currentRevision: names[0],
      updateRevision: names[1],
      collisionCount,
      now: this.#clock.now(),
    })
    const error = await this.#takeAll(decision.steps, set, [current, update])
    if (!deepEqual(decision.status, set.status))
      await this.#client.update(
        Kinds.StatefulSet,
        { ...set, status: decision.status },
        { subresource: 'status' },
      )
    if (error !== undefined) throw error
    await this.#revisionKeeper.trim(set, revisions, new Set([...names, ...pods.map(podRevision)]))
    return decision.recheckMs === undefined ? undefined : { requeueAfterMs: decision.recheckMs }
  }

  #claimDependents<T extends KubeObject>(
    set: StatefulSet,
    kind: Kind<T>,
    informer: Informer<T>,
    mayAdopt: (object: T) => boolean,
  ): Promise<readonly T[]> {
    return claim({
      client: this.#client,
      owner: set,
      ownerKind: Kinds.StatefulSet,
      kind,
      selector: labelSelectorFromObject(set.spec?.selector),
      candidates: claimable(informer, set).filter(
        object => controllerOf(object) !== undefined || mayAdopt(object),
      ),
    })
  }

  /**
   * A pod goes when the claims are seen to, for one that should go with it must be its own by then (upstream's `updateStatefulSet`:
   * nothing is deleted after an error there). Returns the first error.
   */
  async #takeAll(
    steps: readonly StatefulSetStep[],
    set: StatefulSet,
    revisions: readonly ControllerRevision[],
  ): Promise<unknown> {
    const care = steps.filter(step => step.do !== 'delete')
    const deletions = steps.filter(step => step.do === 'delete')
    return (await this.#takeBatches(care, set, revisions)) ?? this.#takeBatches(deletions, set, revisions)
  }

  /** In growing batches where the pods may come all at once, so that what is refused once is not asked for again. Returns the first error. */
  async #takeBatches(
    steps: readonly StatefulSetStep[],
    set: StatefulSet,
    revisions: readonly ControllerRevision[],
  ): Promise<unknown> {
    const isParallel = set.spec?.podManagementPolicy === 'Parallel'
    for (let done = 0, batch = 1; done < steps.length; done += batch, batch *= isParallel ? 2 : 1) {
      const results = await Promise.allSettled(
        steps.slice(done, done + batch).map(step => this.#take(step, set, revisions)),
      )
      const failed = results.find(({ status }) => status === 'rejected')
      if (failed?.status === 'rejected') return failed.reason
    }
    return undefined
  }

  async #take(
    step: StatefulSetStep,
    set: StatefulSet,
    revisions: readonly ControllerRevision[],
  ): Promise<void> {
    switch (step.do) {
      case 'create': {
        const revision = revisions.find(({ metadata }) => metadata.name === step.revision)
        if (revision !== undefined) await this.#create(set, step.ordinal, revision)
        return
      }
      case 'delete':
        return await this.#delete(set, step.pod, step.why)
      case 'claims':
        return await this.#claimKeeper.keep(set, step.pod)
      case 'label': {
        const { name = '', namespace = '', uid } = step.pod.metadata
        const body = { metadata: { uid, labels: step.labels } }
        await this.#client.patch(Kinds.Pod, name, { type: 'merge', body }, { namespace })
        return
      }
    }
  }

  async #create(set: StatefulSet, ordinal: number, revision: ControllerRevision): Promise<void> {
    const name = podName(set, ordinal)
    const template = templateOf(revision)
    try {
      // The claim's own event brings the key back.
      if (!(await this.#claimKeeper.prepare(set, ordinal))) return
      const pod = newPod({ set, ordinal, revision: { name: revision.metadata.name ?? '', template } })
      await this.#client.create(Kinds.Pod, pod)
    } catch (error) {
      // Everything in the namespace is about to go, this set too.
      if (isNamespaceTerminating(error)) return
      this.#noteFailedCreate(set, name, error)
      throw error
    }
    this.#loop.events.record(
      set,
      'Normal',
      'SuccessfulCreate',
      `create Pod ${name} in StatefulSet ${set.metadata.name} successful`,
    )
  }

  #noteFailedCreate(set: StatefulSet, name: string, error: unknown): void {
    const known = this.#pods.get(`${set.metadata.namespace}/${name}`)
    // Its own pod that the cache does not show yet is no failure, but one that is somebody else's stays.
    if (isAlreadyExists(error) && (known === undefined || controllerOf(known)?.uid === set.metadata.uid))
      return
    this.#loop.events.record(
      set,
      'Warning',
      'FailedCreate',
      `create Pod ${name} in StatefulSet ${set.metadata.name} failed error: ${messageOf(error)}`,
    )
  }

  async #delete(set: StatefulSet, pod: Pod, why: DeletionReason): Promise<void> {
    const { name = '', namespace = '', uid = '' } = pod.metadata
    const of = `Pod ${name} in StatefulSet ${set.metadata.name}`
    if (why === 'ended')
      this.#loop.events.record(
        set,
        'Warning',
        'RecreatingFailedPod',
        `StatefulSet ${namespace}/${set.metadata.name} is recreating ${pod.status?.phase} Pod ${name}`,
      )
    if (why === 'stuck')
      this.#loop.events.record(
        set,
        'Warning',
        'ReplacingStuckPod',
        `Pod ${name} does not become ready and is of revision ${podRevision(pod)}, which is not wanted any more: replacing it`,
      )
    try {
      await this.#client.delete(Kinds.Pod, name, { namespace, preconditions: { uid } })
    } catch (error) {
      if (isNotFound(error)) return
      this.#loop.events.record(
        set,
        'Warning',
        'FailedDelete',
        `delete ${of} failed error: ${messageOf(error)}`,
      )
      throw error
    }
    this.#loop.events.record(set, 'Normal', 'SuccessfulDelete', `delete ${of} successful`)
  }
}
