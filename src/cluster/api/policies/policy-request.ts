import { fromStored, fromStoredVersion, type GroupVersionKind } from '../../../kinds/index.ts'
import { apiVersionOf, type Kind, type KubeObject } from '../../../kube/index.ts'
import type { Identity } from '../contract.ts'

/** One write as policies see it: complete, found good, and about to be stored. */
export interface PolicyRequest {
  readonly user: Identity
  readonly operation: 'CONNECT' | 'CREATE' | 'DELETE' | 'UPDATE'
  /** The kind in whose URL the request came. */
  readonly kind: Kind
  readonly subresource: string
  readonly namespace: string
  readonly name: string
  /** What is written where it is not an object of the kind itself: a Scale, a Binding, a TokenRequest. The objects are of it then. */
  readonly body?: GroupVersionKind
  /** As stored; undefined for a deletion. */
  readonly object: KubeObject | undefined
  /** As stored; undefined for a creation. */
  readonly old: KubeObject | undefined
  readonly dryRun: boolean
  /** `CreateOptions`, `UpdateOptions`, `PatchOptions` or `DeleteOptions`, as the request gave them. */
  readonly options: { readonly [field: string]: unknown }
}

/** The options of a write as `request.options` has them. */
export function writeOptions(
  kind: 'CreateOptions' | 'PatchOptions' | 'UpdateOptions',
  { manager, dryRun }: { readonly manager: string | undefined; readonly dryRun: boolean },
): { readonly [field: string]: unknown } {
  return {
    kind,
    apiVersion: 'meta.k8s.io/v1',
    ...(manager === undefined ? {} : { fieldManager: manager }),
    ...(dryRun ? { dryRun: ['All'] } : {}),
  }
}

/** The kind of what a request writes, as a policy for `kind` sees it. */
export function bodyKind({ body }: PolicyRequest, kind: Kind): GroupVersionKind {
  return body ?? { group: kind.group, version: kind.version, kind: kind.kind }
}

/** An object of a request as `kind` shows it. */
export function shownAs(
  { body }: PolicyRequest,
  kind: Kind,
  object: KubeObject | undefined,
): KubeObject | undefined {
  if (object === undefined || body !== undefined) return object
  const shown = fromStored(kind, fromStoredVersion(kind, object))
  const apiVersion = apiVersionOf(kind)
  return shown.apiVersion === apiVersion ? shown : { ...shown, apiVersion, kind: kind.kind }
}
