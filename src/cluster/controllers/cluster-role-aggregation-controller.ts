import { deepEqual, type Logger, type Service, WorkQueue } from '../../base/index.ts'
import { type Client, type Informer, untilSynced } from '../../client/index.ts'
import {
  type ClusterRole,
  Kinds,
  labelSelectorFromObject,
  matchesLabels,
  type PolicyRule,
} from '../../kube/index.ts'
import { type ControllerContext, voiceOf } from './context.ts'
import { runController } from './controller.ts'

const NAME = 'clusterrole-aggregation-controller'

/**
 * Keeps the rules of every ClusterRole with an aggregationRule equal to those of the roles that it selects (kubernetes
 * `clusterroleaggregation`): rules that somebody writes into such a role go away again.
 */
export class ClusterRoleAggregationController implements Service {
  readonly #client: Client
  readonly #log: Logger
  readonly #roles: Informer<ClusterRole>
  readonly #queue: WorkQueue

  constructor(context: ControllerContext) {
    this.#client = context.client
    this.#log = voiceOf(context, NAME).log
    this.#roles = context.informers.of(Kinds.ClusterRole)
    this.#queue = new WorkQueue(context.clock)
  }

  async start(signal: AbortSignal): Promise<void> {
    // A role that changes may have entered or left any selection, with its old labels or its new ones.
    const look = () => {
      for (const { metadata, aggregationRule } of this.#roles.list())
        if (aggregationRule !== undefined) this.#queue.add(metadata.name ?? '')
    }
    const unsubscribe = this.#roles.subscribe({ added: look, updated: look, deleted: look })
    if (await untilSynced([this.#roles], signal))
      await runController(
        { name: NAME, queue: this.#queue, reconcile: key => this.#reconcile(key), log: this.#log },
        signal,
      )
    unsubscribe()
  }

  async #reconcile(name: string): Promise<void> {
    const role = this.#roles.get(name)
    if (role?.aggregationRule === undefined) return
    const rules = gatheredRules(role, this.#roles.list())
    if (deepEqual(rules, role.rules ?? [])) return
    await this.#client.update(Kinds.ClusterRole, { ...role, rules: [...rules] })
  }
}

/** The rules of the roles that an aggregated role selects, each once, by the names of their roles. */
export function gatheredRules(role: ClusterRole, roles: readonly ClusterRole[]): readonly PolicyRule[] {
  const selectors = (role.aggregationRule?.clusterRoleSelectors ?? []).map(labelSelectorFromObject)
  const nameOf = ({ metadata }: ClusterRole): string => metadata.name ?? ''
  const gathered: PolicyRule[] = []
  const selected = roles
    .filter(other => nameOf(other) !== nameOf(role))
    .filter(({ metadata }) => selectors.some(selector => matchesLabels(selector, metadata.labels)))
    .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
  for (const { rules = [] } of selected)
    for (const rule of rules) if (!gathered.some(known => deepEqual(known, rule))) gathered.push(rule)
  return gathered
}
