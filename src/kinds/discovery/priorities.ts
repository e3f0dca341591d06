/** How a group stands among the others, and a version of it among its versions, as an APIService says it. */
export interface GroupVersionPriority {
  readonly groupPriorityMinimum: number
  readonly versionPriority: number
}

/** Of groups that users define (kubernetes `pkg/controlplane/controller/crdregistration`), and Bowline's own. */
export const DEFINED_GROUP_PRIORITY: GroupVersionPriority = {
  groupPriorityMinimum: 1_000,
  versionPriority: 100,
}

/**
 * Of the groups of v1.32 (kubernetes `cmd/kube-apiserver/app/aggregator.go`). Where two groups have a resource of one name, kubectl takes
 * that of the higher group.
 */
const GROUP_PRIORITIES: { readonly [group: string]: number } = {
  'apiregistration.k8s.io': 20_000,
  '': 18_000,
  apps: 17_800,
  'events.k8s.io': 17_750,
  'authentication.k8s.io': 17_700,
  'authorization.k8s.io': 17_600,
  autoscaling: 17_500,
  batch: 17_400,
  'certificates.k8s.io': 17_300,
  'networking.k8s.io': 17_200,
  policy: 17_100,
  'rbac.authorization.k8s.io': 17_000,
  'storage.k8s.io': 16_800,
  'admissionregistration.k8s.io': 16_700,
  'apiextensions.k8s.io': 16_700,
  'scheduling.k8s.io': 16_600,
  'coordination.k8s.io': 16_500,
  'node.k8s.io': 16_300,
  'discovery.k8s.io': 16_200,
  'flowcontrol.apiserver.k8s.io': 16_100,
}

/** Of versions whose priority is another than 15. */
const VERSION_PRIORITIES: { readonly [groupVersion: string]: number } = {
  '/v1': 1,
  'autoscaling/v2': 30,
  'flowcontrol.apiserver.k8s.io/v1': 21,
}

export function priorityOf(group: string, version: string): GroupVersionPriority {
  const groupPriorityMinimum = GROUP_PRIORITIES[group]
  if (groupPriorityMinimum === undefined) return DEFINED_GROUP_PRIORITY
  return { groupPriorityMinimum, versionPriority: VERSION_PRIORITIES[`${group}/${version}`] ?? 15 }
}
