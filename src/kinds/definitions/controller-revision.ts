import { deepEqual } from '../../base/index.ts'
import type { ControllerRevision } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, numberColumn, textColumn } from '../table/columns.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const controllerRevisionKind: KindDefinition<ControllerRevision> = defineKind(
  Kinds.ControllerRevision,
  {
    definition: 'io.k8s.api.apps.v1.ControllerRevision',
    columns: [
      nameColumn,
      textColumn('Controller', 'Whose template it keeps.'),
      numberColumn('Revision', 'Its number; the newest has the highest.'),
      ageColumn,
    ],
    row: (object, nowMs) => {
      const owner = object.metadata.ownerReferences?.find(({ controller }) => controller)
      return [
        nameOf(object),
        owner === undefined
          ? '<none>'
          : `${owner.kind.toLowerCase()}.${owner.apiVersion.split('/')[0]}/${owner.name}`,
        object.revision,
        ageOf(object, nowMs),
      ]
    },
    validate(object, problems, old) {
      if ((object.revision ?? 0) < 0)
        problems.invalid('revision', object.revision, 'must be greater than or equal to 0')
      if (object.data === undefined) problems.required('data', 'data is mandatory')
      // What a revision keeps never changes: that is what it is for.
      if (old !== undefined && !deepEqual(old.data, object.data))
        problems.invalid('data', '', 'field is immutable')
    },
  },
)
