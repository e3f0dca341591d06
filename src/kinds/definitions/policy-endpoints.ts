import type { PolicyEndpoints, PolicyIsolation } from '../../kube/generated/types.ts'
import { formatLabelSelector, Kinds, labelSelectorFromObject } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const policyEndpointsKind: KindDefinition<PolicyEndpoints> = defineKind(Kinds.PolicyEndpoints, {
  definition: 'dev.bowline.v1alpha1.PolicyEndpoints',
  columns: [
    nameColumn,
    textColumn('Pod-Selector', 'The pods that the policy is for.'),
    textColumn('Ingress', 'How many addresses of pods may reach them.'),
    textColumn('Egress', 'How many addresses of pods they may reach.'),
    ageColumn,
  ],
  row: (object, nowMs) => [
    nameOf(object),
    formatLabelSelector(labelSelectorFromObject(object.spec.podSelector)) || '<none>',
    peers(object.spec.ingress),
    peers(object.spec.egress),
    ageOf(object, nowMs),
  ],
})

function peers(isolation: PolicyIsolation | undefined): string {
  if (isolation === undefined || isolation.allow.some(({ anyPeer }) => anyPeer)) return '<any>'
  return String(new Set(isolation.allow.flatMap(({ addresses = [] }) => addresses)).size)
}
