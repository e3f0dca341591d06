import type { Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm } from './generated/types.ts'

/** Whether any term of a node selector matches; one without terms matches nothing. */
export function matchesNodeSelector(selector: NodeSelector, node: Node): boolean {
  return selector.nodeSelectorTerms.some(term => matchesNodeSelectorTerm(term, node))
}

/** Whether all of a term's expressions hold. An empty term matches nothing (component-helpers `nodeaffinity`). */
export function matchesNodeSelectorTerm(term: NodeSelectorTerm, node: Node): boolean {
  const { matchExpressions = [], matchFields = [] } = term
  if (matchExpressions.length === 0 && matchFields.length === 0) return false
  const { labels = {} } = node.metadata
  // What every object inherits is no label.
  const labelOf = (key: string) => (Object.hasOwn(labels, key) ? labels[key] : undefined)
  return (
    matchExpressions.every(one => matchesRequirement(one, labelOf(one.key))) &&
    // `metadata.name` is the only field that upstream knows here.
    matchFields.every(one =>
      matchesRequirement(one, one.key === 'metadata.name' ? node.metadata.name : undefined),
    )
  )
}

function matchesRequirement(
  { operator, values = [] }: NodeSelectorRequirement,
  value: string | undefined,
): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'Gt':
      return compareIntegers(value, values[0], (a, b) => a > b)
    case 'Lt':
      return compareIntegers(value, values[0], (a, b) => a < b)
    default:
      return false
  }
}

function compareIntegers(
  value: string | undefined,
  bound: string | undefined,
  holds: (value: bigint, bound: bigint) => boolean,
): boolean {
  if (value === undefined || bound === undefined || !INTEGER.test(value) || !INTEGER.test(bound)) return false
  return holds(BigInt(value), BigInt(bound))
}

const INTEGER = /^-?\d+$/
