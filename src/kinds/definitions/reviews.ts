import { componentStatusKind, type Kind, passingKinds } from '../../kube/index.ts'
import { nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { defineKind, type KindDefinition } from './definition.ts'

/** The definitions of {@link passingKinds}. */
export const passingDefinitions: readonly KindDefinition[] = [
  ...passingKinds.filter(kind => kind !== componentStatusKind).map(review),
  defineKind(componentStatusKind, {
    definition: 'io.k8s.api.core.v1.ComponentStatus',
    columns: [nameColumn, textColumn('Status'), textColumn('Message'), textColumn('Error')],
    row: ({ metadata, conditions = [] }) => {
      const { status, message = '', error = '' } = conditions.find(({ type }) => type === 'Healthy') ?? {}
      return [
        metadata.name ?? '',
        status === 'True' ? 'Healthy' : status === 'False' ? 'Unhealthy' : 'Unknown',
        message,
        error,
      ]
    },
  }) as KindDefinition,
]

function review(kind: Kind): KindDefinition {
  return defineKind(kind, {
    definition: `io.k8s.api.${kind.group.split('.')[0]}.v1.${kind.kind}`,
    columns: [nameColumn],
    row: object => [nameOf(object)],
  })
}
