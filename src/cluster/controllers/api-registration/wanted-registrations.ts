import {
  DEFINED_GROUP_PRIORITY,
  type GroupVersion,
  type GroupVersionPriority,
  priorityOf,
} from '../../../kinds/index.ts'
import type { APIService, CustomResourceDefinition } from '../../../kube/index.ts'

/** The label of APIServices that are kept here; others are somebody's own. */
export const AUTOMANAGED = 'kube-aggregator.kubernetes.io/automanaged'

/** The group of APIServices itself: it has none, as upstream. */
const REGISTRATION_GROUP = 'apiregistration.k8s.io'

/** The APIServices of what this server serves, by name: one for each version of its own groups and of those that users defined. */
export function wantedRegistrations(
  groups: readonly GroupVersion[],
  definitions: readonly CustomResourceDefinition[],
): ReadonlyMap<string, APIService> {
  const wanted = new Map<string, APIService>()
  for (const { spec } of definitions)
    for (const { name, served } of spec.versions)
      if (served) add(spec.group, name, 'true', DEFINED_GROUP_PRIORITY)
  for (const { group, version } of groups)
    if (group !== REGISTRATION_GROUP) add(group, version, 'onstart', priorityOf(group, version))
  return wanted

  function add(group: string, version: string, automanaged: string, priority: GroupVersionPriority): void {
    const name = registrationName(group, version)
    wanted.set(name, {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name, labels: { [AUTOMANAGED]: automanaged } },
      spec: { ...(group === '' ? {} : { group }), version, ...priority },
    })
  }
}

/** `v1.apps`; `v1.` for the core group. */
export function registrationName(group: string, version: string): string {
  return `${version}.${group}`
}
