import type { Ids } from '../../../base/index.ts'
import type { IndexFunction } from '../../../client/index.ts'
import type { EndpointSlice, Endpoints, ObjectMeta, Service } from '../../../kube/index.ts'
import { controllerReference } from '../ownership.ts'

export const SERVICE_NAME = 'kubernetes.io/service-name'
export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by'
/** Who keeps an Endpoints object, as Kubernetes has said since 1.33. */
export const ENDPOINTS_MANAGED_BY = 'endpoints.kubernetes.io/managed-by'
const HEADLESS = 'service.kubernetes.io/headless'

/** Who keeps a slice: upstream's names, so that each controller knows its own. */
export type SliceKeeper = 'endpointslice-controller.k8s.io' | 'endpointslicemirroring-controller.k8s.io'

/** The index of slices by who keeps them and for which service: see {@link keptKey}. */
export const KEPT_INDEX = 'kept'

export const byKept: IndexFunction<EndpointSlice> = slice => {
  const service = serviceKeyOf(slice)
  const keeper = slice.metadata.labels?.[MANAGED_BY]
  return service === undefined || keeper === undefined ? [] : [keptKey(keeper, service)]
}

/** The key of the service that a slice is of. */
export function serviceKeyOf({ metadata }: EndpointSlice): string | undefined {
  const service = metadata.labels?.[SERVICE_NAME]
  return service === undefined ? undefined : `${metadata.namespace ?? ''}/${service}`
}

export function keptKey(keeper: string, service: string): string {
  return `${keeper} ${service}`
}

/** A generated name is a DNS label, whatever the length of its owner's name (apiserver `names.SimpleNameGenerator`). */
const MAX_BASE_NAME = 58

export interface SliceMetadataInput {
  readonly keeper: SliceKeeper
  /** The Service, or the Endpoints that are mirrored: of the same name. */
  readonly owner: Service | Endpoints
  readonly labels: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ids: Ids
}

/** The metadata of a slice of `owner`, over that of the one that is there. The name is chosen here, so that it can be expected. */
export function sliceMetadata(input: SliceMetadataInput, existing: ObjectMeta | undefined): ObjectMeta {
  const { keeper, owner, labels, annotations, ids } = input
  const { name = '', namespace = '' } = owner.metadata
  const base = `${name}-`
  return {
    ...(existing ?? {
      name: `${base.slice(0, MAX_BASE_NAME)}${ids.suffix()}`,
      generateName: base,
      namespace,
    }),
    labels: { ...labels, [SERVICE_NAME]: name, [MANAGED_BY]: keeper },
    ...(annotations === undefined ? {} : { annotations }),
    ownerReferences: [controllerReference(owner)],
  }
}

/** The labels that a service hands on to its slices and Endpoints. */
export function inheritedLabels({ metadata, spec }: Service): Readonly<Record<string, string>> {
  const { [SERVICE_NAME]: _, [MANAGED_BY]: __, [HEADLESS]: ___, ...labels } = metadata.labels ?? {}
  const isHeadless = !spec?.clusterIP || spec.clusterIP === 'None'
  return isHeadless ? { ...labels, [HEADLESS]: '' } : labels
}
