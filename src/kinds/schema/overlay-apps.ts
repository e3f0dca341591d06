import { atomicList, conditionStatus, kindOf, mergeList, type Overlay } from './markers.ts'

/** `apps/v1` and the `autoscaling/v1` Scale through which its replicas are set. */
export const appsOverlay: Overlay = {
  Deployment: { definition: kindOf('apps', 'v1', 'Deployment') },
  DeploymentSpec: {
    fields: {
      replicas: { default: 1 },
      strategy: { default: {}, 'x-kubernetes-patch-strategy': 'retainKeys' },
      revisionHistoryLimit: { default: 10 },
      progressDeadlineSeconds: { default: 600 },
    },
  },
  DeploymentStrategy: {
    // The rolling update's own default depends on the type: kinds/deployment.ts.
    fields: { type: { default: 'RollingUpdate', enum: ['Recreate', 'RollingUpdate'] } },
  },
  RollingUpdateDeployment: {
    fields: { maxSurge: { default: '25%' }, maxUnavailable: { default: '25%' } },
  },
  DeploymentCondition: { fields: { status: conditionStatus } },
  DeploymentStatus: { fields: { conditions: mergeList('type') } },

  ReplicaSet: { definition: kindOf('apps', 'v1', 'ReplicaSet') },
  ReplicaSetSpec: { fields: { replicas: { default: 1 } } },
  ReplicaSetCondition: { fields: { status: conditionStatus } },
  ReplicaSetStatus: { fields: { conditions: mergeList('type') } },

  StatefulSet: { definition: kindOf('apps', 'v1', 'StatefulSet') },
  StatefulSetSpec: {
    fields: {
      replicas: { default: 1 },
      podManagementPolicy: { default: 'OrderedReady', enum: ['OrderedReady', 'Parallel'] },
      revisionHistoryLimit: { default: 10 },
      updateStrategy: { default: {} },
      persistentVolumeClaimRetentionPolicy: { default: {} },
      volumeClaimTemplates: atomicList,
    },
  },
  StatefulSetUpdateStrategy: {
    // The rolling update's own default depends on the type: kinds/stateful-set.ts.
    fields: { type: { default: 'RollingUpdate', enum: ['OnDelete', 'RollingUpdate'] } },
  },
  StatefulSetPersistentVolumeClaimRetentionPolicy: {
    fields: {
      whenDeleted: { default: 'Retain', enum: ['Delete', 'Retain'] },
      whenScaled: { default: 'Retain', enum: ['Delete', 'Retain'] },
    },
  },
  StatefulSetCondition: { fields: { status: conditionStatus } },
  StatefulSetStatus: { fields: { conditions: mergeList('type') } },

  DaemonSet: { definition: kindOf('apps', 'v1', 'DaemonSet') },
  DaemonSetSpec: { fields: { revisionHistoryLimit: { default: 10 }, updateStrategy: { default: {} } } },
  DaemonSetUpdateStrategy: {
    // The rolling update's own default depends on the type: kinds/daemon-set.ts.
    fields: { type: { default: 'RollingUpdate', enum: ['OnDelete', 'RollingUpdate'] } },
  },
  RollingUpdateDaemonSet: { fields: { maxSurge: { default: 0 }, maxUnavailable: { default: 1 } } },
  DaemonSetCondition: { fields: { status: conditionStatus } },
  DaemonSetStatus: { fields: { conditions: mergeList('type') } },

  ControllerRevision: {
    definition: kindOf('apps', 'v1', 'ControllerRevision'),
    // What a controller keeps in it is its own affair.
    fields: { data: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
  },

  Scale: { definition: kindOf('autoscaling', 'v1', 'Scale') },
}
