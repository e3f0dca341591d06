import type { Kind, KubeObject } from '../../kube/index.ts'
import type { Cell, TableColumn } from '../table/columns.ts'
import { definitionOf } from './definitions.ts'

/** The columns of `kubectl get`, as upstream names and orders them. */
export function tableColumns(kind: Kind): readonly TableColumn[] {
  return definitionOf(kind).columns
}

/** One cell per column. `nowMs` is the time to which ages are counted. */
export function tableRow(kind: Kind, object: KubeObject, nowMs: number): readonly Cell[] {
  return definitionOf(kind).row(object, nowMs)
}
