import { type Kind, passingKinds } from '../../kube/index.ts'
import { nameColumn, nameOf } from '../table/columns.ts'
import { defineKind, type KindDefinition } from './definition.ts'

/** The definitions of {@link passingKinds}. */
export const passingDefinitions: readonly KindDefinition[] = passingKinds.map(review)

function review(kind: Kind): KindDefinition {
  return defineKind(kind, {
    definition: `io.k8s.api.${kind.group.split('.')[0]}.v1.${kind.kind}`,
    columns: [nameColumn],
    row: object => [nameOf(object)],
  })
}
