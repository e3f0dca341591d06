import type { ConfigMap } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, numberColumn } from '../table/columns.ts'
import { validateConfigData } from '../validation/config-data.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const configMapKind: KindDefinition<ConfigMap> = defineKind(Kinds.ConfigMap, {
  definition: 'io.k8s.api.core.v1.ConfigMap',
  columns: [nameColumn, numberColumn('Data', 'Number of keys.'), ageColumn],
  row: (object, nowMs) => [
    nameOf(object),
    Object.keys(object.data ?? {}).length + Object.keys(object.binaryData ?? {}).length,
    ageOf(object, nowMs),
  ],
  validate(object, problems, old) {
    validateConfigData(object, { data: 'text', binaryData: 'base64' }, problems, old)
    for (const key of Object.keys(object.data ?? {})) {
      if (Object.hasOwn(object.binaryData ?? {}, key))
        problems.invalid(`data[${key}]`, key, 'duplicate of key present in binaryData')
    }
  },
})
