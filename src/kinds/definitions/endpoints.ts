import type { Endpoints } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { validateEndpoints } from '../validation/endpoints.ts'
import { defineKind, type KindDefinition } from './definition.ts'

/** As many addresses as a table shows. */
const SHOWN = 3

export const endpointsKind: KindDefinition<Endpoints> = defineKind(Kinds.Endpoints, {
  definition: 'io.k8s.api.core.v1.Endpoints',
  columns: [nameColumn, textColumn('Endpoints', 'The ready addresses with their ports.'), ageColumn],
  row: (object, nowMs) => [nameOf(object), addresses(object), ageOf(object, nowMs)],
  validate: validateEndpoints,
})

/** kubernetes `formatEndpoints`. */
function addresses({ subsets = [] }: Endpoints): string {
  const all = subsets.flatMap(({ addresses: ready = [], ports = [] }) =>
    ports.length === 0
      ? ready.map(({ ip }) => ip)
      : ports.flatMap(({ port }) =>
          ready.map(({ ip }) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)),
        ),
  )
  if (all.length === 0) return '<none>'
  const shown = all.slice(0, SHOWN).join(',')
  return all.length > SHOWN ? `${shown} + ${all.length - SHOWN} more...` : shown
}
