import { deepEqual } from '../../base/index.ts'
import type { CSINode } from '../../kube/generated/types.ts'
import { Kinds, labelKeyProblems } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, numberColumn } from '../table/columns.ts'
import { validateDriverName } from '../validation/csi.ts'
import { defineKind, type KindDefinition } from './definition.ts'

const MAX_NODE_ID = 192

export const csiNodeKind: KindDefinition<CSINode> = defineKind(Kinds.CSINode, {
  definition: 'io.k8s.api.storage.v1.CSINode',
  inert: 'hosts do not talk to CSI drivers',
  columns: [nameColumn, numberColumn('Drivers', 'How many CSI drivers the host has.'), ageColumn],
  row: (object, nowMs) => [nameOf(object), object.spec.drivers.length, ageOf(object, nowMs)],
  validate({ spec }, problems, old) {
    const names = new Set<string>()
    spec?.drivers?.forEach((driver, index) => {
      const path = `spec.drivers[${index}]`
      const { name = '', nodeID = '', topologyKeys = [], allocatable } = driver
      validateDriverName(name, `${path}.name`, problems)
      if (names.has(name)) problems.duplicate(`${path}.name`, name)
      names.add(name)
      if (nodeID === '') problems.required(`${path}.nodeID`, 'nodeID must be set')
      else if (nodeID.length > MAX_NODE_ID)
        problems.invalid(`${path}.nodeID`, nodeID, `must be ${MAX_NODE_ID} characters or less`)
      topologyKeys.forEach((key, number) => {
        problems.invalidEach(`${path}.topologyKeys[${number}]`, key, labelKeyProblems(key))
        if (topologyKeys.indexOf(key) < number) problems.duplicate(`${path}.topologyKeys[${number}]`, key)
      })
      if ((allocatable?.count ?? 0) < 0)
        problems.invalid(
          `${path}.allocatable.count`,
          allocatable?.count,
          'must be greater than or equal to 0',
        )
      const before = old?.spec.drivers.find(one => one.name === name)
      if (before !== undefined && !deepEqual(before, driver))
        problems.invalid(`${path}`, driver, 'field is immutable')
    })
  },
})
