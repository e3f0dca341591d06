import {
  atomicList,
  atomicMap,
  conditionStatus,
  kindOf,
  mapList,
  mergeList,
  type Overlay,
  quantities,
  setList,
} from './markers.ts'
import type { Schema } from './schema.ts'

const taintEffect: Schema = { enum: ['NoExecute', 'NoSchedule', 'PreferNoSchedule'] }

/** The core group but for pods: namespaces, nodes, configuration, accounts, events, references. */
export const coreOverlay: Overlay = {
  Binding: { definition: kindOf('', 'v1', 'Binding') },
  ComponentStatus: {
    definition: kindOf('', 'v1', 'ComponentStatus'),
    fields: { conditions: mapList('type') },
  },
  ConfigMap: { definition: kindOf('', 'v1', 'ConfigMap') },
  'core.v1.Event': { definition: kindOf('', 'v1', 'Event') },
  Namespace: { definition: kindOf('', 'v1', 'Namespace') },
  Node: { definition: kindOf('', 'v1', 'Node') },
  Secret: { definition: kindOf('', 'v1', 'Secret'), fields: { type: { default: 'Opaque' } } },
  ServiceAccount: {
    definition: kindOf('', 'v1', 'ServiceAccount'),
    fields: { imagePullSecrets: atomicList, secrets: mergeList('name') },
  },

  PodTemplate: { definition: kindOf('', 'v1', 'PodTemplate') },
  ReplicationController: { definition: kindOf('', 'v1', 'ReplicationController') },
  ReplicationControllerSpec: { fields: { replicas: { default: 1 }, selector: atomicMap } },
  ReplicationControllerCondition: { fields: { status: conditionStatus } },
  ReplicationControllerStatus: { fields: { conditions: mergeList('type') } },

  LimitRange: { definition: kindOf('', 'v1', 'LimitRange') },
  LimitRangeSpec: { fields: { limits: atomicList } },
  // The defaults of one list of quantities are another: kinds/limit-range.ts.
  LimitRangeItem: {
    fields: {
      default: quantities,
      defaultRequest: quantities,
      max: quantities,
      maxLimitRequestRatio: quantities,
      min: quantities,
    },
  },
  ResourceQuota: { definition: kindOf('', 'v1', 'ResourceQuota') },
  ResourceQuotaSpec: { fields: { hard: quantities, scopes: atomicList } },
  ResourceQuotaStatus: { fields: { hard: quantities, used: quantities } },
  ScopeSelector: { definition: atomicMap, fields: { matchExpressions: atomicList } },
  ScopedResourceSelectorRequirement: {
    fields: { operator: { enum: ['DoesNotExist', 'Exists', 'In', 'NotIn'] }, values: atomicList },
  },

  NamespaceSpec: { fields: { finalizers: atomicList } },
  NamespaceStatus: { fields: { conditions: mergeList('type'), phase: { enum: ['Active', 'Terminating'] } } },
  NamespaceCondition: { fields: { status: conditionStatus } },

  NodeSpec: {
    fields: { podCIDRs: { ...setList, 'x-kubernetes-patch-strategy': 'merge' }, taints: atomicList },
  },
  NodeStatus: {
    fields: {
      addresses: mergeList('type'),
      allocatable: quantities,
      capacity: quantities,
      conditions: mergeList('type'),
      images: atomicList,
      runtimeHandlers: atomicList,
      volumesAttached: atomicList,
      volumesInUse: atomicList,
    },
  },
  NodeCondition: { fields: { status: conditionStatus } },
  Taint: { fields: { effect: taintEffect } },
  Toleration: {
    fields: { effect: taintEffect, operator: { enum: ['Equal', 'Exists'] } },
  },
  ContainerImage: { fields: { names: atomicList } },
  NodeSelector: { definition: atomicMap, fields: { nodeSelectorTerms: atomicList } },
  NodeSelectorTerm: {
    definition: atomicMap,
    fields: { matchExpressions: atomicList, matchFields: atomicList },
  },
  NodeSelectorRequirement: { fields: { values: atomicList } },

  // References are one value: half a reference names nothing.
  ConfigMapKeySelector: { definition: atomicMap },
  LocalObjectReference: { definition: atomicMap },
  ObjectReference: { definition: atomicMap },
  ResourceFieldSelector: { definition: atomicMap, fields: { divisor: { format: 'quantity', default: '0' } } },
  SecretKeySelector: { definition: atomicMap },
  TypedLocalObjectReference: { definition: atomicMap },
}
