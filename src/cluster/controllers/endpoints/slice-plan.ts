import { canonicalJson, deepEqual } from '../../../base/index.ts'
import type { Endpoint, EndpointSlice, EndpointSlicePort, ObjectMeta } from '../../../kube/index.ts'
import type { EndpointGroup } from './slice-content.ts'

/** Endpoints per slice: upstream's default, of the 1,000 that the API allows. */
export const MAX_ENDPOINTS = 100

export interface SlicePlanInput {
  readonly groups: readonly EndpointGroup[]
  /** The slices that the same controller keeps for the same service, but for those on their way out. */
  readonly slices: readonly EndpointSlice[]
  /** The metadata that a slice should have, given that of the one that is there. */
  readonly metadataFor: (existing: ObjectMeta | undefined) => ObjectMeta
}

export interface SlicePlan {
  readonly create: readonly EndpointSlice[]
  readonly update: readonly EndpointSlice[]
  readonly remove: readonly EndpointSlice[]
}

/** A slice in the making, over one that is there or a new one. */
interface Draft {
  readonly existing: EndpointSlice | undefined
  readonly addressType: EndpointSlice['addressType']
  readonly ports: readonly EndpointSlicePort[]
  readonly endpoints: Endpoint[]
}

/**
 * How to bring the slices to hold exactly the groups, with as few writes as upstream's: an endpoint stays where it is; what is new goes
 * where something changes anyhow, then into one slice with room for all of it, then into new ones. A slice with nothing left is
 * used again before another is created. Slices are not repacked for their own sake: each write goes to every host.
 */
export function planSlices({ groups, slices, metadataFor }: SlicePlanInput): SlicePlan {
  const spare: EndpointSlice[] = []
  const drafts: Draft[] = []
  const homes = new Map<string, readonly EndpointSlice[]>()
  for (const slice of slices) {
    const key = homeKey(slice.addressType, slice.ports)
    homes.set(key, [...(homes.get(key) ?? []), slice])
  }
  for (const [key, group] of mergeGroups(groups)) {
    const packed = packGroup(group, homes.get(key) ?? [])
    homes.delete(key)
    // Of a group without endpoints one slice stays, to say so.
    for (const draft of packed)
      if (draft.endpoints.length > 0 || (group.endpoints.length === 0 && draft === packed[0]))
        drafts.push(draft)
      else if (draft.existing !== undefined) spare.push(draft.existing)
  }
  spare.push(...[...homes.values()].flat())
  return finish(drafts, spare, metadataFor)
}

/** Groups that can share slices as one. */
function mergeGroups(groups: readonly EndpointGroup[]): ReadonlyMap<string, EndpointGroup> {
  const merged = new Map<string, EndpointGroup>()
  for (const group of groups) {
    const key = homeKey(group.addressType, group.ports)
    const endpoints = [...(merged.get(key)?.endpoints ?? []), ...group.endpoints]
    merged.set(key, { ...group, endpoints })
  }
  return merged
}

/** The slices of one group. An empty one stands for an empty group; any other is left over. */
function packGroup(group: EndpointGroup, slices: readonly EndpointSlice[]): readonly Draft[] {
  const { addressType, ports } = group
  const newDraft = (): Draft => ({ existing: undefined, addressType, ports, endpoints: [] })
  const rest = new Map(group.endpoints.map(endpoint => [endpointKey(endpoint), endpoint]))
  const isEmpty = rest.size === 0
  const drafts = slices.map((existing): Draft => {
    return { ...newDraft(), existing, endpoints: stayingIn(existing, rest) }
  })
  const isChanged = ({ existing, endpoints }: Draft) => !deepEqual(endpoints, existing?.endpoints ?? [])
  for (const draft of drafts.filter(isChanged).sort(fullestFirst)) fill(draft, rest)
  let untouched = drafts.filter(draft => !isChanged(draft))
  while (rest.size > 0) {
    const [roomy] = untouched
      .filter(({ endpoints }) => endpoints.length + rest.size <= MAX_ENDPOINTS)
      .sort(fullestFirst)
    const draft = roomy ?? newDraft()
    if (roomy === undefined) drafts.push(draft)
    untouched = untouched.filter(one => one !== draft)
    fill(draft, rest)
  }
  if (isEmpty && drafts.length === 0) drafts.push(newDraft())
  return drafts
}

/** What of a slice is still wanted, as it is now, taken out of what is wanted. */
function stayingIn({ endpoints }: EndpointSlice, wanted: Map<string, Endpoint>): Endpoint[] {
  return endpoints.flatMap(known => {
    const key = endpointKey(known)
    const endpoint = wanted.get(key)
    wanted.delete(key)
    return endpoint ?? []
  })
}

function fill({ endpoints }: Draft, rest: Map<string, Endpoint>): void {
  for (const [key, endpoint] of rest) {
    if (endpoints.length >= MAX_ENDPOINTS) return
    endpoints.push(endpoint)
    rest.delete(key)
  }
}

function fullestFirst(a: Draft, b: Draft): number {
  return b.endpoints.length - a.endpoints.length
}

/** Gives what is new the objects that are left over, and leaves out what is as it should be. */
function finish(
  drafts: readonly Draft[],
  spare: readonly EndpointSlice[],
  metadataFor: SlicePlanInput['metadataFor'],
): SlicePlan {
  const left = [...spare]
  const create: EndpointSlice[] = []
  const update: EndpointSlice[] = []
  for (const draft of drafts) {
    const reused = draft.existing ?? takeOfType(left, draft.addressType)
    const slice: EndpointSlice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: metadataFor(reused?.metadata),
      addressType: draft.addressType,
      endpoints: draft.endpoints,
      ports: draft.ports,
    }
    if (reused === undefined) create.push(slice)
    else if (!deepEqual(writtenParts(slice), writtenParts(reused))) update.push(slice)
  }
  return { create, update, remove: left }
}

/** The kind of address of a slice never changes. */
function takeOfType(slices: EndpointSlice[], type: Draft['addressType']): EndpointSlice | undefined {
  const index = slices.findIndex(({ addressType }) => addressType === type)
  return index === -1 ? undefined : slices.splice(index, 1)[0]
}

function writtenParts({ metadata, ports, endpoints }: EndpointSlice): unknown {
  const { labels = {}, annotations = {}, ownerReferences = [] } = metadata
  return [labels, annotations, ownerReferences, homeKey('IPv4', ports), endpoints]
}

/** Two lists of ports in another order are the same. */
function homeKey(addressType: Draft['addressType'], ports: readonly EndpointSlicePort[] = []): string {
  const texts = ports.map(({ name = '', protocol = 'TCP', ...rest }) =>
    canonicalJson({ name, protocol, ...rest }),
  )
  return [addressType, ...texts.sort()].join(' ')
}

/** Another pod at an address that was somebody else's is another endpoint. */
function endpointKey({ addresses, hostname, targetRef }: Endpoint): string {
  return [...addresses, hostname ?? '', targetRef?.uid ?? targetRef?.name ?? ''].join(' ')
}
