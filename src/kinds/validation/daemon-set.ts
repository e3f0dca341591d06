import { deepEqual } from '../../base/index.ts'
import type { DaemonSet, DaemonSetUpdateStrategy } from '../../kube/generated/types.ts'
import type { Draft } from '../definitions/definition.ts'
import type { Problems } from './problems.ts'
import {
  isZeroAmount,
  nonNegative,
  validateIntOrPercent,
  validateTemplateAndSelector,
  validateUpTo100Percent,
} from './workload.ts'

/** kubernetes `ValidateDaemonSet`, `ValidateDaemonSetUpdate` and `ValidateDaemonSetStatusUpdate`. */
export function validateDaemonSet(
  { spec, status }: Draft<DaemonSet>,
  problems: Problems,
  old: DaemonSet | undefined,
): void {
  if (spec === undefined) return problems.required('spec')
  validateTemplateAndSelector(spec, problems, {
    emptySelector: 'empty selector is invalid for daemonset',
    noDeadline: 'activeDeadlineSeconds in DaemonSet is not Supported',
    claimed: [],
  })
  if (old?.spec !== undefined && !deepEqual(spec.selector, old.spec.selector))
    problems.invalid('spec.selector', spec.selector, 'field is immutable')
  nonNegative('spec.minReadySeconds', spec.minReadySeconds, problems)
  nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit, problems)
  validateStrategy(spec.updateStrategy, problems)
  for (const [field, value] of Object.entries(status ?? {}))
    if (typeof value === 'number') nonNegative(`status.${field}`, value, problems)
}

function validateStrategy(strategy: Draft<DaemonSetUpdateStrategy> | undefined, problems: Problems): void {
  if (strategy?.type !== 'RollingUpdate') return
  const path = 'spec.updateStrategy.rollingUpdate'
  const { maxSurge = 0, maxUnavailable = 1 } = strategy.rollingUpdate ?? {}
  for (const [field, value] of Object.entries({ maxUnavailable, maxSurge })) {
    validateIntOrPercent(value, `${path}.${field}`, problems)
    validateUpTo100Percent(value, `${path}.${field}`, problems)
  }
  if (!isZeroAmount(maxUnavailable) && !isZeroAmount(maxSurge))
    problems.invalid(`${path}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero')
  if (isZeroAmount(maxUnavailable) && isZeroAmount(maxSurge))
    problems.required(`${path}.maxUnavailable`, 'cannot be 0 when maxSurge is 0')
}
