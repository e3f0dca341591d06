import {
  BIND_COMPLETED,
  claimNameOf,
  classNameOf,
  FROM_SNAPSHOT,
  findMatchingVolume,
  folderNodeOf,
  HELD,
  type Node,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  reachesVolume,
  SELECTED_NODE,
  type StorageClass,
} from '../../kube/index.ts'
import type { Filter } from './filters.ts'

/** The objects that decide where a pod with claims can go. */
export interface VolumeWorld {
  /** By `namespace/name`. */
  claim(key: string): PersistentVolumeClaim | undefined
  volume(name: string): PersistentVolume | undefined
  volumes(): Iterable<PersistentVolume>
  storageClass(name: string): StorageClass | undefined
  /** Another pod that uses the claim and is on a node, or on its way to one. */
  otherUser(claimKey: string, pod: Pod): Pod | undefined
}

/** A claim without a volume whose class leaves the choice of the node to the scheduler. */
interface OpenClaim {
  readonly claim: PersistentVolumeClaim
  readonly storageClass: StorageClass
}

/** What a pod's claims ask of its node; or why, with them, it can go nowhere now, in upstream's words. */
export type VolumeNeeds =
  | { readonly refusal: string }
  | {
      readonly refusal: undefined
      readonly bound: readonly { readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume }[]
      readonly open: readonly OpenClaim[]
    }

/** What becomes of an open claim on the chosen node: a volume that is there, or one that is made there. */
export interface VolumeAssignment {
  readonly claim: PersistentVolumeClaim
  readonly volume: PersistentVolume | undefined
}

/** Looks at each claim of a pod, as upstream's VolumeBinding and VolumeRestrictions plugins do before they look at nodes. */
export function volumeNeedsOf(pod: Pod, world: VolumeWorld): VolumeNeeds {
  const bound: { claim: PersistentVolumeClaim; volume: PersistentVolume }[] = []
  const open: OpenClaim[] = []
  let isUnbound = false
  for (const volume of pod.spec?.volumes ?? []) {
    const name = claimNameOf(pod.metadata.name ?? '', volume)
    if (name === undefined) continue
    const key = `${pod.metadata.namespace ?? ''}/${name}`
    const claim = world.claim(key)
    const isEphemeral = volume.ephemeral !== undefined
    const refusal = claim === undefined ? absence(name, isEphemeral) : refusalOf(claim, pod, isEphemeral)
    if (refusal !== undefined) return { refusal }
    if (claim === undefined) continue
    if (isExclusive(claim) && world.otherUser(key, pod) !== undefined) return { refusal: IN_USE }
    const volumeName = claim.spec?.volumeName
    if (volumeName && claim.metadata.annotations?.[BIND_COMPLETED] !== undefined) {
      const found = world.volume(volumeName)
      if (found === undefined)
        return {
          refusal: `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${volumeName}"`,
        }
      bound.push({ claim, volume: found })
      continue
    }
    const storageClass = world.storageClass(classNameOf(claim))
    if (storageClass?.volumeBindingMode === 'WaitForFirstConsumer' && !volumeName)
      open.push({ claim, storageClass })
    else isUnbound = true
  }
  if (isUnbound) return { refusal: 'pod has unbound immediate PersistentVolumeClaims' }
  return { refusal: undefined, bound, open }
}

const IN_USE = 'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode'

function absence(name: string, isEphemeral: boolean): string {
  return isEphemeral
    ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
    : `persistentvolumeclaim "${name}" not found`
}

function refusalOf(claim: PersistentVolumeClaim, pod: Pod, isEphemeral: boolean): string | undefined {
  const { name, deletionTimestamp, annotations = {}, ownerReferences = [] } = claim.metadata
  if (deletionTimestamp !== undefined) return `persistentvolumeclaim "${name}" is being deleted`
  if (claim.status?.phase === 'Lost')
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec?.volumeName}"`
  if (isEphemeral && !ownerReferences.some(({ uid }) => uid === pod.metadata.uid))
    return `PVC ${name} was not created for pod ${pod.metadata.name} (pod is not owner)`
  const held = annotations[HELD]
  return held === undefined ? undefined : `persistentvolumeclaim "${name}" is held: ${held}`
}

function isExclusive({ spec }: PersistentVolumeClaim): boolean {
  return spec?.accessModes?.includes('ReadWriteOncePod') === true
}

/** Refuses the nodes that do not reach the pod's volumes, or on which one of its claims would get none. */
export function volumeFilter(needs: VolumeNeeds & { refusal: undefined }, world: VolumeWorld): Filter {
  return {
    name: 'VolumeBinding',
    check(_pod, { node }) {
      if (needs.bound.some(({ volume }) => !reachesVolume(node, volume)))
        return ['node(s) had volume node affinity conflict']
      return assignVolumes(needs.open, node, world) === undefined
        ? ["node(s) didn't find available persistent volumes to bind"]
        : []
    },
  }
}

/** A volume for each open claim on this node; undefined when one gets none. */
export function assignVolumes(
  open: readonly OpenClaim[],
  node: Node,
  world: VolumeWorld,
): readonly VolumeAssignment[] | undefined {
  const taken = new Set<string>()
  const assigned: VolumeAssignment[] = []
  for (const { claim, storageClass } of open) {
    const isChosen = claim.metadata.annotations?.[SELECTED_NODE] !== undefined
    const volume = isChosen
      ? undefined
      : findMatchingVolume(claim, world.volumes(), { node, waits: true, taken })
    if (volume === undefined && !canBeMade(claim, storageClass, node)) return undefined
    if (volume !== undefined) taken.add(volume.metadata.name ?? '')
    assigned.push({ claim, volume })
  }
  return assigned
}

function canBeMade(claim: PersistentVolumeClaim, storageClass: StorageClass, node: Node): boolean {
  const { [SELECTED_NODE]: chosen, [FROM_SNAPSHOT]: snapshot } = claim.metadata.annotations ?? {}
  if (chosen !== undefined) return chosen === node.metadata.name
  // A snapshot lies on its host.
  if (snapshot !== undefined && snapshot.split('/')[0] !== node.metadata.name) return false
  if (storageClass.provisioner === 'kubernetes.io/no-provisioner') return false
  const { allowedTopologies = [] } = storageClass
  return (
    allowedTopologies.length === 0 ||
    allowedTopologies.some(({ matchLabelExpressions = [] }) =>
      matchLabelExpressions.every(({ key, values }) => values.includes(node.metadata.labels?.[key] ?? '')),
    )
  )
}

/**
 * One sentence for a pod that no node can take, when its data is on one host: which host it waits for, and how that is. Empty when
 * nothing keeps it.
 */
export function explainHost(needs: VolumeNeeds, node: (name: string) => Node | undefined): string {
  if (needs.refusal !== undefined) return ''
  for (const { claim, volume } of needs.bound) {
    const host = folderNodeOf(volume)
    if (host === undefined) continue
    return ` The pod waits for host ${host}, ${stateOf(node(host))}: the data of its claim "${claim.metadata.name}" is there.`
  }
  return ''
}

function stateOf(node: Node | undefined): string {
  if (node === undefined) return 'which is not part of the cluster'
  const isReady = node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')
  if (!isReady) return 'which is not ready'
  return node.spec?.unschedulable ? 'which is cordoned' : 'which cannot take it now'
}
