import { componentStatusKind, type KubeObject } from '../../../kube/index.ts'
import { authorize } from '../authorize.ts'
import { selectionOf } from '../cache/selection.ts'
import { entryOf } from '../cache/stored-entry.ts'
import type { Entry, EntryList, ListQuery, RequestContext } from '../contract.ts'
import { notFound } from '../refusals.ts'
import type { VerbServices } from '../services.ts'

/** How one part of the control plane is. */
export interface ComponentHealth {
  readonly name: string
  /** Why it does not do its work; undefined: it does. */
  readonly error?: string
}

/** What upstream says to whoever still asks. */
const DEPRECATED = 'v1 ComponentStatus is deprecated in v1.19+'

/** One part of the control plane. */
export function getComponentStatus(services: VerbServices, context: RequestContext, name: string): Entry {
  authorize(services, context, componentStatusKind, { verb: 'get', namespace: '', name })
  context.warnings.push(DEPRECATED)
  const found = services.components().find(component => component.name === name)
  if (found === undefined) throw notFound(componentStatusKind, name)
  return entryOf(statusOf(found))
}

/** All parts of the control plane, by name; there are few, so that there is one page. */
export function listComponentStatuses(
  services: VerbServices,
  context: RequestContext,
  query: ListQuery,
): EntryList {
  const { fieldSelector } = query
  authorize(services, context, componentStatusKind, { verb: 'list', namespace: '', fieldSelector })
  context.warnings.push(DEPRECATED)
  const selection = selectionOf(componentStatusKind, query)
  const objects = services.components().map(statusOf).filter(selection.matches)
  return { entries: objects.map(entryOf), resourceVersion: '', continue: '', remainingItemCount: undefined }
}

function statusOf({ name, error }: ComponentHealth): KubeObject {
  const condition =
    error === undefined
      ? { type: 'Healthy', status: 'True', message: 'ok' }
      : { type: 'Healthy', status: 'False', error }
  return {
    apiVersion: 'v1',
    kind: 'ComponentStatus',
    metadata: { name },
    conditions: [condition],
  } as KubeObject
}
