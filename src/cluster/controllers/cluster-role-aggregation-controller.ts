import { deepEqual, type Service } from '../../base/index.ts'
import type { Client, Informer } from '../../client/index.ts'
import {
  type ClusterRole,
  Kinds,
  labelSelectorFromObject,
  matchesLabels,
  type PolicyRule,
} from '../../kube/index.ts'
import { ControlLoop, type ControllerContext } from './control-loop.ts'

const NAME = 'clusterrole-aggregation-controller'

/**
 * Keeps the rules of every ClusterRole with an aggregationRule equal to those of the roles that it selects (kubernetes
 * `clusterroleaggregation`): rules that somebody writes into such a role go away again.
 */
export class ClusterRoleAggregationController implements Service {
  readonly #client: Client
  readonly #loop: ControlLoop
  readonly #roles: Informer<ClusterRole>

  constructor(context: ControllerContext) {
    this.#client = context.client
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key) })
    // A role that changes may have entered or left any selection, with its old labels or its new ones.
    this.#roles = this.#loop.follow(Kinds.ClusterRole, () => {
      for (const role of this.#roles.list()) if (role.aggregationRule !== undefined) this.#loop.enqueue(role)
    })
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
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
