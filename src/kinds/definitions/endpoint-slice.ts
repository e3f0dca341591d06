import type { EndpointSlice } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { validateEndpointSlice } from '../validation/endpoints.ts'
import { defineKind, type KindDefinition } from './definition.ts'

/** As many ports or addresses as a table shows. */
const SHOWN = 3

export const endpointSliceKind: KindDefinition<EndpointSlice> = defineKind(Kinds.EndpointSlice, {
  definition: 'io.k8s.api.discovery.v1.EndpointSlice',
  generation: 'none',
  columns: [
    nameColumn,
    textColumn('AddressType', 'IPv4, IPv6 or FQDN.'),
    textColumn('Ports', 'The ports of every endpoint.'),
    textColumn('Endpoints', 'The addresses.'),
    ageColumn,
  ],
  row: (object, nowMs) => [
    nameOf(object),
    object.addressType,
    shorten(
      (object.ports ?? []).map(({ port, name }) => String(port ?? name ?? '*')),
      '<unset>',
    ),
    shorten(
      object.endpoints.flatMap(({ addresses }) => addresses),
      '<unset>',
    ),
    ageOf(object, nowMs),
  ],
  setDefaults(draft) {
    // A list without items is left out by those who apply it.
    draft.endpoints ??= []
    for (const port of draft.ports ?? []) port.name ??= ''
  },
  validate: validateEndpointSlice,
})

function shorten(texts: readonly string[], none: string): string {
  if (texts.length === 0) return none
  const shown = texts.slice(0, SHOWN).join(',')
  return texts.length > SHOWN ? `${shown} + ${texts.length - SHOWN} more...` : shown
}
