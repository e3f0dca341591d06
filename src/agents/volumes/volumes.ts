import { chmod, chown, mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BowlineError, hasCode, messageOf } from '../../base/index.ts'
import {
  type Container,
  type HostPathVolumeSource,
  type PodSpec,
  parseQuantity,
  quantityToNumber,
  type Volume,
  type VolumeMount,
  type VolumeProjection,
} from '../../kube/index.ts'
import type { ContainerMount, RuntimeVolumes } from '../runtime/index.ts'
import { hasAtomicFolder, writeAtomicFolder } from './atomic-folder.ts'
import { openClaim } from './claim-volume.ts'
import type { FolderStore } from './folders/folder-store.ts'
import { type HostGrants, openHostPath } from './host-path.ts'
import { mountMemory, unmountBelow } from './mount.ts'
import { type FoundPath, openInside } from './open-path.ts'
import { assemblePayload, type PayloadSources } from './payload.ts'
import type { Staging } from './staging.ts'
import { openSubPath } from './sub-path.ts'

export interface VolumesOptions extends HostGrants {
  /** Where volumes live, one folder per pod uid. */
  readonly folder: string
  /** A folder in memory (tmpfs) for Secrets and `medium: Memory`; undefined where there is none: Secrets then lie in `folder`. */
  readonly memoryFolder: string | undefined
  readonly nodeName: string
  /** The folders of volumes that outlive pods; undefined where the agent keeps none. */
  readonly folders: FolderStore | undefined
  /** The volumes of the container engine; undefined where there are none. */
  readonly engineVolumes: () => RuntimeVolumes | undefined
  /** Where containers do mount, and paths that others can replace are mounted first; undefined: they are mounted as they are. */
  readonly staging: () => Staging | undefined
}

/** Whose volumes they are. */
interface VolumeOwner {
  readonly uid: string
  readonly name: string
  readonly spec: PodSpec
}

export interface MountedVolume {
  /** The folder or file on the host; the name of a volume with `isNamed`. */
  readonly path: string
  /** It is a volume of the container engine. */
  readonly isNamed?: boolean
  /** It is this path of the host. Whoever writes above it can put a link there, so that it is looked at again for each container. */
  readonly hostPath?: HostPathVolumeSource
  /** `server:path` of the share that it is, whose server may not answer. */
  readonly share?: string
  /** Nobody but the agent writes there: what a path in it leads to, it leads to. */
  readonly isPayload?: boolean
  /** Files that the agent keeps up to date are never writable. */
  readonly readOnly: boolean
}

/** One of the containers that are made for a container of a pod, one after the other. */
export interface Attempt {
  readonly uid: string
  readonly container: Container
  readonly attempt: number
}

/** The volumes of this node's pods. */
export interface Volumes {
  /** Makes the folders, which nobody but the agent may look into. Before anything else. */
  prepare(): Promise<void>
  /**
   * Makes every volume of a pod, or brings its files up to date; safe to repeat. Throws a BowlineError whose message is that of
   * upstream's FailedMount event and holds no value of a Secret.
   */
  mount(owner: VolumeOwner, sources: PayloadSources): Promise<ReadonlyMap<string, MountedVolume>>
  /**
   * What of the volumes goes where in a container. `expand` replaces the variables of a `subPathExpr`. What others could replace is
   * there until `unstage`: not before the container has started, or never will.
   */
  containerMounts(
    attempt: Attempt,
    mounted: ReadonlyMap<string, MountedVolume>,
    expand: (text: string) => string,
  ): Promise<readonly ContainerMount[]>
  /** Whether some of a container's mounts are there for its start only, so that it cannot be started later. */
  isStaged(container: Container, mounted: ReadonlyMap<string, MountedVolume>): boolean
  /** Ends what was made for a container's start. Nothing is fine. */
  unstage(attempt: Attempt): Promise<void>
  /** The file for a container's last words, empty, fit to be mounted. */
  createMessageFile(uid: string, container: string, attempt: number): Promise<string>
  messageFile(uid: string, container: string, attempt: number): string
  /** Gone already is fine. */
  removeMessageFile(uid: string, container: string, attempt: number): Promise<void>
  /** The pods that have a PersistentVolume mounted, or are about to, by uid. */
  usersOf(persistentVolume: string): Promise<readonly string[]>
  /** The pods that have anything here. */
  owners(): Promise<readonly string[]>
  /** Removes everything of a pod. Gone already is fine. */
  remove(uid: string): Promise<void>
}

const SUPPORTED = [
  'configMap',
  'secret',
  'emptyDir',
  'downwardAPI',
  'projected',
  'hostPath',
  'persistentVolumeClaim',
  'ephemeral',
] as const

/** In a pod's folder: an empty file per PersistentVolume that it uses. */
const NOTES = 'claims'

/** Why no node of this version can provide a volume, in words for who wrote it; undefined when it can. */
export function unsupportedVolume(volume: Volume): string | undefined {
  const type = Object.keys(volume).find(key => key !== 'name') ?? 'emptyDir'
  if (!SUPPORTED.some(supported => supported === type))
    return `Volume "${volume.name}" is of the type ${type}, which this node does not support; supported are ${SUPPORTED.join(', ')}`
  for (const source of volume.projected?.sources ?? [])
    if (source.clusterTrustBundle !== undefined)
      return `Volume "${volume.name}" projects clusterTrustBundle, which this node does not support`
  return undefined
}

/** The volumes under `folder`. It touches nothing before the first call. */
export function createVolumes(options: VolumesOptions): Volumes {
  const { folder, memoryFolder, allowHost, guarded, nodeName, folders, engineVolumes, staging } = options
  const podFolder = (uid: string) => join(folder, uid)
  const memoryPodFolder = (uid: string) => join(memoryFolder ?? folder, uid)
  const messageFile = (uid: string, container: string, attempt: number) =>
    join(podFolder(uid), 'containers', container, `${attempt}.message`)

  async function usersOf(persistentVolume: string): Promise<readonly string[]> {
    const users: string[] = []
    for (const uid of await namesIn(folder))
      if ((await namesIn(join(folder, uid, NOTES))).includes(persistentVolume)) users.push(uid)
    return users
  }

  async function mountOne(
    owner: VolumeOwner,
    volume: Volume,
    sources: PayloadSources,
  ): Promise<MountedVolume> {
    const problem = unsupportedVolume(volume)
    if (problem !== undefined) throw new BowlineError('unsupported', problem)
    if (volume.hostPath !== undefined) {
      const { path, handle } = await openHostPath(volume.hostPath, options)
      await handle.close()
      return { path, hostPath: volume.hostPath, readOnly: false }
    }
    if (volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined)
      return openClaim(volume, owner, sources, {
        folders,
        engineVolumes,
        nodeName,
        allowHost,
        guarded,
        notes: join(podFolder(owner.uid), NOTES),
        otherUsers: async name => (await usersOf(name)).filter(uid => uid !== owner.uid),
        group: owner.spec.securityContext?.fsGroup,
      })
    const isMemory = volume.emptyDir?.medium === 'Memory'
    if (isMemory && memoryFolder === undefined)
      throw new BowlineError('unsupported', 'emptyDir medium "Memory" is not supported on this node')
    const inMemory = isMemory || holdsSecret(volume)
    const path = join(inMemory ? memoryPodFolder(owner.uid) : podFolder(owner.uid), 'volumes', volume.name)
    const group = owner.spec.securityContext?.fsGroup
    const payload = await assemblePayload(volume, sources).catch(async error => {
      // Better the files of yesterday than none, while the server cannot be asked.
      if (hasCode(error, 'unavailable') && (await hasAtomicFolder(path))) return 'kept' as const
      throw error
    })
    if (payload === 'kept') return { path, isPayload: true, readOnly: true }
    if (payload === undefined) {
      if (isMemory && staging() !== undefined) await makeMemory(path, volume.emptyDir?.sizeLimit)
      await makeEmptyFolder(path, group)
      return { path, readOnly: false }
    }
    await writeAtomicFolder(path, payload, group)
    return { path, isPayload: true, readOnly: true }
  }

  /** Where a mount is from: a path that stays what it is, or what was found under one that may not. */
  async function sourceOf(
    { subPath, subPathExpr }: VolumeMount,
    { path, isNamed, isPayload, hostPath }: MountedVolume,
    expand: (text: string) => string,
  ): Promise<string | FoundPath> {
    const inside = subPathExpr ? expand(subPathExpr) : subPath
    if (inside && isNamed)
      throw new BowlineError(
        'unsupported',
        `subPath "${inside}": a volume of the engine is mounted whole or not at all`,
      )
    if (!inside && hostPath === undefined) return path
    const volume =
      hostPath === undefined
        ? { path, handle: await openInside(path, []) }
        : await openHostPath(hostPath, options)
    if (!inside) return volume
    try {
      const found = await openSubPath(volume, inside)
      if (!isPayload) return found
      await found.handle.close()
      return found.path
    } finally {
      await volume.handle.close()
    }
  }

  async function fixed(attempt: Attempt, index: number, source: string | FoundPath): Promise<string> {
    if (typeof source === 'string') return source
    try {
      return (await staging()?.stage(stagedAs(attempt), index, source.handle)) ?? source.path
    } finally {
      await source.handle.close()
    }
  }

  return {
    async prepare() {
      for (const parent of new Set([folder, memoryFolder ?? folder]))
        await mkdir(parent, { recursive: true, mode: 0o700 })
    },

    async mount(owner, sources) {
      // Everything of a pod is the agent's own; containers get at the volumes through their mounts.
      for (const parent of new Set([podFolder(owner.uid), memoryPodFolder(owner.uid)]))
        await mkdir(parent, { recursive: true, mode: 0o700 })
      const mounted = new Map<string, MountedVolume>()
      for (const volume of owner.spec.volumes ?? []) {
        try {
          mounted.set(volume.name, await mountOne(owner, volume, sources))
        } catch (error) {
          throw new BowlineError(
            error instanceof BowlineError ? error.code : 'unavailable',
            `MountVolume.SetUp failed for volume "${volume.name}" : ${messageOf(error)}`,
            { cause: error, retryable: true },
          )
        }
      }
      return mounted
    },

    async containerMounts(attempt, mounted, expand) {
      const mounts: ContainerMount[] = []
      for (const [index, mount] of (attempt.container.volumeMounts ?? []).entries()) {
        const volume = mounted.get(mount.name)
        if (volume === undefined) throw new BowlineError('bad-config', `volume "${mount.name}" not found`)
        mounts.push({
          hostPath: await fixed(attempt, index, await sourceOf(mount, volume, expand)),
          ...(volume.isNamed && { volume: volume.path }),
          containerPath: mount.mountPath,
          readOnly: volume.readOnly || (mount.readOnly ?? false),
        })
      }
      return mounts
    },

    isStaged({ volumeMounts = [] }, mounted) {
      if (staging() === undefined) return false
      return volumeMounts.some(({ name, subPath, subPathExpr }) => {
        const volume = mounted.get(name)
        const isInside = Boolean(subPath || subPathExpr)
        return volume?.hostPath !== undefined || (isInside && volume?.isPayload !== true)
      })
    },

    async unstage(attempt) {
      await staging()?.unstage(stagedAs(attempt))
    },

    usersOf,
    messageFile,

    async createMessageFile(uid, container, attempt) {
      const file = messageFile(uid, container, attempt)
      await mkdir(join(podFolder(uid), 'containers', container), { recursive: true, mode: 0o700 })
      await (await open(file, 'w')).close()
      // Whatever user the container runs as writes its last words here.
      await chmod(file, 0o666)
      return file
    },

    async removeMessageFile(uid, container, attempt) {
      await rm(messageFile(uid, container, attempt), { force: true })
    },

    async owners() {
      const found = new Set<string>()
      for (const parent of new Set([folder, memoryFolder ?? folder]))
        for (const uid of await namesIn(parent)) found.add(uid)
      return [...found]
    },

    async remove(uid) {
      await unmountBelow(memoryPodFolder(uid))
      for (const parent of new Set([podFolder(uid), memoryPodFolder(uid)]))
        await rm(parent, { recursive: true, force: true })
    },
  }
}

/** Nothing there is nothing in it. */
function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((): string[] => [])
}

function holdsSecret({ secret, projected }: Volume): boolean {
  const isSecret = (source: VolumeProjection) =>
    source.secret !== undefined || source.serviceAccountToken !== undefined
  return secret !== undefined || (projected?.sources ?? []).some(isSecret)
}

/**
 * A file system of its own, so that who fills it fills nothing else: the folder's parents are in one that the host needs. What is there
 * already may be in use and stays as it is, and so does all where it cannot be mounted.
 */
async function makeMemory(path: string, sizeLimit: string | undefined): Promise<void> {
  if ((await mkdir(path, { recursive: true })) === undefined) return
  const bytes = sizeLimit === undefined ? undefined : quantityToNumber(parseQuantity(sizeLimit))
  await mountMemory(path, bytes).catch(() => {})
}

/** As kubelet makes it: anyone may write, and with `fsGroup` what is made inside belongs to the group. */
async function makeEmptyFolder(path: string, group: number | undefined): Promise<void> {
  await mkdir(path, { recursive: true })
  if (group !== undefined) await chown(path, -1, group)
  await chmod(path, group === undefined ? 0o777 : 0o2777)
}

function stagedAs({ uid, container, attempt }: Attempt): string {
  return `${uid}.${container.name}.${attempt}`
}
