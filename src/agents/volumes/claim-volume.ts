import { chmod, chown, mkdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BowlineError } from '../../base/index.ts'
import {
  claimNameOf,
  DOCKER_DRIVER,
  folderNodeOf,
  HELD,
  type HostPathVolumeSource,
  LOCAL_DRIVER,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Volume,
} from '../../kube/index.ts'
import type { RuntimeVolumes } from '../runtime/index.ts'
import type { FolderStore } from './folders/folder-store.ts'
import { type HostGrants, openHostPath } from './host-path.ts'
import { nfsShare } from './nfs-share.ts'
import { pathOf } from './open-path.ts'
import type { PayloadSources } from './payload.ts'
import type { MountedVolume } from './volumes.ts'

export interface ClaimMeans extends HostGrants {
  /** Undefined where the agent keeps no folders of volumes. */
  readonly folders: FolderStore | undefined
  /** The volumes of the container engine; undefined where there are none. */
  readonly engineVolumes: () => RuntimeVolumes | undefined
  readonly nodeName: string
  /** Where the pod notes which volumes it uses; the notes go with the pod's folder. */
  readonly notes: string
  /** The other pods of this node that use a volume. */
  readonly otherUsers: (volume: string) => Promise<readonly string[]>
  readonly group: number | undefined
}

/**
 * What a claim of a pod's volume gives the pod on this node. Throws, in upstream's words where it has some, while the claim has no
 * volume, and for a volume that this node cannot mount. The pod is noted as a user first, so that nobody copies or puts aside what
 * it is about to mount.
 */
export async function openClaim(
  volume: Volume,
  pod: { readonly name: string; readonly uid: string },
  sources: PayloadSources,
  means: ClaimMeans,
): Promise<MountedVolume> {
  const name = claimNameOf(pod.name, volume) ?? ''
  const claim = await sources.claim(name)
  if (claim === undefined) throw waits(`persistentvolumeclaim "${name}" not found`)
  if (volume.ephemeral !== undefined && !isOwner(pod.uid, claim))
    throw new BowlineError('bad-config', `PVC ${name} was not created for pod ${pod.name} (pod is not owner)`)
  const bound = await boundVolume(claim, sources)
  if (bound.spec?.volumeMode === 'Block')
    throw new BowlineError('unsupported', 'volumeMode "Block" is not supported on this node')
  const note = join(means.notes, bound.metadata.name ?? '')
  // Who has it mounted keeps it: whoever holds the claim back waits for that pod's end.
  const isNew = (await stat(note).catch(() => undefined)) === undefined
  const held = claim.metadata.annotations?.[HELD]
  if (isNew && held !== undefined) throw waits(`persistentvolumeclaim "${name}" is held: ${held}`)
  await mkdir(dirname(note), { recursive: true, mode: 0o700 })
  await writeFile(note, '', { mode: 0o600 })
  await requireAlone(claim, bound, means)
  const readOnly = isReadOnly(volume, bound)
  const named = await nameInEngine(bound, means)
  if (named !== undefined) return { path: named, isNamed: true, readOnly, ...shareOf(bound) }
  const group = readOnly ? undefined : means.group
  const hostPath = hostPathOf(bound)
  if (hostPath === undefined) {
    const path = await openFolder(bound, means)
    if (group !== undefined) await giveToGroup(path, group)
    return { path, readOnly }
  }
  const { path, handle } = await openHostPath(hostPath, means)
  try {
    if (group !== undefined) await giveToGroup(pathOf(handle), group)
    return { path, readOnly, hostPath }
  } finally {
    await handle.close()
  }
}

async function boundVolume(claim: PersistentVolumeClaim, sources: PayloadSources): Promise<PersistentVolume> {
  const { name, uid } = claim.metadata
  const volumeName = claim.spec?.volumeName
  if (!volumeName || claim.status?.phase !== 'Bound')
    throw waits(`persistentvolumeclaim "${name}" is not bound`)
  const volume = await sources.persistentVolume(volumeName)
  if (volume === undefined) throw waits(`persistentvolume "${volumeName}" not found`)
  if (volume.spec?.claimRef?.uid !== uid)
    throw waits(`persistentvolume "${volumeName}" is not bound to persistentvolumeclaim "${name}"`)
  return volume
}

/** What the engine mounts: one of its own volumes, if the host allows that one, or a share of another machine. */
async function nameInEngine(
  { metadata, spec }: PersistentVolume,
  { engineVolumes, allowHost }: ClaimMeans,
): Promise<string | undefined> {
  const { csi, nfs, mountOptions = [] } = spec ?? {}
  if (csi?.driver !== DOCKER_DRIVER && nfs === undefined) return undefined
  const volumes = engineVolumes()
  if (volumes === undefined)
    throw new BowlineError(
      'unsupported',
      `persistentvolume "${metadata.name}" needs a container engine, and this node has none`,
    )
  if (nfs !== undefined) {
    const share = nfsShare(nfs, mountOptions)
    await volumes.create(share.name, share.options)
    return share.name
  }
  const name = csi?.volumeHandle ?? ''
  const word = `docker-volume:${name}`
  if (!allowHost.includes(word))
    throw new BowlineError(
      'unauthorized',
      `This host does not allow its Docker volume "${name}"; its agent must be started with --allow-host ${word}`,
    )
  // Docker would make an empty one.
  if (!(await volumes.exists(name)))
    throw new BowlineError('not-found', `this host has no Docker volume "${name}"`, { retryable: true })
  return name
}

/** The path of the host that a volume is; undefined for those that have another source. */
function hostPathOf({ spec }: PersistentVolume): HostPathVolumeSource | undefined {
  const { hostPath, local } = spec ?? {}
  return hostPath ?? (local && { path: local.path, type: 'Directory' })
}

async function openFolder(volume: PersistentVolume, { folders, nodeName }: ClaimMeans): Promise<string> {
  const { csi } = volume.spec ?? {}
  if (csi?.driver !== LOCAL_DRIVER) {
    const source = csi === undefined ? 'its source' : `CSI driver ${csi.driver}`
    throw new BowlineError(
      'unsupported',
      `persistentvolume "${volume.metadata.name}": ${source} is not supported on this node`,
    )
  }
  const host = folderNodeOf(volume)
  if (host !== nodeName)
    throw new BowlineError(
      'bad-config',
      `persistentvolume "${volume.metadata.name}" is on host ${host}, not here`,
    )
  if (folders === undefined) throw new BowlineError('unsupported', 'this node keeps no folders of volumes')
  return folders.open(csi.volumeHandle ?? '')
}

async function requireAlone(
  { spec, metadata }: PersistentVolumeClaim,
  volume: PersistentVolume,
  { otherUsers }: ClaimMeans,
): Promise<void> {
  if (!spec?.accessModes?.includes('ReadWriteOncePod')) return
  const others = await otherUsers(volume.metadata.name ?? '')
  if (others.length > 0)
    throw waits(`persistentvolumeclaim "${metadata.name}" is ReadWriteOncePod and in use by another pod`)
}

function isReadOnly({ persistentVolumeClaim }: Volume, { spec }: PersistentVolume): boolean {
  const modes = spec?.accessModes ?? []
  const onlyReads = modes.length > 0 && modes.every(mode => mode === 'ReadOnlyMany')
  return persistentVolumeClaim?.readOnly === true || spec?.csi?.readOnly === true || onlyReads
}

/** What is made in the folder from now on belongs to the group; what is there already keeps its rights. */
async function giveToGroup(path: string, group: number): Promise<void> {
  const { gid, mode } = await stat(path)
  if (gid !== group) await chown(path, -1, group)
  if ((mode & GROUP_BITS) !== GROUP_BITS) await chmod(path, (mode & 0o7777) | GROUP_BITS)
}

const GROUP_BITS = 0o2070

function shareOf({ spec }: PersistentVolume): Pick<MountedVolume, 'share'> {
  return spec?.nfs === undefined ? {} : { share: `${spec.nfs.server}:${spec.nfs.path}` }
}

function isOwner(podUid: string, claim: PersistentVolumeClaim): boolean {
  return claim.metadata.ownerReferences?.some(({ uid }) => uid === podUid) === true
}

function waits(message: string): BowlineError {
  return new BowlineError('unavailable', message, { retryable: true })
}
