import type { CustomResourceDefinition } from '../../kube/generated/types.ts'
import type { KubeObject } from '../../kube/index.ts'
import { isEstablished } from '../custom/conditions.ts'
import type { Health } from './health.ts'

/** Healthy once its kinds are served; failed while another has a name that it asks for. */
export function definitionHealth(object: KubeObject): Health {
  const definition = object as CustomResourceDefinition
  const names = definition.status?.conditions?.find(({ type }) => type === 'NamesAccepted')
  if (names?.status === 'False')
    return { state: 'failed', reason: `its names are not accepted: ${names.message ?? names.reason ?? ''}` }
  if (isEstablished(definition)) return { state: 'healthy', reason: '' }
  return { state: 'progressing', reason: 'is not established yet' }
}
