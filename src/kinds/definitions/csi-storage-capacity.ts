import { deepEqual } from '../../base/index.ts'
import type { CSIStorageCapacity } from '../../kube/generated/types.ts'
import { dnsSubdomainProblems, Kinds, parseQuantity, quantityProblem } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { validateLabelSelector } from '../validation/labels.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const csiStorageCapacityKind: KindDefinition<CSIStorageCapacity> = defineKind(
  Kinds.CSIStorageCapacity,
  {
    definition: 'io.k8s.api.storage.v1.CSIStorageCapacity',
    inert: 'the scheduler does not ask for the capacity of CSI drivers',
    columns: [
      nameColumn,
      textColumn('StorageClassName', 'The class whose volumes have room.'),
      textColumn('Capacity', 'How much room there is.'),
      ageColumn,
    ],
    row: (object, nowMs) => [
      nameOf(object),
      object.storageClassName,
      object.capacity ?? '<unset>',
      ageOf(object, nowMs),
    ],
    validate(object, problems, old) {
      const { storageClassName = '', nodeTopology } = object
      problems.invalidEach('storageClassName', storageClassName, dnsSubdomainProblems(storageClassName))
      validateLabelSelector(nodeTopology, 'nodeTopology', problems)
      for (const field of ['capacity', 'maximumVolumeSize'] as const) {
        const amount = object[field]
        if (amount !== undefined && quantityProblem(amount) === undefined && parseQuantity(amount).nano < 0n)
          problems.invalid(field, amount, 'must be greater than or equal to 0')
      }
      if (old === undefined) return
      for (const field of ['nodeTopology', 'storageClassName'] as const)
        if (!deepEqual(object[field], old[field]))
          problems.invalid(field, object[field], 'field is immutable')
    },
  },
)
