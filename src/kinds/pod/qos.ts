import type { PodSpec } from '../../kube/generated/types.ts'
import { compareQuantities, parseQuantity, quantityProblem } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'

/** The resources that decide the class. */
const RESOURCES = ['cpu', 'memory']

/** `status.qosClass`, after kubernetes `ComputePodQOS`: who is killed first when the node runs out of memory. */
export function podQosClass(spec: Draft<PodSpec> | undefined): 'BestEffort' | 'Burstable' | 'Guaranteed' {
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]
  let asks = false
  let guaranteed = true
  for (const { resources } of containers) {
    for (const name of RESOURCES) {
      const limit = positive(resources?.limits?.[name])
      const request = positive(resources?.requests?.[name])
      if (limit !== undefined || request !== undefined) asks = true
      if (limit === undefined || (request !== undefined && compareQuantities(limit, request) !== 0))
        guaranteed = false
    }
  }
  if (!asks) return 'BestEffort'
  return guaranteed ? 'Guaranteed' : 'Burstable'
}

function positive(text: string | undefined): ReturnType<typeof parseQuantity> | undefined {
  if (text === undefined || quantityProblem(text) !== undefined) return undefined
  const quantity = parseQuantity(text)
  return quantity.nano > 0n ? quantity : undefined
}
