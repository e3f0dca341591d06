import {
  classNameOf,
  FOLDER_FINALIZER,
  HOSTNAME_LABEL,
  LOCAL_DRIVER,
  LOCAL_PROVISIONER,
  NODE_ATTRIBUTE,
  type Node,
  type PersistentVolume,
  type PersistentVolumeClaim,
  PROVISIONED_BY,
  type StorageClass,
} from '../../../kube/index.ts'
import { claimReference } from './volume-writes.ts'

/** The name of the volume that is made for a claim; the same at every attempt. */
export function volumeNameFor({ metadata }: PersistentVolumeClaim): string {
  return `pvc-${metadata.uid}`
}

/** The volume of a folder on a host, made for one claim. Its pods stay with the host by its node affinity. */
export function localVolume(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  node: Node,
): PersistentVolume {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name: volumeNameFor(claim),
      annotations: { [PROVISIONED_BY]: LOCAL_PROVISIONER },
      finalizers: [FOLDER_FINALIZER],
    },
    spec: {
      accessModes: claim.spec?.accessModes ?? [],
      capacity: { storage: claim.spec?.resources?.requests?.storage ?? '0' },
      claimRef: claimReference(claim),
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
      storageClassName: classNameOf(claim),
      volumeMode: 'Filesystem',
      ...folderOn(node, volumeNameFor(claim)),
    },
  }
}

/** The part of a volume's spec that says where its folder is. */
export function folderOn(
  node: Node,
  volume: string,
): Pick<NonNullable<PersistentVolume['spec']>, 'csi' | 'nodeAffinity'> {
  const name = node.metadata.name ?? ''
  const hostname = node.metadata.labels?.[HOSTNAME_LABEL] ?? name
  return {
    csi: { driver: LOCAL_DRIVER, volumeHandle: volume, volumeAttributes: { [NODE_ATTRIBUTE]: name } },
    nodeAffinity: {
      required: {
        nodeSelectorTerms: [
          { matchExpressions: [{ key: HOSTNAME_LABEL, operator: 'In', values: [hostname] }] },
        ],
      },
    },
  }
}
