import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
} from '../../kube/generated/types.ts'

/** The finalizer that keeps a definition until its objects are gone. */
export const CUSTOM_RESOURCE_CLEANUP = 'customresourcecleanup.apiextensions.k8s.io'

export type DefinitionConditionType = 'Established' | 'NamesAccepted' | 'Terminating'

export function hasCondition(
  { status }: Pick<CustomResourceDefinition, 'status'>,
  type: DefinitionConditionType,
): boolean {
  return (
    status?.conditions?.some(condition => condition.type === type && condition.status === 'True') ?? false
  )
}

/** Whether the kinds of a definition are served: its names were accepted once. */
export function isEstablished(definition: Pick<CustomResourceDefinition, 'status'>): boolean {
  return hasCondition(definition, 'Established')
}

/** The conditions with one of them set; the time of the change stays while the status does. */
export function withCondition(
  conditions: readonly CustomResourceDefinitionCondition[],
  next: Omit<CustomResourceDefinitionCondition, 'lastTransitionTime'> & {
    readonly type: DefinitionConditionType
  },
  nowIso: string,
): readonly CustomResourceDefinitionCondition[] {
  const old = conditions.find(condition => condition.type === next.type)
  const time = old?.status === next.status ? (old.lastTransitionTime ?? nowIso) : nowIso
  const condition = { lastTransitionTime: time, ...next }
  return old === undefined
    ? [...conditions, condition]
    : conditions.map(other => (other === old ? condition : other))
}
