import { chmod, lstat, mkdir, readdir, rename, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import {
  BowlineError,
  type Clock,
  type Ids,
  type Logger,
  makeFolder,
  messageOf,
} from '../../../base/index.ts'
import { flushFilesystem, packFolder, unpackFolder } from './archive.ts'
import { type FolderClaim, type Marker, readMarker, writeMarker } from './marker.ts'
import { readSnapshot, type StoredSnapshot, unpackSnapshot, writeSnapshot } from './snapshot-files.ts'
import { digestTree, measureTree, type TreeDigest } from './tree-digest.ts'

export interface FolderStoreOptions {
  /** Where the folders of volumes are, one per volume, and beside them what is not mounted: `.kept`, `.trash`, `.snapshots`. */
  readonly folder: string
  readonly nodeName: string
  /** The pods of this node that have the volume mounted. */
  readonly users: (volume: string) => Promise<readonly string[]>
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/** A folder of a volume, or what is left of one. */
export interface StoredFolder {
  readonly volume: string
  readonly claim: FolderClaim
  readonly bytes: number
  readonly createdAt: number
  /** `live`: pods mount it. `kept`: the original of a move, until it is confirmed. `trash`: it goes after a while. */
  readonly state: 'live' | 'kept' | 'trash'
}

const DATA = 'data'
const NEW = '.new'
const INCOMING = '.incoming'
const KEPT = '.kept'
const TRASH = '.trash'
const SNAPSHOTS = '.snapshots'

/** How long a folder that was put aside for good can still be taken back by hand. */
const TRASH_MS = 7 * 24 * 3_600_000
const SWEEP_EVERY_MS = 3_600_000

/**
 * The folders of volumes on this host. Each has a marker that says whose it is; `data` in it is what pods mount. Nothing is ever
 * deleted at once: a folder is renamed into the trash, on the server's word for this very claim, and removed after a week. A
 * folder is never made at a mount: one that is missing is a disk that is missing, and no reason to start with nothing.
 */
export class FolderStore {
  readonly #options: FolderStoreOptions
  /** Volumes that are being copied or put aside, and why: no pod mounts them meanwhile. */
  readonly #busy = new Map<string, string>()

  constructor(options: FolderStoreOptions) {
    this.#options = options
  }

  /** Makes the store's own folder and removes what an interrupted run left half made. Before anything else. */
  async prepare(): Promise<void> {
    const { folder } = this.#options
    try {
      await makeFolder(folder, 0o700)
    } catch (error) {
      throw new BowlineError('bad-config', `Cannot keep volumes in ${folder}: ${messageOf(error)}`, {
        data: { next: 'choose another folder with --volume-dir' },
      })
    }
    await rm(this.#path(NEW), { recursive: true, force: true })
  }

  /** Empties the trash, now and every hour. */
  async run(signal: AbortSignal): Promise<void> {
    const { log, clock } = this.#options
    while (!signal.aborted) {
      await this.emptyTrash().catch(error =>
        log.warn('the trash of volumes was not emptied', { error: messageOf(error) }),
      )
      await clock.sleep(SWEEP_EVERY_MS, signal).catch(() => {})
    }
  }

  /** Removes what has been in the trash for a week. */
  async emptyTrash(): Promise<void> {
    const now = this.#options.clock.now()
    for (const name of await namesIn(this.#path(TRASH))) {
      const since = Number(name.slice(name.lastIndexOf('.') + 1))
      if (!Number.isSafeInteger(since) || now - since < TRASH_MS) continue
      await rm(this.#path(TRASH, name), { recursive: true, force: true })
      this.#options.log.info('the folder of a volume was removed', { folder: name })
    }
  }

  /** The folder that pods mount. Throws, in words for who waits for the pod, when it is not there or not this node's. */
  async open(volume: string): Promise<string> {
    const why = this.#busy.get(nameOf(volume))
    if (why !== undefined) throw new BowlineError('conflict', `volume ${volume} ${why}`, { retryable: true })
    const folder = this.#path(volume)
    if (!(await isFolder(folder)))
      throw new BowlineError(
        'not-found',
        `the folder of volume ${volume} is not on this host: ${folder} is missing, though it was made here; is its disk mounted?`,
        { retryable: true },
      )
    await this.#requireOwn(folder, volume)
    const data = join(folder, DATA)
    if (await isFolder(data)) return data
    throw new BowlineError(
      'corrupt',
      `the folder of volume ${volume} on this host has no ${DATA}: ${data} is missing`,
    )
  }

  /** Makes the folder of a new volume, empty or from a snapshot of its namespace. One that is there already must be this claim's. */
  async create(
    volume: string,
    claim: FolderClaim,
    snapshot: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const folder = this.#path(nameOf(volume))
    if (await isThere(folder)) {
      const marker = await this.#requireOwn(folder, volume)
      requireClaim(marker, claim.uid, 'create')
      return
    }
    await this.#makeNew(volume, folder, async made => {
      if (snapshot !== undefined)
        await unpackSnapshot(
          this.#snapshotPlace(snapshot),
          { folder: made, namespace: claim.namespace },
          signal,
        )
      else {
        await mkdir(join(made, DATA))
        // As kubelet makes an emptyDir: whatever user a container runs as may write.
        await chmod(join(made, DATA), 0o777)
      }
      const { nodeName: node, clock } = this.#options
      await writeMarker(made, { volume, claim, node, createdAt: clock.now() })
    })
  }

  /** Throws when no more than `bytes` fits into the file system, however empty it were. What is taken now says nothing: folders are not bounded. */
  async requireRoom(bytes: number): Promise<void> {
    const { folder, nodeName } = this.#options
    const { blocks, bsize } = await statfs(folder)
    const total = blocks * bsize
    if (bytes <= total) return
    throw new BowlineError(
      'bad-input',
      `the claim requests ${inGibibytes(bytes)}, more than the file system of volumes on ${nodeName} holds, which is ${inGibibytes(total)} in all`,
    )
  }

  /** Throws when the folder is not this claim's, or the host could never hold as much. */
  async grow(volume: string, claimUid: string, bytes: number): Promise<void> {
    const folder = this.#path(nameOf(volume))
    requireClaim(await this.#requireOwn(folder, volume), claimUid, 'grow')
    await this.requireRoom(bytes)
  }

  /** Puts the folder of a released claim into the trash. Gone already is fine. */
  async retire(volume: string, claimUid: string): Promise<void> {
    const folder = this.#path(nameOf(volume))
    if (!(await isThere(folder))) return
    await this.#alone(volume, 'is being put aside', async () => {
      requireClaim(await this.#requireOwn(folder, volume), claimUid, 'retire')
      await this.#toTrash(folder, volume)
    })
  }

  /** The folder as an archive, for a move to another host. */
  async *pack(volume: string, signal: AbortSignal): AsyncGenerator<Buffer> {
    const folder = this.#path(nameOf(volume))
    await this.#requireOwn(folder, volume)
    const release = await this.#occupy(volume, 'is being moved')
    try {
      yield* packFolder(folder, signal)
    } finally {
      release()
    }
  }

  /** What a folder that no pod uses holds. */
  async digest(volume: string, signal: AbortSignal): Promise<TreeDigest> {
    const folder = this.#path(nameOf(volume))
    await this.#requireOwn(folder, volume)
    return this.#alone(volume, 'is being moved', () => digestTree(join(folder, DATA), signal))
  }

  /** Unpacks an archive beside what is live, and reads back what is there then. An earlier attempt is replaced. */
  async receive(
    volume: string,
    move: string,
    archive: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<TreeDigest> {
    const folder = this.#path(INCOMING, `${nameOf(volume)}.${nameOf(move)}`)
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await unpackFolder(folder, archive, signal)
    return digestTree(join(folder, DATA), signal)
  }

  /** Makes what was received the live folder. Done already is fine; what is there of another move or claim is not touched. */
  async adopt(volume: string, move: string): Promise<void> {
    const folder = this.#path(nameOf(volume))
    if (await isThere(folder)) {
      const { move: known } = await this.#requireOwn(folder, volume)
      // What was received once more is not needed.
      if (known === move) return this.discard(volume, move)
      throw new BowlineError(
        'conflict',
        `Cannot adopt volume ${volume}: this host has a folder of it already`,
      )
    }
    const incoming = this.#path(INCOMING, `${volume}.${nameOf(move)}`)
    const { claim, createdAt } = await readMarker(incoming)
    await writeMarker(incoming, { volume, claim, node: this.#options.nodeName, createdAt, move })
    await rename(incoming, folder)
    await flushFilesystem(this.#options.folder)
  }

  /** What was received and is not wanted. */
  async discard(volume: string, move: string): Promise<void> {
    await rm(this.#path(INCOMING, `${nameOf(volume)}.${nameOf(move)}`), { recursive: true, force: true })
  }

  /** The original of a move: kept, but no pod can mount it any more. Done already is fine. */
  async keep(volume: string, move: string): Promise<void> {
    const folder = this.#path(nameOf(volume))
    const kept = this.#path(KEPT, `${volume}.${nameOf(move)}`)
    if (await isThere(kept)) return
    await this.#requireOwn(folder, volume)
    await mkdir(this.#path(KEPT), { recursive: true, mode: 0o700 })
    await this.#alone(volume, 'has moved to another host', () => rename(folder, kept))
  }

  /** The original of a confirmed move goes into the trash. Gone already is fine. */
  async forget(volume: string, move: string): Promise<void> {
    const kept = this.#path(KEPT, `${nameOf(volume)}.${nameOf(move)}`)
    if (await isThere(kept)) await this.#toTrash(kept, `${volume}.${move}`)
  }

  /** Copies the folder as it is at one moment: when files change meanwhile it tries again, and then says so. */
  async snapshot(volume: string, id: string, signal: AbortSignal): Promise<StoredSnapshot> {
    const folder = this.#path(nameOf(volume))
    const { claim } = await this.#requireOwn(folder, volume)
    const place = this.#path(SNAPSHOTS, volume, nameOf(id))
    const known = await readSnapshot(place)
    if (known !== undefined) return known
    await mkdir(this.#path(SNAPSHOTS, volume), { recursive: true, mode: 0o700 })
    const about = { id, volume, claim, createdAt: this.#options.clock.now() }
    return this.#makeNew(volume, place, made => writeSnapshot(folder, made, about, signal))
  }

  /** Everything that this host has of volumes. */
  async list(): Promise<{
    readonly folders: readonly StoredFolder[]
    readonly snapshots: readonly StoredSnapshot[]
  }> {
    const folders = [
      ...(await this.#listIn('live')),
      ...(await this.#listIn('kept', KEPT)),
      ...(await this.#listIn('trash', TRASH)),
    ]
    const snapshots: StoredSnapshot[] = []
    for (const volume of await namesIn(this.#path(SNAPSHOTS)))
      for (const id of await namesIn(this.#path(SNAPSHOTS, volume))) {
        const snapshot = await readSnapshot(this.#path(SNAPSHOTS, volume, id))
        if (snapshot !== undefined) snapshots.push(snapshot)
      }
    return { folders, snapshots }
  }

  async #listIn(state: StoredFolder['state'], place = ''): Promise<readonly StoredFolder[]> {
    const found: StoredFolder[] = []
    for (const name of await namesIn(this.#path(place))) {
      const marker = await readMarker(this.#path(place, name)).catch(() => undefined)
      if (marker === undefined) continue
      const { volume, claim, createdAt } = marker
      found.push({ volume, claim, createdAt, state, bytes: await measureTree(this.#path(place, name)) })
    }
    return found
  }

  /** `<node>/<volume>/<id>` as claims name it. */
  #snapshotPlace(snapshot: string): string {
    const [, volume = '', id = ''] = snapshot.split('/')
    return this.#path(SNAPSHOTS, nameOf(volume), nameOf(id))
  }

  /** Fills a fresh folder and puts it at its place, whole or not at all. */
  async #makeNew<T>(volume: string, place: string, fill: (made: string) => Promise<T>): Promise<T> {
    const made = this.#path(NEW, `${volume}.${this.#options.ids.suffix()}`)
    await mkdir(made, { recursive: true, mode: 0o700 })
    try {
      const result = await fill(made)
      await rename(made, place)
      await flushFilesystem(this.#options.folder)
      return result
    } finally {
      await rm(made, { recursive: true, force: true })
    }
  }

  async #toTrash(folder: string, name: string): Promise<void> {
    await mkdir(this.#path(TRASH), { recursive: true, mode: 0o700 })
    const place = this.#path(TRASH, `${name}.${this.#options.clock.now()}`)
    await rename(folder, place)
    this.#options.log.info('the folder of a volume was put aside', {
      volume: name,
      place,
      removedAfterMs: TRASH_MS,
    })
  }

  /** A marker of another node's is a disk that was carried over, or a host that was renamed: hands off. */
  async #requireOwn(folder: string, volume: string): Promise<Marker> {
    if (!(await isFolder(folder)))
      throw new BowlineError('not-found', `Cannot find volume ${volume}: this host has no folder ${folder}`)
    const marker = await readMarker(folder)
    const { nodeName } = this.#options
    if (marker.volume !== volume || marker.node !== nodeName)
      throw new BowlineError(
        'conflict',
        `Cannot use ${folder}: it says that it is volume ${marker.volume} of host ${marker.node}, and this is ${nodeName}`,
      )
    return marker
  }

  async #alone<T>(volume: string, why: string, action: () => Promise<T>): Promise<T> {
    const release = await this.#occupy(volume, why)
    try {
      return await action()
    } finally {
      release()
    }
  }

  /** From now on no pod mounts it; throws when one has. A pod notes that it mounts before it opens, so that one of both sees the other. */
  async #occupy(volume: string, why: string): Promise<() => void> {
    if (this.#busy.has(volume))
      throw new BowlineError('conflict', `Cannot touch volume ${volume}: it ${this.#busy.get(volume)}`, {
        retryable: true,
      })
    this.#busy.set(volume, why)
    const release = () => void this.#busy.delete(volume)
    const users = await this.#options.users(volume).catch(error => {
      release()
      throw error
    })
    if (users.length === 0) return release
    release()
    throw new BowlineError(
      'conflict',
      `Cannot touch volume ${volume}: pods use it here: ${users.join(', ')}`,
      {
        retryable: true,
      },
    )
  }

  #path(...parts: readonly string[]): string {
    return join(this.#options.folder, ...parts)
  }
}

/** A part of a path that can only ever be one folder under the store's own. */
function nameOf(text: string): string {
  if (/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(text)) return text
  throw new BowlineError('bad-input', `Cannot use "${text}" as the name of a volume's folder`)
}

/** The folders that carry names of volumes; what begins with a dot is the store's own. */
async function namesIn(folder: string): Promise<readonly string[]> {
  return (await readdir(folder).catch(() => [])).filter(name => !name.startsWith('.')).sort()
}

/** A real folder: a link to one is not. */
async function isFolder(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isDirectory() === true
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined
}

function requireClaim({ volume, claim }: Marker, uid: string, action: string): void {
  if (claim.uid === uid) return
  throw new BowlineError(
    'conflict',
    `Cannot ${action} volume ${volume}: its folder belongs to claim ${claim.namespace}/${claim.name} with uid ${claim.uid}, not ${uid}`,
  )
}

function inGibibytes(bytes: number): string {
  return `${Math.round((bytes / 2 ** 30) * 10) / 10}Gi`
}
