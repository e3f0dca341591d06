import {
  folderNodeOf,
  type MoveState,
  type Node,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
} from '../../../../kube/index.ts'
import { controllerOf } from '../../ownership.ts'

export interface MoveRequest {
  readonly claim: PersistentVolumeClaim
  readonly volume: PersistentVolume | undefined
  /** The host that the volume is to move to. */
  readonly node: Node | undefined
  readonly to: string
  /** The pods that use the claim and have not ended. */
  readonly pods: readonly Pod[]
  /** An earlier move. */
  readonly earlier: MoveState | undefined
}

/** Why a volume does not move; undefined when it does. Nothing has been touched yet. Pure. */
export function refuseMove({ claim, volume, node, to, pods, earlier }: MoveRequest): string | undefined {
  if (claim.metadata.deletionTimestamp !== undefined) return 'the claim is being deleted'
  const from = volume === undefined ? undefined : folderNodeOf(volume)
  if (claim.status?.phase !== 'Bound' || volume === undefined) return 'the claim is not bound to a volume'
  if (from === undefined) return `volume ${volume.metadata.name} is no folder of a host that an agent keeps`
  if (from === to) return `volume ${volume.metadata.name} is on ${to} already`
  if (earlier?.phase === 'Kept' || earlier?.phase === 'Keeping')
    return `the original of an earlier move waits on ${earlier.from}: confirm it with \`bowline volume confirm\` first`
  if (node === undefined) return `host ${to} is not part of the cluster`
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')
  if (ready?.status !== 'True') return `host ${to} is not ready`
  const alone = pods.find(pod => controllerOf(pod) === undefined)
  if (alone !== undefined)
    return `pod ${alone.metadata.name} uses the claim and has no controller that would start it again: delete it first`
  return undefined
}
