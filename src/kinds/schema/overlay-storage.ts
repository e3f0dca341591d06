import {
  atomicList,
  atomicMap,
  conditionStatus,
  kindOf,
  mergeList,
  type Overlay,
  quantities,
  quantity,
  setList,
} from './markers.ts'
import type { Schema } from './schema.ts'

const volumeMode: Schema = { default: 'Filesystem', enum: ['Block', 'Filesystem'] }

/** Volumes that outlive pods. The sources that pods name themselves are with the pods. */
export const storageOverlay: Overlay = {
  PersistentVolume: { definition: kindOf('', 'v1', 'PersistentVolume') },
  PersistentVolumeSpec: {
    fields: {
      accessModes: atomicList,
      capacity: quantities,
      mountOptions: atomicList,
      persistentVolumeReclaimPolicy: { default: 'Retain', enum: ['Delete', 'Recycle', 'Retain'] },
      volumeMode,
    },
  },
  CephFSPersistentVolumeSource: { fields: { monitors: atomicList } },
  ISCSIPersistentVolumeSource: { fields: { iscsiInterface: { default: 'default' }, portals: atomicList } },
  RBDPersistentVolumeSource: {
    fields: {
      keyring: { default: '/etc/ceph/keyring' },
      monitors: atomicList,
      pool: { default: 'rbd' },
      user: { default: 'admin' },
    },
  },
  ScaleIOPersistentVolumeSource: {
    fields: { fsType: { default: 'xfs' }, storageMode: { default: 'ThinProvisioned' } },
  },

  PersistentVolumeClaim: { definition: kindOf('', 'v1', 'PersistentVolumeClaim') },
  PersistentVolumeClaimStatus: {
    fields: {
      accessModes: atomicList,
      allocatedResources: quantities,
      capacity: quantities,
      conditions: mergeList('type'),
    },
  },
  PersistentVolumeClaimCondition: { fields: { status: conditionStatus } },

  StorageClass: {
    definition: kindOf('storage.k8s.io', 'v1', 'StorageClass'),
    fields: {
      allowedTopologies: atomicList,
      mountOptions: atomicList,
      reclaimPolicy: { default: 'Delete', enum: ['Delete', 'Retain'] },
      volumeBindingMode: { default: 'Immediate', enum: ['Immediate', 'WaitForFirstConsumer'] },
    },
  },
  TopologySelectorTerm: { definition: atomicMap, fields: { matchLabelExpressions: atomicList } },
  TopologySelectorLabelRequirement: { fields: { values: atomicList } },

  CSIDriver: { definition: kindOf('storage.k8s.io', 'v1', 'CSIDriver') },
  CSIDriverSpec: {
    fields: {
      attachRequired: { default: true },
      fsGroupPolicy: {
        default: 'ReadWriteOnceWithFSType',
        enum: ['File', 'None', 'ReadWriteOnceWithFSType'],
      },
      podInfoOnMount: { default: false },
      requiresRepublish: { default: false },
      seLinuxMount: { default: false },
      storageCapacity: { default: false },
      tokenRequests: atomicList,
      // Upstream's default is a list of one: kinds/csi-driver.ts.
      volumeLifecycleModes: setList,
    },
  },
  CSINode: { definition: kindOf('storage.k8s.io', 'v1', 'CSINode') },
  CSINodeSpec: { fields: { drivers: mergeList('name') } },
  CSINodeDriver: { fields: { topologyKeys: atomicList } },
  CSIStorageCapacity: {
    definition: kindOf('storage.k8s.io', 'v1', 'CSIStorageCapacity'),
    fields: { capacity: quantity, maximumVolumeSize: quantity },
  },
  VolumeAttachment: { definition: kindOf('storage.k8s.io', 'v1', 'VolumeAttachment') },
}
