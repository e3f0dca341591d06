import { StatusError } from '../../kube/index.ts'
import { type FieldSet, intersectionOf, isEmptySet, pathsOf } from './field-set.ts'
import type { Manager } from './manager.ts'

/** A field that an apply would change although another manager owns it. */
export interface FieldConflict {
  /** As messages name the owner: `"kubectl-client-side-apply" using apps/v1`. */
  readonly manager: string
  /** `.spec.template.spec.containers[name="web"].image` */
  readonly path: string
}

/** The fields of `changed` that these managers own, by manager. */
export function conflictsWith(managers: readonly Manager[], changed: FieldSet): readonly FieldConflict[] {
  if (isEmptySet(changed)) return []
  return managers
    .map(manager => ({ name: describeManager(manager), fields: intersectionOf(manager.fields, changed) }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .flatMap(({ name, fields }) => pathsOf(fields).map(path => ({ manager: name, path })))
}

/** The 409 of an apply that was not forced, in upstream's words (apimachinery `NewConflictError`). */
export function applyConflictError(conflicts: readonly FieldConflict[]): StatusError {
  return new StatusError('Conflict', conflictMessage(conflicts), {
    causes: conflicts.map(({ manager, path }) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${manager}`,
      field: path,
    })),
  })
}

function conflictMessage(conflicts: readonly FieldConflict[]): string {
  const [first] = conflicts
  if (first !== undefined && conflicts.length === 1)
    return `Apply failed with 1 conflict: conflict with ${first.manager}: ${first.path}`
  const lines: string[] = []
  let manager: string | undefined
  for (const conflict of conflicts) {
    if (conflict.manager !== manager) lines.push(`conflicts with ${conflict.manager}:`)
    manager = conflict.manager
    lines.push(`- ${conflict.path}`)
  }
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`
}

function describeManager({ name, operation, apiVersion, subresource }: Manager): string {
  const through = subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`
  return `${JSON.stringify(name)}${through}${operation === 'Update' ? ` using ${apiVersion}` : ''}`
}
