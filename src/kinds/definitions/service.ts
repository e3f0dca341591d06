import type { Service, ServiceSpec } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { carryOver } from '../service/carry-over.ts'
import { setServiceDefaults } from '../service/defaults.ts'
import { validateService } from '../service/validate.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn, wide } from '../table/columns.ts'
import { formatSelectorMap } from '../table/selector-map.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const serviceKind: KindDefinition<Service> = defineKind(Kinds.Service, {
  definition: 'io.k8s.api.core.v1.Service',
  nameRule: 'rfc1035-label',
  selectable: {
    'spec.clusterIP': object => object.spec?.clusterIP ?? '',
    'spec.type': object => object.spec?.type ?? '',
  },
  columns: [
    nameColumn,
    textColumn('Type', 'How the service is reached.'),
    textColumn('Cluster-IP', 'The address inside the cluster.'),
    textColumn('External-IP', 'The addresses outside the cluster.'),
    textColumn('Port(s)', 'The ports, with those of the nodes.'),
    ageColumn,
    wide(textColumn('Selector', 'Labels of the pods.')),
  ],
  row: (object, nowMs) => [
    nameOf(object),
    object.spec?.type ?? 'ClusterIP',
    object.spec?.clusterIP || '<none>',
    externalAddresses(object),
    ports(object.spec),
    ageOf(object, nowMs),
    formatSelectorMap(object.spec?.selector) || '<none>',
  ],
  setDefaults: setServiceDefaults,
  defaultsSpanParts: true,
  validate: validateService,
  prepareForCreate(draft) {
    draft.status = { loadBalancer: {} }
  },
  prepareForUpdate(draft, old, subresource) {
    if (subresource === '' && draft.spec !== undefined) draft.spec = carryOver(draft.spec, old)
  },
})

/** kubernetes `getServiceExternalIP`. */
function externalAddresses({ spec, status }: Service): string {
  const fixed = spec?.externalIPs ?? []
  switch (spec?.type) {
    case 'ExternalName':
      return spec.externalName ?? ''
    case 'LoadBalancer': {
      const given = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip ?? hostname ?? [])
      return [...new Set([...given, ...fixed])].join(',') || '<pending>'
    }
    default:
      return fixed.join(',') || '<none>'
  }
}

function ports(spec: ServiceSpec | undefined): string {
  const texts = (spec?.ports ?? []).map(({ port, nodePort, protocol }) =>
    nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  )
  return texts.join(',') || '<none>'
}
