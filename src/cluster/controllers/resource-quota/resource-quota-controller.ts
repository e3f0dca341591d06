import { type Clock, deepEqual, type Service } from '../../../base/index.ts'
import type { Client, Informer, InformerHandler } from '../../../client/index.ts'
import { quotaTerms } from '../../../kinds/index.ts'
import {
  formatQuantity,
  type Kind,
  Kinds,
  type KubeObject,
  type ResourceQuota,
  resourceName,
  storedKinds,
} from '../../../kube/index.ts'
import { ControlLoop, type ControllerContext, type ReconcileResult } from '../control-loop.ts'
import type { InstanceInformers } from '../custom-resources/instance-informers.ts'
import { QuotaTallies } from './quota-tallies.ts'

const NAME = 'resourcequota-controller'
/** What changes at the same time, such as the pods of a rollout, is written together. */
const GATHER_MS = 20

/**
 * Keeps `status.hard` and `status.used` of every ResourceQuota (kubernetes `pkg/controller/resourcequota`). It only tells: what is refused is
 * decided by what is stored at that moment, whatever a status says.
 */
export class ResourceQuotaController implements Service {
  readonly #client: Client
  readonly #clock: Clock
  readonly #loop: ControlLoop
  readonly #quotas: Informer<ResourceQuota>
  readonly #informerOf: (resource: string) => Informer<KubeObject> | undefined
  readonly #tallies: QuotaTallies

  /** Whoever makes the informers of defined kinds starts them. */
  constructor(context: ControllerContext, instances: InstanceInformers) {
    this.#client = context.client
    this.#clock = context.clock
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key) })
    this.#quotas = this.#loop.follow(Kinds.ResourceQuota, this.#loop.enqueue)
    const informers = new Map<string, Informer<KubeObject>>()
    // Events are not limited, and there are many.
    for (const kind of storedKinds)
      if (kind.namespaced && kind.verbs.includes('watch') && kind.kind !== Kinds.Event.kind)
        informers.set(resourceName(kind), this.#loop.follow(kind, this.#followerOf(kind)))
    this.#informerOf = resource => informers.get(resource) ?? instances.get(resource)
    this.#tallies = new QuotaTallies(this.#informerOf, context.clock)
    instances.follow({
      begun: informer => {
        this.#tallies.forgetResource(resourceName(informer.kind))
        informer.subscribe(this.#followerOf(informer.kind))
        void informer.synced.then(() => this.#kindMoved(informer.kind))
      },
      gone: informer => this.#tallies.forgetResource(resourceName(informer.kind)),
    })
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  #followerOf(kind: Kind): InformerHandler<KubeObject> {
    const resource = resourceName(kind)
    const moved = (last: KubeObject, object: KubeObject | undefined): void => {
      for (const key of this.#tallies.set(resource, last, object)) this.#loop.addAfter(key, GATHER_MS)
    }
    return {
      appeared: key => {
        // Where nothing is limited nothing is counted, and no object is made.
        if (!this.#tallies.isLimited(key.slice(0, Math.max(0, key.indexOf('/'))))) return
        const object = this.#informerOf(resource)?.get(key)
        if (object !== undefined) moved(object, object)
      },
      updated: object => moved(object, object),
      deleted: object => moved(object, undefined),
    }
  }

  #kindMoved(kind: Kind): void {
    for (const quota of this.#quotas.list())
      if (quotaTerms(quota).resources.has(resourceName(kind))) this.#loop.enqueue(quota)
  }

  async #reconcile(key: string): Promise<ReconcileResult | undefined> {
    const quota = this.#quotas.get(key)
    if (quota === undefined) {
      this.#tallies.forget(key)
      return undefined
    }
    const { used: counted, nextChangeMs } = this.#tallies.count(quota)
    const hard = quota.spec?.hard ?? {}
    const used: Record<string, string> = {}
    for (const name of Object.keys(hard)) {
      const amount = counted.get(name)
      // What nobody here counts is somebody else's to say.
      const text = amount === undefined ? quota.status?.used?.[name] : formatQuantity(amount)
      if (text !== undefined) used[name] = text
    }
    const status = { hard, used }
    if (!deepEqual(status, quota.status))
      await this.#client.update(Kinds.ResourceQuota, { ...quota, status }, { subresource: 'status' })
    return nextChangeMs === undefined
      ? undefined
      : { requeueAfterMs: Math.max(0, nextChangeMs - this.#clock.now()) }
  }
}
