import {
  atomicList,
  atomicMap,
  conditionStatus,
  kindOf,
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
  ConfigMap: { definition: kindOf('', 'v1', 'ConfigMap') },
  Event: { definition: kindOf('', 'v1', 'Event') },
  Namespace: { definition: kindOf('', 'v1', 'Namespace') },
  Node: { definition: kindOf('', 'v1', 'Node') },
  Secret: { definition: kindOf('', 'v1', 'Secret'), fields: { type: { default: 'Opaque' } } },
  ServiceAccount: {
    definition: kindOf('', 'v1', 'ServiceAccount'),
    fields: { imagePullSecrets: atomicList, secrets: mergeList('name') },
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
  ResourceFieldSelector: { definition: atomicMap, fields: { divisor: { format: 'quantity' } } },
  SecretKeySelector: { definition: atomicMap },
  TypedLocalObjectReference: { definition: atomicMap },
}
