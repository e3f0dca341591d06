import { type KubeObject, type ObjectRef, refOf } from '../object.ts'
import { deploymentHealth } from './deployment-health.ts'
import { namespaceHealth } from './namespace-health.ts'
import { podHealth } from './pod-health.ts'
import { replicaSetHealth } from './replica-set-health.ts'

/** How an object is doing by its own status. */
export interface Health {
  /** `progressing` may become either of the others by waiting; `failed` says that it will not, as things stand. */
  readonly state: 'healthy' | 'progressing' | 'failed'
  /** In a few words for a person: `1 of 3 replicas are available`. Empty where there is nothing to say. */
  readonly reason: string
}

/** The kinds whose status tells their health; every other kind is healthy as soon as it is there. */
const RULES: Readonly<Record<string, (object: KubeObject) => Health>> = {
  'apps/v1/Deployment': deploymentHealth,
  'apps/v1/ReplicaSet': replicaSetHealth,
  'v1/Namespace': namespaceHealth,
  'v1/Pod': podHealth,
}

/** The health of one object, judged by nothing but itself. An object that is being deleted is on its way out: progressing. */
export function healthOf(object: KubeObject): Health {
  if (object.metadata.deletionTimestamp !== undefined)
    return { state: 'progressing', reason: 'is being deleted' }
  const rule = RULES[ruleKey(refOf(object))]
  return rule === undefined ? { state: 'healthy', reason: '' } : rule(object)
}

/** Whether waiting can change the health of an object of this kind; all others are healthy as soon as they are there. */
export function hasOwnHealth(ref: ObjectRef): boolean {
  return Object.hasOwn(RULES, ruleKey(ref))
}

function ruleKey({ apiVersion, kind }: ObjectRef): string {
  return `${apiVersion}/${kind}`
}
