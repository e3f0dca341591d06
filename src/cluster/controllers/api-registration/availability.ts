import type { APIService } from '../../../kube/index.ts'

type Condition = NonNullable<NonNullable<APIService['status']>['conditions']>[number]

/**
 * The registration with its condition `Available`, itself when that is right already: true of what this server serves (kube-aggregator
 * `controllers/status`), and false of what a service in the cluster would, since no request is passed on.
 */
export function withAvailability(registration: APIService, nowIso: string): APIService {
  const { status } = registration
  const conditions = status?.conditions ?? []
  const old = conditions.find(({ type }) => type === 'Available')
  const next =
    registration.spec?.service === undefined
      ? { status: 'True' as const, reason: 'Local', message: 'Local APIServices are always available' }
      : {
          status: 'False' as const,
          reason: 'NotPassedOn',
          message: 'requests are not passed on to other API servers',
        }
  if (old?.status === next.status && old.reason === next.reason && old.message === next.message)
    return registration
  const lastTransitionTime = old?.status === next.status ? (old.lastTransitionTime ?? nowIso) : nowIso
  const condition: Condition = { type: 'Available', lastTransitionTime, ...next }
  const others = conditions.filter(({ type }) => type !== 'Available')
  return { ...registration, status: { ...status, conditions: [...others, condition] } }
}
