import type { Ingress } from '../../kube/generated/types.ts'
import type { KubeObject } from '../../kube/index.ts'
import type { Health } from './health.ts'

/** Healthy once somebody serves it. Who does not ask for a class is not served, and waits for nobody. */
export function ingressHealth(object: KubeObject): Health {
  const { spec, status } = object as Ingress
  const served = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip ?? hostname ?? [])
  if (served.length > 0) return { state: 'healthy', reason: `is served at ${served.join(', ')}` }
  return spec?.ingressClassName === undefined
    ? { state: 'healthy', reason: 'names no class' }
    : { state: 'progressing', reason: 'no host serves it yet' }
}
