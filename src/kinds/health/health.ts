import type { KubeObject, ObjectRef } from '../../kube/index.ts'
import { claimHealth } from './claim-health.ts'
import { definitionHealth } from './definition-health.ts'
import { deploymentHealth } from './deployment-health.ts'
import { ingressHealth } from './ingress-health.ts'
import { namespaceHealth } from './namespace-health.ts'
import { podHealth } from './pod-health.ts'
import { replicaSetHealth } from './replica-set-health.ts'
import { serviceHealth } from './service-health.ts'
import { statefulSetHealth } from './stateful-set-health.ts'

/** How an object is doing by its own status. */
export interface Health {
  /** `progressing` may become either of the others by waiting; `failed` says that it will not, as things stand. */
  readonly state: 'healthy' | 'progressing' | 'failed'
  /** In a few words for a person: `1 of 3 replicas are available`. Empty where there is nothing to say. */
  readonly reason: string
  /** Of what is healthy, as nothing more comes of waiting, and yet is not as its object says: why nobody should take it for that. */
  readonly caveat?: string
}

interface Rule {
  readonly apiVersion: string
  readonly judge: (object: KubeObject) => Health
}

/** The kinds whose status tells their health; every other kind is healthy as soon as it is there. */
const RULES: ReadonlyMap<string, Rule> = new Map([
  ['CustomResourceDefinition', { apiVersion: 'apiextensions.k8s.io/v1', judge: definitionHealth }],
  ['Deployment', { apiVersion: 'apps/v1', judge: deploymentHealth }],
  ['ReplicaSet', { apiVersion: 'apps/v1', judge: replicaSetHealth }],
  ['Ingress', { apiVersion: 'networking.k8s.io/v1', judge: ingressHealth }],
  ['Namespace', { apiVersion: 'v1', judge: namespaceHealth }],
  ['PersistentVolumeClaim', { apiVersion: 'v1', judge: claimHealth }],
  ['Pod', { apiVersion: 'v1', judge: podHealth }],
  ['Service', { apiVersion: 'v1', judge: serviceHealth }],
  ['StatefulSet', { apiVersion: 'apps/v1', judge: statefulSetHealth }],
])

/** The health of one object, judged by nothing but itself. An object that is being deleted is on its way out: progressing. */
export function healthOf(object: KubeObject): Health {
  if (object.metadata.deletionTimestamp !== undefined)
    return { state: 'progressing', reason: 'is being deleted' }
  const rule = ruleOf(object)
  return rule === undefined ? { state: 'healthy', reason: '' } : rule.judge(object)
}

/** Whether waiting can change the health of an object of this kind; all others are healthy as soon as they are there. */
export function hasOwnHealth(object: Pick<ObjectRef, 'apiVersion' | 'kind'>): boolean {
  return ruleOf(object) !== undefined
}

function ruleOf({ apiVersion, kind }: Pick<ObjectRef, 'apiVersion' | 'kind'>): Rule | undefined {
  const rule = RULES.get(kind)
  return rule?.apiVersion === apiVersion ? rule : undefined
}
