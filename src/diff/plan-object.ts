import { applyDefaults, schemaFor, serverSideApply } from '../kinds/index.ts'
import { findKind, type Kind, type KubeObject, type ObjectRef } from '../kube/index.ts'
import { compareObjects } from './compare-objects.ts'
import { foreseeRefusals } from './foresee-refusals.ts'
import { maskSecrets } from './mask-secrets.ts'
import type { Change, SourcePosition } from './plan.ts'

/** An object that Git declares. */
export interface DesiredObject {
  /** In its namespace, checked; frozen. What it does not declare, defaults included, is left to the cluster. */
  readonly object: KubeObject
  readonly source: SourcePosition
  /** The object's kind where it is not built in. */
  readonly kind?: Kind
}

/** The prediction reads no clock: times are part of no plan. */
const NO_TIME = '1970-01-01T00:00:00Z'

/** What an object is compared with. */
export interface Comparison {
  /** Of the object. */
  readonly ref: ObjectRef
  readonly live: KubeObject | undefined
  readonly manager: string
}

/**
 * What an object's plan comes to. A live object is compared with what a forced server-side apply by `manager` and the kind's
 * defaults would make of it. One that is being deleted has to be made anew: `create`.
 */
export function planObject(desired: DesiredObject, { ref, live, manager }: Comparison): Change {
  const { object, source } = desired
  if (live === undefined || live.metadata.deletionTimestamp !== undefined)
    return { action: 'create', ref, source, fields: [] }
  const known = knownKeep(desired, live, manager)
  if (known !== undefined) return known
  const kind = desired.kind ?? findKind(ref.apiVersion, ref.kind)
  const { fields, refusals } = predictChanges(kind, object, live, manager)
  if (fields.length > 0)
    return { action: 'configure', ref, source, fields, ...(refusals.length === 0 ? {} : { refusals }) }
  const keep: Change = { action: 'keep', ref, source, fields: [] }
  keeps.set(live, { desired: object, manager, keep })
  return keep
}

function predictChanges(
  kind: Kind | undefined,
  applied: KubeObject,
  live: KubeObject,
  manager: string,
): Required<Pick<Change, 'fields' | 'refusals'>> {
  const schema = kind === undefined ? {} : schemaFor(kind)
  const hasStatus = kind?.subresources.includes('status')
  const { object } = serverSideApply({
    ...{ schema, live, applied, manager, force: true, nowIso: NO_TIME },
    ...(hasStatus === undefined ? {} : { hasStatus }),
  })
  if (object === live) return { fields: [], refusals: [] }
  const predicted = kind === undefined ? object : applyDefaults(kind, object)
  const fields = compareObjects(schema, ...maskSecrets(live, predicted))
  const isJudged = kind !== undefined && fields.length > 0
  return { fields, refusals: isJudged ? foreseeRefusals(kind, predicted, live) : [] }
}

/**
 * Pairs that were found equal. Desired and live objects never change once they are made, so what was equal stays equal: planning
 * an app again costs a lookup for every object that nobody touched since. Entries go with their objects.
 */
const keeps = new WeakMap<
  KubeObject,
  { readonly desired: KubeObject; readonly manager: string; readonly keep: Change }
>()

function knownKeep({ object, source }: DesiredObject, live: KubeObject, manager: string): Change | undefined {
  const known = keeps.get(live)
  if (known === undefined || known.desired !== object || known.manager !== manager) return undefined
  return known.keep.source === source ? known.keep : { ...known.keep, source }
}
