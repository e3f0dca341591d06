import { resolvePlainScalar, resolveTaggedScalar, type ScalarResult } from './scalar.ts'

/** What a scalar of the syntax tree stands for. */
export function scalarOf(
  node: { readonly tag?: string; readonly type?: string | null },
  source: string,
): ScalarResult {
  if (node.tag !== undefined && node.tag !== '!') return resolveTaggedScalar(node.tag, source)
  if (node.tag === undefined && node.type === 'PLAIN') return resolvePlainScalar(source)
  return { value: source }
}

/** Where a node of the syntax tree begins, in the text. */
export function offsetOf(node: unknown): number {
  return (node as { range?: readonly number[] | null } | null)?.range?.[0] ?? 0
}
