import type { Node } from '../generated/types.ts'

/** The condition of a Node whose agent serves ingresses. */
export const INGRESS_CONDITION = 'IngressServing'

/** True when requests to ingresses may be sent to this host. */
export function servesIngresses({ status }: Node): boolean {
  const conditions = status?.conditions ?? []
  const isTrue = (wanted: string) =>
    conditions.some(({ type, status }) => type === wanted && status === 'True')
  return isTrue(INGRESS_CONDITION) && isTrue('Ready')
}
