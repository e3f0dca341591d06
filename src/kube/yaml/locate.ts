import type { Pair } from 'yaml'
import type { FieldStep } from '../field-path.ts'
import { offsetOf, scalarOf } from './node.ts'
import { yaml } from './package.ts'

/** The offset of the node at `path`; of the last one on the way that exists when the rest does not. */
export function locate(root: unknown, path: readonly FieldStep[], at: 'key' | 'value'): number {
  let node = root
  let offset = offsetOf(root)
  for (const [index, step] of path.entries()) {
    const next = stepInto(node, step)
    if (next === undefined) return offset
    const isLast = index === path.length - 1
    const useKey = next.key !== undefined && (isLast ? at === 'key' || !yaml().isScalar(next.value) : true)
    const target = useKey ? next.key : next.value
    // An empty value has no place of its own that a person would recognise.
    const shown =
      yaml().isScalar(target) && target.source === '' && next.key !== undefined ? next.key : target
    offset = offsetOf(shown ?? next.key)
    node = next.value
  }
  return offset
}

function stepInto(
  node: unknown,
  step: FieldStep,
): { readonly key?: unknown; readonly value: unknown } | undefined {
  if (yaml().isMap(node)) {
    if (typeof step === 'object') return undefined
    const pair = (node.items as Pair[]).findLast(
      ({ key }) => yaml().isScalar(key) && keyText(key) === String(step),
    )
    return pair === undefined ? undefined : { key: pair.key, value: pair.value }
  }
  if (!yaml().isSeq(node)) return undefined
  if (typeof step === 'number') return step < node.items.length ? { value: node.items[step] } : undefined
  if (typeof step === 'string') return undefined
  const item = node.items.find(
    candidate =>
      yaml().isMap(candidate) &&
      (candidate.items as Pair[]).some(
        ({ key, value }) =>
          yaml().isScalar(key) &&
          key.source === step.key &&
          yaml().isScalar(value) &&
          value.source === step.value,
      ),
  )
  return item === undefined ? undefined : { value: item }
}

function keyText(key: { readonly source?: string; readonly tag?: string; readonly type?: unknown }): string {
  const result = scalarOf(
    { ...(key.tag === undefined ? {} : { tag: key.tag }), type: String(key.type) },
    key.source ?? '',
  )
  return 'value' in result ? String(result.value) : ''
}
