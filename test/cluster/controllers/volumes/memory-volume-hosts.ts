import type {
  FolderClaim,
  FolderContent,
  FolderDigest,
  HostFolder,
  HostSnapshot,
  VolumeHosts,
} from '../../../../src/cluster/controllers/index.ts'
import { StatusError } from '../../../../src/kube/index.ts'

interface Folder {
  readonly claim: FolderClaim
  readonly content: string
}

/** Hosts whose folders are texts in memory, with the rules that agents keep. `content` of a new one is empty. */
export class MemoryVolumeHosts implements VolumeHosts {
  /** By `<node>/<volume>`; kept originals as `<node>/<volume>.<move>`, copies as `<node>/+<volume>.<move>`. */
  readonly folders: Map<string, Folder> = new Map()
  readonly trash: string[] = []
  readonly snapshots: Map<string, HostSnapshot & { readonly content: string }> = new Map()
  /** How much each host can hold, where it is bounded. */
  readonly room: Map<string, number> = new Map()
  /** Hosts that cannot be reached. */
  readonly away: Set<string> = new Set()

  write(node: string, volume: string, content: string): void {
    const folder = this.#folder(`${node}/${volume}`)
    this.folders.set(`${node}/${volume}`, { ...folder, content })
  }

  async create(
    node: string,
    volume: string,
    claim: FolderClaim,
    { snapshot, bytes }: FolderContent,
  ): Promise<void> {
    this.#reach(node)
    this.#requireRoom(node, bytes)
    const key = `${node}/${volume}`
    const known = this.folders.get(key)
    if (known !== undefined && known.claim.uid !== claim.uid)
      throw new StatusError('Conflict', `Cannot create folder ${volume}: it is another claim's`)
    const named = snapshot === undefined ? undefined : this.snapshots.get(snapshot)
    const isOwn = named?.claim.namespace === claim.namespace
    const content = snapshot === undefined ? '' : isOwn ? named?.content : undefined
    if (content === undefined) throw new StatusError('NotFound', `Cannot find snapshot ${snapshot}`)
    if (known === undefined) this.folders.set(key, { claim, content })
  }

  async grow(node: string, volume: string, claimUid: string, bytes: number): Promise<void> {
    this.#reach(node)
    if (this.#folder(`${node}/${volume}`).claim.uid !== claimUid)
      throw new StatusError('Conflict', `Cannot grow folder ${volume}: it is another claim's`)
    this.#requireRoom(node, bytes)
  }

  async retire(node: string, volume: string, claimUid: string): Promise<void> {
    this.#reach(node)
    const key = `${node}/${volume}`
    const known = this.folders.get(key)
    if (known === undefined) return
    if (known.claim.uid !== claimUid)
      throw new StatusError('Conflict', `Cannot retire folder ${volume}: it is another claim's`)
    this.folders.delete(key)
    this.trash.push(key)
  }

  async list(node: string): Promise<{ folders: readonly HostFolder[]; snapshots: readonly HostSnapshot[] }> {
    this.#reach(node)
    const folders = [...this.folders].flatMap(([key, { claim, content }]): HostFolder[] => {
      const [host, volume = ''] = key.split('/')
      if (host !== node || volume.startsWith('+')) return []
      const state = volume.includes('.') ? 'kept' : 'live'
      return [{ volume: volume.split('.')[0] ?? '', claim, bytes: content.length, createdAt: 0, state }]
    })
    const snapshots = [...this.snapshots].flatMap(([key, { content: _, ...snapshot }]) =>
      key.startsWith(`${node}/`) ? [snapshot] : [],
    )
    return { folders, snapshots }
  }

  async copy(from: string, to: string, volume: string, move: string): Promise<FolderDigest> {
    this.#reach(from)
    this.#reach(to)
    const folder = this.#folder(`${from}/${volume}`)
    this.folders.set(`${to}/+${volume}.${move}`, folder)
    return digestOf(folder)
  }

  async adopt(node: string, volume: string, move: string): Promise<void> {
    this.#reach(node)
    this.#rename(`${node}/+${volume}.${move}`, `${node}/${volume}`)
  }

  async keep(node: string, volume: string, move: string): Promise<void> {
    this.#reach(node)
    this.#rename(`${node}/${volume}`, `${node}/${volume}.${move}`)
  }

  async forget(node: string, volume: string, move: string): Promise<void> {
    this.#reach(node)
    if (this.folders.delete(`${node}/${volume}.${move}`)) this.trash.push(`${node}/${volume}.${move}`)
  }

  async discard(node: string, volume: string, move: string): Promise<void> {
    this.#reach(node)
    this.folders.delete(`${node}/+${volume}.${move}`)
  }

  async snapshot(node: string, volume: string, id: string): Promise<HostSnapshot> {
    this.#reach(node)
    const folder = this.#folder(`${node}/${volume}`)
    const snapshot = { id, volume, claim: folder.claim, createdAt: 0, ...digestOf(folder) }
    this.snapshots.set(`${node}/${volume}/${id}`, { ...snapshot, content: folder.content })
    return snapshot
  }

  #reach(node: string): void {
    if (this.away.has(node))
      throw new StatusError('ServiceUnavailable', `Cannot reach node "${node}": its agent has no tunnel`)
  }

  #requireRoom(node: string, bytes: number): void {
    const room = this.room.get(node) ?? Number.POSITIVE_INFINITY
    if (bytes > room) throw new StatusError('BadRequest', `host ${node}: it holds ${room} bytes in all`)
  }

  #folder(key: string): Folder {
    const folder = this.folders.get(key)
    if (folder === undefined) throw new StatusError('NotFound', `Cannot find folder ${key}`)
    return folder
  }

  /** Done already is fine. */
  #rename(from: string, to: string): void {
    const folder = this.folders.get(from)
    if (folder === undefined && this.folders.has(to)) return
    this.folders.set(to, this.#folder(from))
    this.folders.delete(from)
  }
}

function digestOf({ content }: Folder): FolderDigest {
  return { digest: content, files: 1, bytes: content.length }
}
