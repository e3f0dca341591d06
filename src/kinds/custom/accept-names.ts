import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
} from '../../kube/generated/types.ts'
import type { Kind } from '../../kube/index.ts'
import { isEstablished, withCondition } from './conditions.ts'

type Names = { -readonly [Key in keyof CustomResourceDefinitionNames]: CustomResourceDefinitionNames[Key] }

interface Conflict {
  readonly reason: string
  readonly message: string
}

/**
 * The status of a definition by the names that it asks for: each that no other definition of the group and no built-in kind has is
 * accepted, and once all are the definition is established, for good (apiextensions `pkg/controller/status/naming_controller.go`).
 */
export function acceptNames(
  definition: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
  builtIn: readonly Kind[],
  nowIso: string,
): {
  readonly names: CustomResourceDefinitionNames
  readonly conditions: readonly CustomResourceDefinitionCondition[]
} {
  const { spec, status } = definition
  const taken = namesTaken(definition, others, builtIn)
  const names: Names = { kind: '', plural: '', ...status?.acceptedNames }
  const conflicts: Conflict[] = []
  const accept = (field: 'kind' | 'listKind' | 'plural' | 'singular', used: ReadonlySet<string>): void => {
    const wanted = spec.names[field] ?? ''
    if (wanted !== names[field] && used.has(wanted))
      conflicts.push({
        reason: `${field[0]?.toUpperCase()}${field.slice(1)}Conflict`,
        message: `${JSON.stringify(wanted)} is already in use`,
      })
    else if (wanted !== '') names[field] = wanted
  }
  accept('plural', taken.resources)
  accept('singular', taken.resources)
  const shortNames = spec.names.shortNames ?? []
  const clashes = shortNames.filter(name => !names.shortNames?.includes(name) && taken.resources.has(name))
  if (clashes.length > 0)
    conflicts.push({
      reason: 'ShortNamesConflict',
      message: clashes.map(name => `${JSON.stringify(name)} is already in use`).join(', '),
    })
  else if (shortNames.length > 0) names.shortNames = shortNames
  else delete names.shortNames
  accept('kind', taken.kinds)
  accept('listKind', taken.kinds)
  if (spec.names.categories === undefined) delete names.categories
  else names.categories = spec.names.categories
  return { names, conditions: conditionsFor(definition, conflicts, nowIso) }
}

function conditionsFor(
  definition: CustomResourceDefinition,
  conflicts: readonly Conflict[],
  nowIso: string,
): readonly CustomResourceDefinitionCondition[] {
  // The last one found is told, as upstream does.
  const conflict = conflicts.at(-1)
  const accepted = withCondition(
    definition.status?.conditions ?? [],
    conflict === undefined
      ? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }
      : { type: 'NamesAccepted', status: 'False', ...conflict },
    nowIso,
  )
  if (isEstablished(definition)) return accepted
  return withCondition(
    accepted,
    conflict === undefined
      ? {
          type: 'Established',
          status: 'True',
          reason: 'InitialNamesAccepted',
          message: 'the initial names have been accepted',
        }
      : {
          type: 'Established',
          status: 'False',
          reason: 'NotAccepted',
          message: 'not all names are accepted',
        },
    nowIso,
  )
}

function namesTaken(
  definition: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
  builtIn: readonly Kind[],
): { readonly resources: ReadonlySet<string>; readonly kinds: ReadonlySet<string> } {
  const resources = new Set<string>()
  const kinds = new Set<string>()
  for (const kind of builtIn) {
    if (kind.group !== definition.spec.group) continue
    for (const name of [kind.plural, kind.singular, ...kind.shortNames]) resources.add(name)
    kinds.add(kind.kind).add(`${kind.kind}List`)
  }
  for (const other of others) {
    if (other.spec.group !== definition.spec.group || other.metadata.name === definition.metadata.name)
      continue
    const names = other.status?.acceptedNames
    for (const name of [names?.plural, names?.singular, ...(names?.shortNames ?? [])])
      if (name) resources.add(name)
    for (const name of [names?.kind, names?.listKind]) if (name) kinds.add(name)
  }
  return { resources, kinds }
}
