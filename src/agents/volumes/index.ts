/**
 * The volumes of this node's pods: files of ConfigMaps, Secrets and the pod's own fields, empty folders, paths of the host that the
 * host itself allows, and what claims give. Everything of a pod lives under one folder and goes with it; the folders of volumes that
 * outlive pods are a FolderStore's. Types that are not built are refused by name, never ignored.
 *
 *     const volumes = createVolumes({ folder, memoryFolder, allowHost })
 *     const mounted = await volumes.mount(pod, sources)
 *     const mounts = await volumes.containerMounts({ uid, container, attempt }, mounted, expand)
 */
export { FolderStore, type FolderStoreOptions } from './folders/folder-store.ts'
export { readHome } from './home.ts'
export { asFlags, findGuarded, type HostGrants, missingGrant } from './host-path.ts'
export { unmountBelow } from './mount.ts'
export type { PayloadSources } from './payload.ts'
export { Staging } from './staging.ts'
export {
  type Attempt,
  createVolumes,
  type MountedVolume,
  unsupportedVolume,
  type Volumes,
} from './volumes.ts'
