import { type Clock, type Logger, messageOf } from '../../../base/index.ts'
import type { Client } from '../../../client/index.ts'
import {
  CHALLENGES_ANSWERED_ANNOTATION,
  formatTime,
  INGRESS_CONDITION,
  isNotFound,
  Kinds,
  type Node,
} from '../../../kube/index.ts'

/** How the ingress of this host is. */
export interface IngressState {
  readonly serving: boolean
  /** `Serving`, `NothingToServe`, `StandBy`, `PortTaken`, `NotInstalled`, `Failed`. */
  readonly reason: string
  readonly message: string
  /** See `challengesDigest`. */
  readonly challenges: string
}

export interface NodeReportOptions {
  readonly client: Client
  readonly nodeName: string
  /** The Node as the server has it; undefined before it is registered. */
  readonly node: () => Node | undefined
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Keeps the condition `IngressServing` of this host's Node true, and the annotation that says which ACME challenges are answered here. The
 * ingress alone writes both.
 */
export class NodeReport {
  readonly #options: NodeReportOptions
  /** What was last written, and upon which version of the Node: newer than what `node` gives for a while. */
  #told: IngressState | undefined

  constructor(options: NodeReportOptions) {
    this.#options = options
  }

  /** Writes what differs. What fails is tried again at the next call. */
  async tell(state: IngressState): Promise<void> {
    const { node: nodeOf, log } = this.#options
    const node = nodeOf()
    if (node === undefined) return
    const isTold = this.#told !== undefined && sameState(this.#told, state)
    try {
      if (!isTold || !hasCondition(node, state)) await this.#writeCondition(node, state)
      if (!isTold || answered(node) !== state.challenges) await this.#writeChallenges(node, state)
      this.#told = state
    } catch (error) {
      if (!isNotFound(error))
        log.warn('the state of the ingress was not written', { error: messageOf(error) })
    }
  }

  async #writeCondition(node: Node, { serving, reason, message }: IngressState): Promise<void> {
    const { client, nodeName, clock } = this.#options
    const status = serving ? 'True' : 'False'
    const before = conditionOf(node)
    // A host that never had anything to serve needs no word about it.
    if (before === undefined && reason === 'NothingToServe') return
    const since = before?.status === status ? before.lastTransitionTime : undefined
    const now = formatTime(clock.now())
    const times = { lastHeartbeatTime: now, lastTransitionTime: since ?? now }
    const body = { status: { conditions: [{ type: INGRESS_CONDITION, status, reason, message, ...times }] } }
    await client.patch(Kinds.Node, nodeName, { type: 'strategic', body }, { subresource: 'status' })
  }

  async #writeChallenges(node: Node, { challenges }: IngressState): Promise<void> {
    if (answered(node) === challenges) return
    const value = challenges === '' ? null : challenges
    const body = { metadata: { annotations: { [CHALLENGES_ANSWERED_ANNOTATION]: value } } }
    await this.#options.client.patch(Kinds.Node, this.#options.nodeName, { type: 'merge', body })
  }
}

function sameState(a: IngressState, b: IngressState): boolean {
  return (
    a.serving === b.serving &&
    a.reason === b.reason &&
    a.message === b.message &&
    a.challenges === b.challenges
  )
}

function hasCondition(node: Node, { reason, message }: IngressState): boolean {
  const found = conditionOf(node)
  return found === undefined
    ? reason === 'NothingToServe'
    : found.reason === reason && found.message === message
}

function conditionOf({ status }: Node) {
  return status?.conditions?.find(({ type }) => type === INGRESS_CONDITION)
}

function answered({ metadata }: Node): string {
  return metadata.annotations?.[CHALLENGES_ANSWERED_ANNOTATION] ?? ''
}
