import type { CustomResourceDefinition } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { validateDefinition } from '../custom/validate-definition.ts'
import { nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { type Draft, defineKind, type KindDefinition } from './definition.ts'

export const customResourceDefinitionKind: KindDefinition<CustomResourceDefinition> = defineKind(
  Kinds.CustomResourceDefinition,
  {
    definition: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
    generation: 'spec',
    columns: [nameColumn, textColumn('Created At', 'When the definition was made.')],
    row: object => [nameOf(object), object.metadata.creationTimestamp ?? ''],
    setDefaults(draft) {
      const { spec } = draft
      if (spec === undefined) return
      spec.conversion ??= { strategy: 'None' }
      const { names } = spec
      if (names?.kind === undefined || names.kind === '') return
      names.singular ||= names.kind.toLowerCase()
      names.listKind ||= `${names.kind}List`
    },
    validate: validateDefinition,
    prepareForCreate(draft) {
      draft.status = { storedVersions: storageVersions(draft) }
    },
    prepareForUpdate(draft, _old, subresource) {
      if (subresource !== '') return
      // What is stored from now on may be stored in this version too.
      const stored = draft.status?.storedVersions ?? []
      const added = storageVersions(draft).filter(name => !stored.includes(name))
      if (added.length > 0) draft.status = { ...draft.status, storedVersions: [...stored, ...added] }
    },
  },
)

function storageVersions({ spec }: Draft<CustomResourceDefinition>): string[] {
  return (spec?.versions ?? []).flatMap(({ name, storage }) =>
    storage === true && name !== undefined ? [name] : [],
  )
}
