import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../../../../src/kube/index.ts'

/** Builders of storage objects from the few fields that a test is about. */

type ClaimSpec = NonNullable<PersistentVolumeClaim['spec']>
type VolumeSpec = NonNullable<PersistentVolume['spec']>

export function claim(
  name: string,
  spec: Partial<ClaimSpec> = {},
  rest: { readonly metadata?: object; readonly status?: PersistentVolumeClaim['status'] } = {},
): PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: 'default', uid: name, resourceVersion: '1', ...rest.metadata },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
    ...(rest.status === undefined ? {} : { status: rest.status }),
  }
}

export function volume(
  name: string,
  spec: Partial<VolumeSpec> = {},
  rest: { readonly metadata?: object; readonly phase?: string } = {},
): PersistentVolume {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, uid: name, resourceVersion: '1', ...rest.metadata },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      hostPath: { path: `/srv/${name}` },
      ...spec,
    },
    status: { phase: (rest.phase ?? 'Available') as 'Available' },
  }
}

export function storageClass(name: string, rest: Partial<StorageClass> = {}): StorageClass {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name },
    provisioner: 'bowline.dev/local',
    volumeBindingMode: 'WaitForFirstConsumer',
    reclaimPolicy: 'Retain',
    ...rest,
  }
}

/** What an object needs to be created: nothing that the server says. */
export function fresh<T extends { readonly metadata: object }>(object: T): T {
  const { uid: _, resourceVersion: __, ...metadata } = object.metadata as Record<string, unknown>
  return { ...object, metadata }
}
