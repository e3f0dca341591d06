import {
  atomicList,
  atomicMap,
  conditionStatus,
  kindOf,
  mapList,
  mergeList,
  type Overlay,
  quantities,
} from './markers.ts'

/** What nodes, their certificates and their pods live on: leases, signing requests, priorities, runtimes, disruption budgets. */
export const systemOverlay: Overlay = {
  Lease: { definition: kindOf('coordination.k8s.io', 'v1', 'Lease') },
  CertificateSigningRequest: {
    definition: kindOf('certificates.k8s.io', 'v1', 'CertificateSigningRequest'),
  },
  CertificateSigningRequestSpec: {
    fields: {
      groups: atomicList,
      usages: atomicList,
      extra: { additionalProperties: { type: 'array', items: { type: 'string' }, ...atomicList } },
    },
  },
  CertificateSigningRequestCondition: { fields: { status: conditionStatus } },
  CertificateSigningRequestStatus: { fields: { conditions: mapList('type') } },
  'events.v1.Event': { definition: kindOf('events.k8s.io', 'v1', 'Event') },
  PriorityClass: {
    definition: kindOf('scheduling.k8s.io', 'v1', 'PriorityClass'),
    fields: {
      preemptionPolicy: { default: 'PreemptLowerPriority', enum: ['Never', 'PreemptLowerPriority'] },
    },
  },
  RuntimeClass: { definition: kindOf('node.k8s.io', 'v1', 'RuntimeClass') },
  Overhead: { fields: { podFixed: quantities } },
  Scheduling: { fields: { nodeSelector: atomicMap, tolerations: atomicList } },
  Eviction: { definition: kindOf('policy', 'v1', 'Eviction') },
  PodDisruptionBudget: { definition: kindOf('policy', 'v1', 'PodDisruptionBudget') },
  PodDisruptionBudgetSpec: {
    fields: {
      selector: { 'x-kubernetes-patch-strategy': 'replace' },
      unhealthyPodEvictionPolicy: { enum: ['AlwaysAllow', 'IfHealthyBudget'] },
    },
  },
  PodDisruptionBudgetStatus: { fields: { conditions: mergeList('type') } },
}
