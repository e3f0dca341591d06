import { claimLimitProblems, podLimitProblems, withDefaultLimits } from '../../../kinds/index.ts'
import {
  type Kind,
  Kinds,
  type LimitRange,
  type PersistentVolumeClaim,
  type Pod,
  quantityProblem,
} from '../../../kube/index.ts'
import { selectionOf } from '../cache/selection.ts'
import type { World } from '../cache/world.ts'
import type { Admission } from '../contract.ts'
import { forbidden } from '../refusals.ts'

/** Upstream's LimitRanger: pods and claims get what their namespace's LimitRanges give, and are refused beyond what they allow. */
export function limitRanges(world: World): Admission {
  const rangesIn = (namespace: string): readonly LimitRange[] =>
    world
      .cacheOf(Kinds.LimitRange)
      .select(selectionOf(Kinds.LimitRange, { namespace, labelSelector: '', fieldSelector: '' }))
      .map(({ object }) => object as LimitRange)
  return {
    admit({ verb, kind, subresource, namespace, name, object }) {
      if (kind.group !== '' || subresource !== '' || verb === 'delete' || object === undefined) return object
      if (kind.kind === Kinds.Pod.kind && verb === 'create') {
        const ranges = rangesIn(namespace)
        if (ranges.length === 0) return object
        const pod = withDefaultLimits(object as Pod, ranges)
        if (hasGoodAmounts(pod)) refuse(kind, name, podLimitProblems(pod, ranges))
        return pod
      }
      if (kind.kind === Kinds.PersistentVolumeClaim.kind) {
        const size = (object as PersistentVolumeClaim).spec?.resources?.requests?.storage
        if (size !== undefined && quantityProblem(size) === undefined)
          refuse(kind, name, claimLimitProblems(size, rangesIn(namespace)))
      }
      return object
    },
  }
}

/** Amounts that cannot be read are validation's to refuse, which comes later. */
function hasGoodAmounts({ spec }: Pod): boolean {
  return [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].every(({ resources }) =>
    [...Object.values(resources?.requests ?? {}), ...Object.values(resources?.limits ?? {})].every(
      amount => quantityProblem(amount) === undefined,
    ),
  )
}

function refuse(kind: Kind, name: string, problems: readonly string[]): void {
  if (problems.length === 0) return
  throw forbidden(kind, name, problems.length === 1 ? (problems[0] as string) : `[${problems.join(', ')}]`)
}
