import type { MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from '../../kube/generated/types.ts'

/** A table shows so many metrics of an autoscaler, and counts the rest. */
const MAX_SHOWN = 2

/** What an autoscaler measures, as `kubectl get hpa` shows it: `cpu: 12%/80%`. */
export function formatMetrics(specs: readonly MetricSpec[], statuses: readonly MetricStatus[]): string {
  if (specs.length === 0) return '<none>'
  const shown = specs.slice(0, MAX_SHOWN).map((spec, index) => formatMetric(spec, statuses[index]))
  const more = specs.length - shown.length
  return more > 0 ? `${shown.join(', ')} + ${more} more...` : shown.join(', ')
}

function formatMetric(spec: MetricSpec, status: MetricStatus | undefined): string {
  switch (spec.type) {
    case 'Resource':
      return `${spec.resource?.name}: ${formatShare(spec.resource?.target, status?.resource?.current)}`
    case 'ContainerResource':
      return `${spec.containerResource?.name}: ${formatShare(spec.containerResource?.target, status?.containerResource?.current)}`
    case 'Pods':
      return `${status?.pods?.current.averageValue ?? '<unknown>'}/${spec.pods?.target.averageValue ?? ''}`
    case 'Object':
      return formatAmount(spec.object?.target, status?.object?.current)
    case 'External':
      return formatAmount(spec.external?.target, status?.external?.current)
    default:
      return '<unknown type>'
  }
}

/** A share of what pods request, or an amount for each of them. */
function formatShare(target: MetricTarget | undefined, current: MetricValueStatus | undefined): string {
  if (target?.averageValue !== undefined)
    return `${current?.averageValue ?? '<unknown>'}/${target.averageValue}`
  const [now, then] = [current?.averageUtilization, target?.averageUtilization]
  return `${now === undefined ? '<unknown>' : `${now}%`}/${then === undefined ? '<auto>' : `${then}%`}`
}

function formatAmount(target: MetricTarget | undefined, current: MetricValueStatus | undefined): string {
  if (target?.averageValue !== undefined)
    return `${current?.averageValue ?? '<unknown>'}/${target.averageValue} (avg)`
  return `${current?.value ?? '<unknown>'}/${target?.value ?? ''}`
}
