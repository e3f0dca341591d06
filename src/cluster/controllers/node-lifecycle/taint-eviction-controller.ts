import { type Clock, deepEqual, type Logger, type Service, WorkQueue } from '../../../base/index.ts'
import { type Client, type EventRecorder, type Informer, untilSynced } from '../../../client/index.ts'
import { formatTime, isNotFound, Kinds, type Node, objectKey, type Pod } from '../../../kube/index.ts'
import { type ControllerContext, voiceOf } from '../context.ts'
import { type ReconcileResult, runController } from '../controller.ts'
import { isPodActive } from '../pod-state.ts'
import { byNode, NODE_INDEX } from '../pods-of-node.ts'
import { evictionTime } from './eviction-time.ts'

const NAME = 'taint-eviction-controller'

/** Deletes pods from nodes whose NoExecute taints they do not tolerate, or not any longer. */
export class TaintEvictionController implements Service {
  readonly #client: Client
  readonly #clock: Clock
  readonly #log: Logger
  readonly #events: EventRecorder
  readonly #nodes: Informer<Node>
  readonly #pods: Informer<Pod>
  readonly #queue: WorkQueue

  constructor(context: ControllerContext) {
    const { events, log } = voiceOf(context, NAME)
    this.#client = context.client
    this.#clock = context.clock
    this.#log = log
    this.#events = events
    this.#nodes = context.informers.of(Kinds.Node)
    this.#pods = context.informers.of(Kinds.Pod)
    this.#pods.addIndex(NODE_INDEX, byNode)
    this.#queue = new WorkQueue(context.clock)
  }

  async start(signal: AbortSignal): Promise<void> {
    const subscriptions = [
      this.#nodes.subscribe({
        added: node => this.#taintsSeen(node),
        updated: (node, previous) => {
          if (!deepEqual(evicting(node), evicting(previous))) this.#taintsSeen(node)
        },
      }),
      this.#pods.subscribe({
        added: pod => this.#podSeen(pod),
        updated: (pod, previous) => {
          if (
            pod.spec?.nodeName !== previous.spec?.nodeName ||
            !deepEqual(pod.spec?.tolerations, previous.spec?.tolerations)
          )
            this.#podSeen(pod)
        },
      }),
    ]
    if (await untilSynced([this.#nodes, this.#pods], signal))
      await runController(
        {
          name: NAME,
          queue: this.#queue,
          reconcile: key => this.#reconcile(key),
          workers: 8,
          log: this.#log,
        },
        signal,
      )
    for (const unsubscribe of subscriptions) unsubscribe()
    await this.#events.close()
  }

  #taintsSeen(node: Node): void {
    for (const pod of this.#pods.byIndex(NODE_INDEX, node.metadata.name ?? ''))
      this.#queue.add(objectKey(pod))
  }

  #podSeen(pod: Pod): void {
    const node = this.#nodes.get(pod.spec?.nodeName ?? '')
    if (node !== undefined && evicting(node).length > 0) this.#queue.add(objectKey(pod))
  }

  async #reconcile(key: string): Promise<ReconcileResult | undefined> {
    const pod = this.#pods.get(key)
    if (pod === undefined || !isPodActive(pod)) return undefined
    const node = this.#nodes.get(pod.spec?.nodeName ?? '')
    if (node === undefined) return undefined
    const now = this.#clock.now()
    const at = evictionTime(pod, evicting(node), now)
    if (at === undefined) return undefined
    if (at > now) return { requeueAfterMs: at - now }
    await this.#evict(pod)
    return undefined
  }

  async #evict(pod: Pod): Promise<void> {
    const { name = '', namespace = '', uid = '' } = pod.metadata
    this.#events.record(
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

function evicting(node: Node) {
  return (node.spec?.taints ?? []).filter(taint => taint.effect === 'NoExecute')
}
