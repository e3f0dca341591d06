import type { Overlay } from './markers.ts'
import { appsOverlay } from './overlay-apps.ts'
import { coreOverlay } from './overlay-core.ts'
import { metaOverlay } from './overlay-meta.ts'
import { networkOverlay } from './overlay-network.ts'
import { podOverlay } from './overlay-pod.ts'
import { storageOverlay } from './overlay-storage.ts'
import { systemOverlay } from './overlay-system.ts'

/**
 * Facts of the Kubernetes v1.32 API that its model metadata leaves out: how lists merge, what absent fields become, which values a
 * field takes. Every list of every served kind has a marker (`test/kube/schema/overlay.test.ts`).
 */
export const overlay: Overlay = {
  ...metaOverlay,
  ...coreOverlay,
  ...podOverlay,
  ...appsOverlay,
  ...networkOverlay,
  ...storageOverlay,
  ...systemOverlay,
}

/** The package of a model class, by the name of the class without its version. Core is the default. */
export const packages: readonly { readonly names: RegExp; readonly package: string }[] = [
  {
    names:
      /^(Condition$|DeleteOptions|LabelSelector|ListMeta|ManagedFieldsEntry|ObjectMeta|OwnerReference|Preconditions|Status)/,
    package: 'io.k8s.apimachinery.pkg.apis.meta',
  },
  {
    names: /^(ControllerRevision|Deployment|ReplicaSet|RollingUpdate|StatefulSet)/,
    package: 'io.k8s.api.apps',
  },
  {
    names: /^(Endpoint$|EndpointConditions|EndpointHints|EndpointSlice|ForZone)/,
    package: 'io.k8s.api.discovery',
  },
  {
    names: /^(HTTPIngress|Ingress|IPBlock|NetworkPolicy|ServiceBackendPort)/,
    package: 'io.k8s.api.networking',
  },
  { names: /^StorageClass/, package: 'io.k8s.api.storage' },
  { names: /^Scale(Spec|Status)?$/, package: 'io.k8s.api.autoscaling' },
  { names: /^CertificateSigningRequest/, package: 'io.k8s.api.certificates' },
  { names: /^Lease/, package: 'io.k8s.api.coordination' },
]

/** The model classes whose closure is generated; one line per kind that is served or read. */
export const roots: readonly string[] = [
  'CoreV1Event',
  'V1Binding',
  'V1CertificateSigningRequest',
  'V1ConfigMap',
  'V1ControllerRevision',
  'V1DeleteOptions',
  'V1Deployment',
  'V1EndpointSlice',
  'V1Endpoints',
  'V1Ingress',
  'V1IngressClass',
  'V1Lease',
  'V1Namespace',
  'V1NetworkPolicy',
  'V1Node',
  'V1PersistentVolume',
  'V1PersistentVolumeClaim',
  'V1Pod',
  'V1ReplicaSet',
  'V1Scale',
  'V1Secret',
  'V1Service',
  'V1ServiceAccount',
  'V1StatefulSet',
  'V1Status',
  'V1StorageClass',
]
