import {
  atomicList,
  atomicMap,
  conditionStatus,
  type DefinitionOverlay,
  kindOf,
  mapList,
  mergeList,
  type Overlay,
  patchMergeKey,
  quantities,
  quantity,
  retainKeys,
} from './markers.ts'
import type { Schema } from './schema.ts'

/** 0644, the mode of files in configMap, secret, downwardAPI and projected volumes. */
const FILE_MODE: Schema = { default: 0o644 }

const container: DefinitionOverlay = {
  fields: {
    args: atomicList,
    command: atomicList,
    env: mergeList('name'),
    envFrom: atomicList,
    // The default depends on the image's tag: kinds/pod-defaults.ts.
    imagePullPolicy: { enum: ['Always', 'IfNotPresent', 'Never'] },
    ports: mergeList('containerPort', 'protocol'),
    resizePolicy: atomicList,
    resources: { default: {} },
    terminationMessagePath: { default: '/dev/termination-log' },
    terminationMessagePolicy: { default: 'File', enum: ['FallbackToLogsOnError', 'File'] },
    volumeDevices: mergeList('devicePath'),
    volumeMounts: mergeList('mountPath'),
  },
}

/** Pods: their spec, containers, volumes and status. */
export const podOverlay: Overlay = {
  Pod: { definition: kindOf('', 'v1', 'Pod') },
  PodSpec: {
    fields: {
      containers: mergeList('name'),
      dnsPolicy: {
        default: 'ClusterFirst',
        enum: ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'],
      },
      ephemeralContainers: mergeList('name'),
      hostAliases: mergeList('ip'),
      imagePullSecrets: mergeList('name'),
      initContainers: mergeList('name'),
      nodeSelector: atomicMap,
      overhead: quantities,
      preemptionPolicy: { enum: ['Never', 'PreemptLowerPriority'] },
      readinessGates: atomicList,
      resourceClaims: { ...mapList('name'), ...patchMergeKey('name'), ...retainKeys },
      restartPolicy: { default: 'Always', enum: ['Always', 'Never', 'OnFailure'] },
      schedulerName: { default: 'default-scheduler' },
      schedulingGates: mergeList('name'),
      securityContext: { default: {} },
      terminationGracePeriodSeconds: { default: 30 },
      tolerations: atomicList,
      topologySpreadConstraints: mergeList('topologyKey', 'whenUnsatisfiable'),
      volumes: { ...mapList('name'), ...patchMergeKey('name'), ...retainKeys },
    },
  },
  PodStatus: {
    fields: {
      conditions: mergeList('type'),
      containerStatuses: atomicList,
      ephemeralContainerStatuses: atomicList,
      hostIPs: { ...atomicList, ...patchMergeKey('ip') },
      initContainerStatuses: atomicList,
      phase: { enum: ['Failed', 'Pending', 'Running', 'Succeeded', 'Unknown'] },
      podIPs: mergeList('ip'),
      qosClass: { enum: ['BestEffort', 'Burstable', 'Guaranteed'] },
      resourceClaimStatuses: { ...mapList('name'), ...patchMergeKey('name'), ...retainKeys },
    },
  },
  PodCondition: { fields: { status: conditionStatus } },
  ContainerStatus: {
    fields: {
      allocatedResources: quantities,
      allocatedResourcesStatus: mergeList('name'),
      volumeMounts: mergeList('mountPath'),
    },
  },
  ResourceStatus: { fields: { resources: mapList('resourceID') } },
  LinuxContainerUser: { fields: { supplementalGroups: atomicList } },

  Container: container,
  EphemeralContainer: container,
  ContainerPort: { fields: { protocol: { default: 'TCP', enum: ['SCTP', 'TCP', 'UDP'] } } },
  ObjectFieldSelector: { definition: atomicMap, fields: { apiVersion: { default: 'v1' } } },
  ResourceRequirements: {
    fields: { claims: mapList('name'), limits: quantities, requests: quantities },
  },
  Probe: {
    fields: {
      failureThreshold: { default: 3, minimum: 1 },
      periodSeconds: { default: 10, minimum: 1 },
      successThreshold: { default: 1, minimum: 1 },
      timeoutSeconds: { default: 1, minimum: 1 },
    },
  },
  ExecAction: { fields: { command: atomicList } },
  GRPCAction: { fields: { service: { default: '' } } },
  HTTPGetAction: {
    fields: {
      httpHeaders: atomicList,
      path: { default: '/' },
      scheme: { default: 'HTTP', enum: ['HTTP', 'HTTPS'] },
    },
  },
  Capabilities: { fields: { add: atomicList, drop: atomicList } },
  PodSecurityContext: { fields: { supplementalGroups: atomicList, sysctls: atomicList } },
  PodDNSConfig: { fields: { nameservers: atomicList, options: atomicList, searches: atomicList } },
  HostAlias: { fields: { hostnames: atomicList } },
  TopologySpreadConstraint: { fields: { matchLabelKeys: atomicList } },

  NodeAffinity: { fields: { preferredDuringSchedulingIgnoredDuringExecution: atomicList } },
  PodAffinity: {
    fields: {
      preferredDuringSchedulingIgnoredDuringExecution: atomicList,
      requiredDuringSchedulingIgnoredDuringExecution: atomicList,
    },
  },
  PodAntiAffinity: {
    fields: {
      preferredDuringSchedulingIgnoredDuringExecution: atomicList,
      requiredDuringSchedulingIgnoredDuringExecution: atomicList,
    },
  },
  PodAffinityTerm: {
    fields: { matchLabelKeys: atomicList, mismatchLabelKeys: atomicList, namespaces: atomicList },
  },

  AzureDiskVolumeSource: {
    fields: {
      cachingMode: { default: 'ReadWrite' },
      fsType: { default: 'ext4' },
      kind: { default: 'Shared' },
      readOnly: { default: false },
    },
  },
  CephFSVolumeSource: { fields: { monitors: atomicList } },
  ConfigMapProjection: { fields: { items: atomicList } },
  ConfigMapVolumeSource: { fields: { defaultMode: FILE_MODE, items: atomicList } },
  DownwardAPIProjection: { fields: { items: atomicList } },
  DownwardAPIVolumeSource: { fields: { defaultMode: FILE_MODE, items: atomicList } },
  EmptyDirVolumeSource: { fields: { sizeLimit: quantity } },
  FCVolumeSource: { fields: { targetWWNs: atomicList, wwids: atomicList } },
  HostPathVolumeSource: { fields: { type: { default: '' } } },
  ISCSIVolumeSource: { fields: { iscsiInterface: { default: 'default' }, portals: atomicList } },
  PersistentVolumeClaimSpec: {
    fields: { accessModes: atomicList, volumeMode: { default: 'Filesystem' } },
  },
  ProjectedVolumeSource: { fields: { defaultMode: FILE_MODE, sources: atomicList } },
  RBDVolumeSource: {
    fields: {
      keyring: { default: '/etc/ceph/keyring' },
      monitors: atomicList,
      pool: { default: 'rbd' },
      user: { default: 'admin' },
    },
  },
  ScaleIOVolumeSource: {
    fields: { fsType: { default: 'xfs' }, storageMode: { default: 'ThinProvisioned' } },
  },
  SecretProjection: { fields: { items: atomicList } },
  SecretVolumeSource: { fields: { defaultMode: FILE_MODE, items: atomicList } },
  ServiceAccountTokenProjection: { fields: { expirationSeconds: { default: 3600 } } },
  VolumeResourceRequirements: { fields: { limits: quantities, requests: quantities } },
}
