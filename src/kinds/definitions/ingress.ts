import type { Ingress } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { validateIngress } from '../validation/ingress.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const ingressKind: KindDefinition<Ingress> = defineKind(Kinds.Ingress, {
  definition: 'io.k8s.api.networking.v1.Ingress',
  generation: 'spec',
  columns: [
    nameColumn,
    textColumn('Class', 'The class whose controller serves it.'),
    textColumn('Hosts', 'The hosts of its rules.'),
    textColumn('Address', 'Where it is served.'),
    textColumn('Ports', 'The ports that it is served on.'),
    ageColumn,
  ],
  row: (object, nowMs) => [
    nameOf(object),
    object.spec?.ingressClassName ?? '<none>',
    hosts(object),
    (object.status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? '').join(','),
    (object.spec?.tls ?? []).length > 0 ? '80, 443' : '80',
    ageOf(object, nowMs),
  ],
  validate: validateIngress,
  prepareForCreate(draft) {
    draft.status = { loadBalancer: {} }
  },
})

/** kubernetes `formatHosts`. */
function hosts({ spec }: Ingress): string {
  const named = (spec?.rules ?? []).flatMap(({ host }) => host || [])
  if (named.length === 0) return '*'
  return named.length > 3 ? `${named.slice(0, 3).join(',')} + ${named.length - 3} more...` : named.join(',')
}
