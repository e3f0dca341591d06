import type { Pod, ResourceQuota } from '../../kube/generated/types.ts'
import { type KubeObject, parseQuantity, type Quantity } from '../../kube/index.ts'
import { podQosClass } from '../pod/qos.ts'
import { resourceCountedBy } from './resource-names.ts'

/** A condition on the pods that a quota is for. */
interface Scope {
  readonly name: string
  readonly operator: string
  readonly values: readonly string[]
}

/** What a quota allows, and to which objects. */
export interface QuotaTerms {
  readonly name: string
  readonly hard: ReadonlyMap<string, Quantity>
  /** The resources of which it limits something, each with the names that their objects count towards. */
  readonly resources: ReadonlyMap<string, readonly string[]>
  readonly scopes: readonly Scope[]
}

/** The terms of a quota, by its spec: they hold from the moment it is stored. */
export function quotaTerms({ metadata, spec = {} }: ResourceQuota): QuotaTerms {
  const hard = new Map(Object.entries(spec.hard ?? {}).map(([name, text]) => [name, parseQuantity(text)]))
  const resources = new Map<string, string[]>()
  for (const name of [...hard.keys()].sort()) {
    const resource = resourceCountedBy(name)
    if (resource === undefined || UNCOUNTED.has(resource)) continue
    const names = resources.get(resource)
    if (names === undefined) resources.set(resource, [name])
    else names.push(name)
  }
  const scopes = [
    ...(spec.scopes ?? []).map(name => ({ name, operator: 'Exists', values: [] })),
    ...(spec.scopeSelector?.matchExpressions ?? []).map(({ scopeName, operator, values = [] }) => ({
      name: scopeName,
      operator,
      values,
    })),
  ]
  return { name: metadata.name ?? '', hard, resources, scopes }
}

/**
 * What no quota can hold up: events, as upstream has it; the record of what Bowline did; and what stands for network policies on hosts, without
 * which these would not be kept.
 */
const UNCOUNTED: ReadonlySet<string> = new Set([
  'events',
  'events.events.k8s.io',
  'policyendpoints.bowline.dev',
  'records.bowline.dev',
])

/** Whether a quota is for an object. One with scopes is for pods only (kubernetes `podMatchesScopeFunc`). */
export function isInScopes({ scopes }: QuotaTerms, resource: string, object: KubeObject): boolean {
  if (scopes.length === 0) return true
  return resource === 'pods' && scopes.every(scope => isInScope(scope, object as Pod))
}

function isInScope({ name, operator, values }: Scope, { spec }: Pod): boolean {
  switch (name) {
    case 'Terminating':
      return isTimed(spec)
    case 'NotTerminating':
      return !isTimed(spec)
    case 'BestEffort':
      return isBestEffort(spec)
    case 'NotBestEffort':
      return !isBestEffort(spec)
    case 'CrossNamespacePodAffinity':
      return looksIntoNamespaces(spec)
    case 'PriorityClass':
      return matchesValue(spec?.priorityClassName, operator, values)
    default:
      return false
  }
}

/** As a label of that name would match. */
function matchesValue(value: string | undefined, operator: string, values: readonly string[]): boolean {
  const isThere = value !== undefined && value !== ''
  if (operator === 'Exists') return isThere
  if (operator === 'DoesNotExist') return !isThere
  if (operator === 'In') return isThere && values.includes(value)
  return operator === 'NotIn' && !(isThere && values.includes(value))
}

function isTimed(spec: Pod['spec']): boolean {
  return spec?.activeDeadlineSeconds !== undefined && spec.activeDeadlineSeconds >= 0
}

function isBestEffort(spec: Pod['spec']): boolean {
  return podQosClass(spec as Parameters<typeof podQosClass>[0]) === 'BestEffort'
}

function looksIntoNamespaces(spec: Pod['spec']): boolean {
  const { podAffinity, podAntiAffinity } = spec?.affinity ?? {}
  return [podAffinity, podAntiAffinity]
    .flatMap(affinity => [
      ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
      ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
        ({ podAffinityTerm }) => podAffinityTerm,
      ),
    ])
    .some(
      ({ namespaces = [], namespaceSelector }) => namespaces.length > 0 || namespaceSelector !== undefined,
    )
}
