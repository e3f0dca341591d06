import type { ObjectRef } from '../kube/index.ts'
import type { Action, Change } from './plan.ts'

/** What others need comes first, what needs others last; a kind in neither list stands between them. */
const FIRST: readonly string[] = [
  'CustomResourceDefinition',
  'Namespace',
  // A commit may give the room that it needs.
  'ResourceQuota',
  'NetworkPolicy',
  'ServiceAccount',
  'ClusterRole',
  'Role',
  'ClusterRoleBinding',
  'RoleBinding',
  'Secret',
  'ConfigMap',
  'StorageClass',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'Service',
]
const LAST: readonly string[] = ['Pod', 'ReplicaSet', 'Deployment', 'StatefulSet', 'IngressClass', 'Ingress']

/** Writes, then deletions in the opposite order, then what stays. */
const PHASES: Readonly<Record<Action, number>> = { create: 0, configure: 0, delete: 1, keep: 2 }

/** The order in which changes are carried out: a total order, so that a plan does not depend on the order of its input. */
export function compareChanges(a: Change, b: Change): number {
  const phase = PHASES[a.action] - PHASES[b.action]
  if (phase !== 0) return phase
  return a.action === 'delete' ? compareRefs(b.ref, a.ref) : compareRefs(a.ref, b.ref)
}

function compareRefs(a: ObjectRef, b: ObjectRef): number {
  return (
    rankOf(a.kind) - rankOf(b.kind) ||
    compareText(a.kind, b.kind) ||
    compareText(a.namespace ?? '', b.namespace ?? '') ||
    compareText(a.name, b.name) ||
    compareText(a.apiVersion, b.apiVersion)
  )
}

function rankOf(kind: string): number {
  const first = FIRST.indexOf(kind)
  if (first !== -1) return first
  return FIRST.length + 1 + LAST.indexOf(kind)
}

/** By UTF-16 code units: the same on every machine, whatever its language. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
