import { type Clock, deepEqual, messageOf, type Service } from '../../../base/index.ts'
import type { Client, Informer } from '../../../client/index.ts'
import {
  type Deployment,
  isAlreadyExists,
  Kinds,
  labelSelectorFromObject,
  matchesLabels,
  type Pod,
  type ReplicaSet,
} from '../../../kube/index.ts'
import { ControlLoop, type ControllerContext, type ReconcileResult } from '../control-loop.ts'
import { deleteObject } from '../delete-object.ts'
import { isNamespaceTerminating } from '../namespace-terminating.ts'
import { byController, CONTROLLER_INDEX, claim, claimable, controllerOf } from '../ownership.ts'
import { isPodTerminal } from '../pod-state.ts'
import { newCondition, withCondition } from './conditions.ts'
import { type DeploymentDecision, type DeploymentStep, decideDeployment } from './decision.ts'
import { hasDeadline } from './deployment-status.ts'
import { REVISION } from './revisions.ts'
import { isSameTemplate } from './template-hash.ts'

const NAME = 'deployment-controller'

/** Moves each Deployment's ReplicaSets towards its template, as `decideDeployment` says. */
export class DeploymentController implements Service {
  readonly #client: Client
  readonly #clock: Clock
  readonly #loop: ControlLoop
  readonly #deployments: Informer<Deployment>
  readonly #replicaSets: Informer<ReplicaSet>
  readonly #pods: Informer<Pod>

  constructor(context: ControllerContext) {
    this.#client = context.client
    this.#clock = context.clock
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key) })
    const { enqueue } = this.#loop
    const indexes = { [CONTROLLER_INDEX]: byController }
    this.#deployments = this.#loop.follow(Kinds.Deployment, { added: enqueue, updated: enqueue })
    this.#replicaSets = this.#loop.follow(
      Kinds.ReplicaSet,
      {
        added: replicaSet => this.#replicaSetSeen(replicaSet),
        updated: (replicaSet, previous) => {
          if (controllerOf(previous)?.uid !== controllerOf(replicaSet)?.uid) this.#enqueueOwner(previous)
          this.#replicaSetSeen(replicaSet)
        },
        deleted: replicaSet => this.#enqueueOwner(replicaSet),
      },
      indexes,
    )
    const podMoved = (pod: Pod) => this.#podMoved(pod)
    this.#pods = this.#loop.follow(Kinds.Pod, { updated: podMoved, deleted: podMoved }, indexes)
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  #replicaSetSeen(replicaSet: ReplicaSet): void {
    if (controllerOf(replicaSet) !== undefined) {
      this.#enqueueOwner(replicaSet)
      return
    }
    for (const deployment of this.#deployments.list(replicaSet.metadata.namespace))
      if (matchesLabels(labelSelectorFromObject(deployment.spec?.selector), replicaSet.metadata.labels))
        this.#loop.enqueue(deployment)
  }

  #enqueueOwner(replicaSet: ReplicaSet): void {
    const owner = this.#ownerOf(replicaSet)
    if (owner !== undefined) this.#loop.enqueue(owner)
  }

  /** A Recreate goes on when the last old pod has ended, which no ReplicaSet tells. */
  #podMoved(pod: Pod): void {
    const controller = controllerOf(pod)
    if (controller?.kind !== Kinds.ReplicaSet.kind) return
    const replicaSet = this.#replicaSets.get(`${pod.metadata.namespace}/${controller.name}`)
    const owner = replicaSet === undefined ? undefined : this.#ownerOf(replicaSet)
    if (owner?.spec?.strategy?.type === 'Recreate') this.#loop.enqueue(owner)
  }

  #ownerOf(replicaSet: ReplicaSet): Deployment | undefined {
    const controller = controllerOf(replicaSet)
    if (controller?.kind !== Kinds.Deployment.kind) return undefined
    const owner = this.#deployments.get(`${replicaSet.metadata.namespace}/${controller.name}`)
    return owner?.metadata.uid === controller.uid ? owner : undefined
  }

  async #reconcile(key: string): Promise<ReconcileResult | undefined> {
    const deployment = this.#deployments.get(key)
    if (deployment === undefined) return undefined
    const replicaSets = await claim({
      client: this.#client,
      owner: deployment,
      ownerKind: Kinds.Deployment,
      kind: Kinds.ReplicaSet,
      selector: labelSelectorFromObject(deployment.spec?.selector),
      candidates: claimable(this.#replicaSets, deployment),
    })
    const decision = decideDeployment({
      deployment,
      replicaSets,
      hasOldPods: this.#hasOldPods(deployment, replicaSets),
      now: this.#clock.now(),
    })
    for (const step of decision.steps) if (!(await this.#take(step, deployment))) return undefined
    const written = await this.#writeRevision(deployment, decision)
    if (!deepEqual(decision.status, deployment.status))
      await this.#client.update(
        Kinds.Deployment,
        { ...written, status: decision.status },
        { subresource: 'status' },
      )
    return decision.recheckMs === undefined ? undefined : { requeueAfterMs: decision.recheckMs }
  }

  #hasOldPods(deployment: Deployment, replicaSets: readonly ReplicaSet[]): boolean {
    return replicaSets
      .filter(replicaSet => !isSameTemplate(replicaSet.spec?.template, deployment.spec?.template))
      .flatMap(replicaSet => this.#pods.byIndex(CONTROLLER_INDEX, replicaSet.metadata.uid ?? ''))
      .some(pod => !isPodTerminal(pod))
  }

  /** False when the world was not as the cache showed it, and this decision is void. */
  async #take(step: DeploymentStep, deployment: Deployment): Promise<boolean> {
    const { name = '' } = step.replicaSet.metadata
    switch (step.do) {
      case 'create':
        return await this.#create(step.replicaSet, deployment)
      case 'update':
        await this.#client.update(Kinds.ReplicaSet, step.replicaSet)
        if (step.to !== step.from)
          this.#loop.events.record(
            deployment,
            'Normal',
            'ScalingReplicaSet',
            `Scaled ${step.to > step.from ? 'up' : 'down'} replica set ${name} from ${step.from} to ${step.to}`,
          )
        return true
      case 'delete':
        await deleteObject(this.#client, Kinds.ReplicaSet, step.replicaSet)
        return true
    }
  }

  async #create(replicaSet: ReplicaSet, deployment: Deployment): Promise<boolean> {
    try {
      await this.#client.create(Kinds.ReplicaSet, replicaSet)
    } catch (error) {
      if (isAlreadyExists(error)) return await this.#meet(replicaSet, deployment)
      // Everything in the namespace is about to go, this Deployment too.
      if (!isNamespaceTerminating(error)) await this.#noteFailure(deployment, replicaSet, error)
      throw error
    }
    const count = replicaSet.spec?.replicas ?? 0
    if (count > 0)
      this.#loop.events.record(
        deployment,
        'Normal',
        'ScalingReplicaSet',
        `Scaled up replica set ${replicaSet.metadata.name} from 0 to ${count}`,
      )
    return true
  }

  /** The name is taken: by our own, which the cache does not show yet, or by another template with the same hash. */
  async #meet(replicaSet: ReplicaSet, deployment: Deployment): Promise<boolean> {
    const { name = '', namespace = '' } = replicaSet.metadata
    const found = await this.#client.get(Kinds.ReplicaSet, name, { namespace })
    const ours = controllerOf(found)?.uid === deployment.metadata.uid
    // Its arrival in the cache brings the key back.
    if (ours && isSameTemplate(found.spec?.template, deployment.spec?.template)) return false
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1
    const status = { ...deployment.status, collisionCount }
    await this.#client.update(Kinds.Deployment, { ...deployment, status }, { subresource: 'status' })
    return false
  }

  async #noteFailure(deployment: Deployment, { metadata }: ReplicaSet, error: unknown): Promise<void> {
    const message = `Failed to create new replica set "${metadata.name}": ${messageOf(error)}`
    this.#loop.events.record(deployment, 'Warning', 'ReplicaSetCreateError', message)
    if (!hasDeadline(deployment)) return
    const conditions = withCondition(
      deployment.status?.conditions ?? [],
      newCondition('Progressing', 'False', {
        reason: 'ReplicaSetCreateError',
        message,
        now: this.#clock.now(),
      }),
    )
    if (conditions === deployment.status?.conditions) return
    const status = { ...deployment.status, conditions }
    await this.#client.update(Kinds.Deployment, { ...deployment, status }, { subresource: 'status' })
  }

  /** Returns the Deployment as it is then, whose version the next write needs. */
  async #writeRevision(deployment: Deployment, { revision }: DeploymentDecision): Promise<Deployment> {
    if (revision === undefined || deployment.metadata.annotations?.[REVISION] === String(revision))
      return deployment
    const { name = '', namespace = '', uid } = deployment.metadata
    const body = { metadata: { uid, annotations: { [REVISION]: String(revision) } } }
    return await this.#client.patch(Kinds.Deployment, name, { type: 'merge', body }, { namespace })
  }
}
