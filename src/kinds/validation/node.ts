import type { Node, Taint } from '../../kube/generated/types.ts'
import { labelKeyProblems, labelValueProblems } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import type { Problems } from './problems.ts'

/** kubernetes `ValidateNode` and `ValidateNodeUpdate`: taints, and what about a node never changes. */
export function validateNode(node: Draft<Node>, problems: Problems, old: Node | undefined): void {
  validateTaints(node.spec?.taints ?? [], 'spec.taints', problems)
  if (old === undefined) return
  for (const field of ['podCIDR', 'providerID'] as const) {
    const before = old.spec?.[field] ?? ''
    if (before !== '' && (node.spec?.[field] ?? '') !== before) {
      problems.forbidden(`spec.${field}`, `node updates may not change ${field} except from "" to valid`)
    }
  }
}

function validateTaints(taints: readonly Draft<Taint>[], path: string, problems: Problems): void {
  const seen = new Set<string>()
  taints.forEach(({ key = '', value = '', effect = '' }, index) => {
    const at = `${path}[${index}]`
    problems.invalidEach(`${at}.key`, key, labelKeyProblems(key))
    problems.invalidEach(`${at}.value`, value, labelValueProblems(value))
    if (effect === '') problems.required(`${at}.effect`)
    const identity = `${key}:${effect}`
    if (seen.has(identity)) problems.duplicate(at, { key, effect })
    seen.add(identity)
  })
}
