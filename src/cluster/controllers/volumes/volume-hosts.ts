import { StatusError } from '../../../kube/index.ts'

/** Whose data a folder holds. */
export interface FolderClaim {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

/** What a new folder is to hold. */
export interface FolderContent {
  /** A snapshot on the same host that it begins with; undefined: it begins empty. */
  readonly snapshot: string | undefined
  /** What the claim requests. */
  readonly bytes: number
}

/** A folder of a volume, or what is left of one, as its host has it. */
export interface HostFolder {
  /** The volume's handle, which is its name. */
  readonly volume: string
  readonly claim: FolderClaim
  readonly bytes: number
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  /** `live`: pods mount it. `kept`: the original of a move, until it is confirmed. `trash`: it goes after a while. */
  readonly state: 'live' | 'kept' | 'trash'
}

/** What a copy consists of; equal for two folders that hold the same. */
export interface FolderDigest {
  readonly digest: string
  readonly files: number
  readonly bytes: number
}

/** A copy of a volume's folder at one moment, on its host. */
export interface HostSnapshot extends FolderDigest {
  readonly id: string
  readonly volume: string
  readonly claim: FolderClaim
  readonly createdAt: number
}

/**
 * The folders of volumes on hosts, asked of the agents that have them. Every call is safe to repeat. It throws what can be tried again
 * as an error that is retryable, or a `StatusError`; the message says which host.
 */
export interface VolumeHosts {
  /**
   * Makes the folder of a new volume. One that is there already must be this claim's. Refuses a request that is larger than the file
   * system of volumes on that host.
   */
  create(node: string, volume: string, claim: FolderClaim, content: FolderContent): Promise<void>
  /** Refuses, as `create` does, what the host could never hold; there is nothing else to do for a folder that grows. */
  grow(node: string, volume: string, claimUid: string, bytes: number): Promise<void>
  /** Puts the folder aside for good: it is removed after a while. Refuses one that is another claim's, or in use. Gone already is fine. */
  retire(node: string, volume: string, claimUid: string): Promise<void>
  /** Everything that a host has of volumes. */
  list(
    node: string,
  ): Promise<{ readonly folders: readonly HostFolder[]; readonly snapshots: readonly HostSnapshot[] }>
  /** Copies the folder to another host, beside what is live there, and compares both ends. */
  copy(from: string, to: string, volume: string, move: string): Promise<FolderDigest>
  /** Makes the copy the live folder of its host. */
  adopt(node: string, volume: string, move: string): Promise<void>
  /** The live folder becomes the kept original of a move: no pod can mount it any more. */
  keep(node: string, volume: string, move: string): Promise<void>
  /** Puts the kept original aside for good. */
  forget(node: string, volume: string, move: string): Promise<void>
  /** Removes a copy that was not adopted. */
  discard(node: string, volume: string, move: string): Promise<void>
  /** Makes a snapshot; throws when files change meanwhile. */
  snapshot(node: string, volume: string, id: string): Promise<HostSnapshot>
}

/** Hosts of which none answers: where nothing leads to agents. */
export const unreachableHosts: VolumeHosts = {
  create: refuse,
  grow: refuse,
  retire: refuse,
  list: refuse,
  copy: refuse,
  adopt: refuse,
  keep: refuse,
  forget: refuse,
  discard: refuse,
  snapshot: refuse,
}

function refuse(node: string): Promise<never> {
  return Promise.reject(
    new StatusError('ServiceUnavailable', `Cannot reach node "${node}": nothing leads to it`),
  )
}
