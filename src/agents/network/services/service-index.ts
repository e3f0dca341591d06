import type { EndpointSlice } from '../../../kube/index.ts'
import { SERVICE_NAME_LABEL } from './endpoints.ts'

/** The index of slices by the `namespace/name` of their service. */
export const BY_SERVICE = 'service'

/** The values of a slice in that index. */
export function serviceKeysOf({ metadata }: EndpointSlice): readonly string[] {
  const name = metadata.labels?.[SERVICE_NAME_LABEL]
  return name === undefined || name === '' ? [] : [`${metadata.namespace}/${name}`]
}
