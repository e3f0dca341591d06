import type { NetworkPolicy } from '../../kube/generated/types.ts'
import { formatLabelSelector, Kinds, labelSelectorFromObject } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { setPolicyTypes, validateNetworkPolicy } from '../validation/network-policy.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const networkPolicyKind: KindDefinition<NetworkPolicy> = defineKind(Kinds.NetworkPolicy, {
  definition: 'io.k8s.api.networking.v1.NetworkPolicy',
  generation: 'spec',
  columns: [nameColumn, textColumn('Pod-Selector', 'The pods that it holds for.'), ageColumn],
  row: (object, nowMs) => [
    nameOf(object),
    formatLabelSelector(labelSelectorFromObject(object.spec?.podSelector)) || '<none>',
    ageOf(object, nowMs),
  ],
  setDefaults: setPolicyTypes,
  validate: validateNetworkPolicy,
})
