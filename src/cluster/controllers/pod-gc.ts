import { type Clock, messageOf, type Service } from '../../base/index.ts'
import type { Client, Informer } from '../../client/index.ts'
import {
  formatTime,
  isConflict,
  isNotFound,
  Kinds,
  type Node,
  type Pod,
  parseTime,
} from '../../kube/index.ts'
import { ControlLoop, type ControllerContext, type ReconcileResult } from './control-loop.ts'
import { conditionStatus } from './node-lifecycle/node-taints.ts'
import { isPodTerminal } from './pod-state.ts'

const NAME = 'pod-garbage-collector'
/** It looks at all pods at once, under one key. */
const ALL = 'all'
/** kubernetes `pkg/controller/podgc`: how often it looks, and how long a node must be missing before its pods count as lost. */
const PERIOD_MS = 20_000
const QUARANTINE_MS = 40_000
/** Put on a node by a person who knows that it is off and stays so (upstream's non-graceful node shutdown). */
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service'

export interface PodGcOptions {
  /** Ended pods beyond so many are deleted, the oldest first. Default 12,500. */
  readonly terminatedPodThreshold?: number
}

/**
 * Deletes pods that no agent will ever end: those of nodes that are gone, those that end on a node that was declared out of service and
 * is not ready, those that end without a node, and too many ended ones.
 */
export class PodGarbageCollector implements Service {
  readonly #client: Client
  readonly #clock: Clock
  readonly #loop: ControlLoop
  readonly #pods: Informer<Pod>
  readonly #nodes: Informer<Node>
  readonly #threshold: number
  /** Since when each node that pods name has been missing. */
  readonly #missing = new Map<string, number>()

  constructor(context: ControllerContext, { terminatedPodThreshold = 12_500 }: PodGcOptions = {}) {
    this.#client = context.client
    this.#clock = context.clock
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: () => this.#collect(), workers: 1 })
    this.#pods = this.#loop.follow(Kinds.Pod)
    this.#nodes = this.#loop.follow(Kinds.Node)
    this.#threshold = terminatedPodThreshold
    this.#loop.add(ALL)
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  async #collect(): Promise<ReconcileResult> {
    const pods = this.#pods.list()
    const lost = await this.#lostNodes(pods)
    const doomed = new Map<Pod, string>()
    for (const pod of this.#excess(pods)) doomed.set(pod, 'too many ended pods')
    for (const pod of pods) {
      const node = pod.spec?.nodeName ?? ''
      if (lost.has(node)) doomed.set(pod, `node ${node} is gone`)
      else if (pod.metadata.deletionTimestamp === undefined) continue
      else if (node === '') doomed.set(pod, 'it ends and has no node')
      else if (this.#isOutOfService(node)) doomed.set(pod, `node ${node} is out of service`)
    }
    for (const [pod, reason] of doomed) {
      const fields = { namespace: pod.metadata.namespace, pod: pod.metadata.name, reason }
      try {
        if (!isPodTerminal(pod) && pod.spec?.nodeName) await this.#markFailed(pod, lost)
        await this.#delete(pod)
        this.#loop.log.info('collected a pod', fields)
      } catch (error) {
        if (isNotFound(error) || isConflict(error)) continue
        this.#loop.log.warn('cannot collect a pod, trying again', { ...fields, error: messageOf(error) })
      }
    }
    return { requeueAfterMs: PERIOD_MS }
  }

  /** Nodes that pods name, that have been missing long enough, and that the server does not know either. */
  async #lostNodes(pods: readonly Pod[]): Promise<ReadonlySet<string>> {
    const now = this.#clock.now()
    const named = new Set(pods.map(pod => pod.spec?.nodeName ?? ''))
    for (const name of this.#missing.keys())
      if (!named.has(name) || this.#nodes.get(name) !== undefined) this.#missing.delete(name)
    const lost = new Set<string>()
    for (const name of named) {
      if (name === '' || this.#nodes.get(name) !== undefined) continue
      const since = this.#missing.get(name)
      if (since === undefined) this.#missing.set(name, now)
      else if (now - since >= QUARANTINE_MS && (await this.#isGone(name))) lost.add(name)
    }
    return lost
  }

  /** A node that reports itself ready is not off, whatever somebody declared: its agent ends its pods. */
  #isOutOfService(name: string): boolean {
    const node = this.#nodes.get(name)
    return (
      node?.spec?.taints?.some(({ key }) => key === OUT_OF_SERVICE) === true &&
      conditionStatus(node, 'Ready') !== 'True'
    )
  }

  async #isGone(node: string): Promise<boolean> {
    try {
      await this.#client.get(Kinds.Node, node)
      return false
    } catch (error) {
      return isNotFound(error)
    }
  }

  #excess(pods: readonly Pod[]): readonly Pod[] {
    const ended = pods.filter(pod => isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined)
    if (ended.length <= this.#threshold) return []
    return ended.sort((a, b) => createdAt(a) - createdAt(b)).slice(0, ended.length - this.#threshold)
  }

  /** So that whoever waits for the pod learns that it failed, before it is gone. */
  async #markFailed(pod: Pod, lost: ReadonlySet<string>): Promise<void> {
    const { name = '', namespace = '', uid } = pod.metadata
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'DeletionByPodGC',
      message: 'PodGC: node no longer exists',
      lastTransitionTime: formatTime(this.#clock.now()),
    }
    // One that ends on a node out of service has the condition of whoever asked it to end.
    const conditions = lost.has(pod.spec?.nodeName ?? '') ? [condition] : []
    const body = { metadata: { uid }, status: { phase: 'Failed', conditions } }
    await this.#client.patch(
      Kinds.Pod,
      name,
      { type: 'strategic', body },
      { namespace, subresource: 'status' },
    )
  }

  async #delete(pod: Pod): Promise<void> {
    const { name = '', namespace = '', uid = '' } = pod.metadata
    await this.#client.delete(Kinds.Pod, name, { namespace, gracePeriodSeconds: 0, preconditions: { uid } })
  }
}

function createdAt(pod: Pod): number {
  return parseTime(pod.metadata.creationTimestamp) ?? 0
}
