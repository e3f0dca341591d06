import { deepEqual, isObject } from '../../base/index.ts'
import type { Pod, PodStatus } from '../../kube/index.ts'

/** The status fields that the agent owns; everything else in a pod's status has another writer. */
const OWNED = [
  'phase',
  'reason',
  'message',
  'hostIP',
  'hostIPs',
  'podIP',
  'podIPs',
  'startTime',
  'qosClass',
  'initContainerStatuses',
  'containerStatuses',
] as const

/**
 * The strategic merge patch that brings the published status to the wanted one; undefined when there is nothing to say. It names
 * the pod's uid, so that it can never land on another pod of the same name.
 */
export function statusPatch(pod: Pod, wanted: PodStatus): { readonly [key: string]: unknown } | undefined {
  const published: PodStatus = pod.status ?? {}
  const status: Record<string, unknown> = {}
  for (const field of OWNED) {
    const value = wanted[field]
    if (deepEqual(withoutEmpty(published[field]), withoutEmpty(value))) continue
    status[field] = value === undefined ? null : asPatch(field, value)
  }
  const conditions = (wanted.conditions ?? []).filter(condition => {
    const known = (published.conditions ?? []).find(({ type }) => type === condition.type)
    return !deepEqual(withoutEmpty(known), withoutEmpty(condition))
  })
  if (conditions.length > 0)
    status.conditions = conditions.map(condition => ({ ...cleared(published, condition), ...condition }))
  return Object.keys(status).length === 0 ? undefined : { metadata: { uid: pod.metadata.uid }, status }
}

/** Lists of addresses are merged by address upstream; an address that changed must not stay beside its successor. */
function asPatch(field: string, value: unknown): unknown {
  const replaced = field === 'podIPs' || field === 'hostIPs'
  return replaced && Array.isArray(value) ? [...value, { $patch: 'replace' }] : value
}

/** A condition is merged by type: what it says no longer must be cleared by name. */
function cleared(published: PodStatus, { type }: { readonly type: string }): Record<string, null> {
  const known = (published.conditions ?? []).find(condition => condition.type === type)
  return {
    ...(known?.reason === undefined ? {} : { reason: null }),
    ...(known?.message === undefined ? {} : { message: null }),
  }
}

/** What a server may leave out or give as null says nothing. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty)
  if (!isObject(value)) return value ?? undefined
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null && item !== undefined)
      .map(([key, item]) => [key, withoutEmpty(item)]),
  )
}
