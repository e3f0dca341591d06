import type { Clock, Service } from '../../../base/index.ts'
import type { Client, Informer } from '../../../client/index.ts'
import { formatTime, isNotFound, Kinds, type Node, type Pod } from '../../../kube/index.ts'
import { ControlLoop, type ControllerContext, type ReconcileResult, whenChanged } from '../control-loop.ts'
import { isPodActive } from '../pod-state.ts'
import { byNode, NODE_INDEX } from '../pods-of-node.ts'
import { evictionTime } from './eviction-time.ts'
import { SeenTaints } from './seen-taints.ts'

const NAME = 'taint-eviction-controller'

/** Deletes pods from nodes whose NoExecute taints they do not tolerate, or not any longer. */
export class TaintEvictionController implements Service {
  readonly #client: Client
  readonly #clock: Clock
  readonly #loop: ControlLoop
  readonly #nodes: Informer<Node>
  readonly #pods: Informer<Pod>
  readonly #taints: SeenTaints

  constructor(context: ControllerContext) {
    this.#client = context.client
    this.#clock = context.clock
    this.#taints = new SeenTaints(context.clock)
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key), workers: 8 })
    this.#nodes = this.#loop.follow(
      Kinds.Node,
      whenChanged(
        ({ spec }) => spec?.taints,
        node => this.#taintsSeen(node),
      ),
    )
    this.#pods = this.#loop.follow(
      Kinds.Pod,
      whenChanged(
        ({ spec }) => [spec?.nodeName, spec?.tolerations],
        pod => this.#podSeen(pod),
      ),
      { [NODE_INDEX]: byNode },
    )
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  #taintsSeen({ metadata: { name = '' } }: Node): void {
    const node = this.#nodes.get(name)
    if (node === undefined) this.#taints.forget(name)
    else this.#taints.of(node)
    for (const pod of this.#pods.byIndex(NODE_INDEX, name)) this.#loop.enqueue(pod)
  }

  #podSeen(pod: Pod): void {
    const node = this.#nodes.get(pod.spec?.nodeName ?? '')
    if (node !== undefined && this.#taints.of(node).length > 0) this.#loop.enqueue(pod)
  }

  async #reconcile(key: string): Promise<ReconcileResult | undefined> {
    const pod = this.#pods.get(key)
    if (pod === undefined || !isPodActive(pod)) return undefined
    const node = this.#nodes.get(pod.spec?.nodeName ?? '')
    if (node === undefined) return undefined
    const now = this.#clock.now()
    const at = evictionTime(pod, this.#taints.of(node), now)
    if (at === undefined) return undefined
    if (at > now) return { requeueAfterMs: at - now }
    await this.#evict(pod)
    return undefined
  }

  async #evict(pod: Pod): Promise<void> {
    const { name = '', namespace = '', uid = '' } = pod.metadata
    this.#loop.events.record(
      pod,
      'Normal',
      'TaintManagerEviction',
      `Marking for deletion Pod ${namespace}/${name}`,
    )
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'DeletionByTaintManager',
      message: 'Taint manager: deleting due to NoExecute taint',
      lastTransitionTime: formatTime(this.#clock.now()),
    }
    const body = { metadata: { uid }, status: { conditions: [condition] } }
    try {
      await this.#client.patch(
        Kinds.Pod,
        name,
        { type: 'strategic', body },
        { namespace, subresource: 'status' },
      )
      await this.#client.delete(Kinds.Pod, name, { namespace, preconditions: { uid } })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
}
