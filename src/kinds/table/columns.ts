import { formatSince, type KubeObject } from '../../kube/index.ts'

/** One column of `kubectl get` (`metav1.TableColumnDefinition`). Priority 1 shows with `-o wide` only. */
export interface TableColumn {
  readonly name: string
  /** `string`, `integer`, `number`, `boolean` or `date`. */
  readonly type: string
  /** `name` for the column that names the object; formats of OpenAPI otherwise. */
  readonly format: string
  readonly description: string
  readonly priority: number
}

/** Null: the object does not have it. */
export type Cell = boolean | number | string | null

const METADATA_DOCS =
  'Name must be unique within a namespace. It is used to name the object and to find it again.'

/** A column of text, shown always. */
export function textColumn(name: string, description = ''): TableColumn {
  return { name, type: 'string', format: '', description, priority: 0 }
}

/** A column of numbers, shown always. */
export function numberColumn(name: string, description = ''): TableColumn {
  return { name, type: 'integer', format: '', description, priority: 0 }
}

/** The same column, shown with `-o wide` only. */
export function wide(column: TableColumn): TableColumn {
  return { ...column, priority: 1 }
}

export const nameColumn: TableColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: METADATA_DOCS,
  priority: 0,
}

export const ageColumn: TableColumn = textColumn('Age', 'How long ago the object was created.')

/** Of kinds that upstream shows no columns of their own for. */
export const createdAtColumn: TableColumn = {
  ...textColumn('Created At', 'When the object was created.'),
  type: 'date',
}

/** The cell of {@link ageColumn}. */
export function ageOf(object: KubeObject, nowMs: number): string {
  return formatSince(object.metadata.creationTimestamp, nowMs)
}

/** The cell of {@link nameColumn}. */
export function nameOf(object: KubeObject): string {
  return object.metadata.name ?? ''
}
