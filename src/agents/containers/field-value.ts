import { BowlineError } from '../../base/index.ts'
import {
  type Container,
  type ObjectFieldSelector,
  parseQuantity,
  type ResourceFieldSelector,
} from '../../kube/index.ts'
import type { AssignedPod } from '../pods/assigned-pod.ts'

/** What the host adds to what a pod can know of itself. */
export interface PodSurroundings {
  readonly podIP: string | undefined
  readonly hostIP: string | undefined
  /** What a container without a limit may use. */
  readonly allocatable: { readonly cpuCores: number; readonly memoryBytes: number }
}

/** The value of a `fieldRef`. Throws `unsupported` for a field that pods cannot ask for. */
export function fieldValue(
  pod: AssignedPod,
  { fieldPath }: ObjectFieldSelector,
  around: PodSurroundings,
): string {
  const { metadata, spec } = pod
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(fieldPath)
  if (subscript !== null) {
    const [, map = '', key = ''] = subscript
    // A label may have the name of something that every object inherits.
    return new Map(Object.entries(metadata[map as 'labels' | 'annotations'] ?? {})).get(key) ?? ''
  }
  switch (fieldPath) {
    case 'metadata.name':
      return metadata.name
    case 'metadata.namespace':
      return metadata.namespace
    case 'metadata.uid':
      return metadata.uid
    case 'metadata.labels':
      return formatMap(metadata.labels)
    case 'metadata.annotations':
      return formatMap(metadata.annotations)
    case 'spec.nodeName':
      return spec.nodeName ?? ''
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? ''
    case 'status.podIP':
    case 'status.podIPs':
      return around.podIP ?? ''
    case 'status.hostIP':
    case 'status.hostIPs':
      return around.hostIP ?? ''
    default:
      throw new BowlineError('unsupported', `unsupported fieldPath: ${fieldPath}`)
  }
}

/**
 * The value of a `resourceFieldRef` about a container, in multiples of its divisor, rounded up. A limit that is not set is what
 * the node can allocate; a request that is not set is 0.
 */
export function resourceValue(
  container: Container,
  { resource, divisor = '1' }: ResourceFieldSelector,
  { allocatable }: PodSurroundings,
): string {
  const { requests = {}, limits = {} } = container.resources ?? {}
  const [kind, name = ''] = resource.split('.', 2)
  const quantity = kind === 'limits' ? limits[name] : requests[name]
  const fallback = name === 'cpu' ? allocatable.cpuCores : name === 'memory' ? allocatable.memoryBytes : 0
  const nano =
    quantity === undefined
      ? BigInt(Math.floor(kind === 'limits' ? fallback * 1e3 : 0)) * 1_000_000n
      : parseQuantity(quantity).nano
  const unit = parseQuantity(divisor).nano
  return String(unit === 0n ? nano / 1_000_000_000n : (nano + unit - 1n) / unit)
}

/** A map as files and variables show it: `key="value"` lines, sorted by key. */
function formatMap(map: { readonly [key: string]: string } = {}): string {
  return Object.keys(map)
    .sort()
    .map(key => `${key}=${JSON.stringify(map[key])}`)
    .join('\n')
}
