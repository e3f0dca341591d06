import { atomicList, conditionStatus, kindOf, mergeList, type Overlay, setList } from './markers.ts'

/** `flowcontrol.apiserver.k8s.io/v1`. */
export const flowcontrolOverlay: Overlay = {
  FlowSchema: { definition: kindOf('flowcontrol.apiserver.k8s.io', 'v1', 'FlowSchema') },
  FlowSchemaSpec: { fields: { matchingPrecedence: { default: 1000 }, rules: atomicList } },
  FlowDistinguisherMethod: { fields: { type: { enum: ['ByNamespace', 'ByUser'] } } },
  PolicyRulesWithSubjects: {
    fields: { nonResourceRules: atomicList, resourceRules: atomicList, subjects: atomicList },
  },
  'flowcontrol.v1.Subject': { fields: { kind: { enum: ['Group', 'ServiceAccount', 'User'] } } },
  'flowcontrol.v1.ResourcePolicyRule': {
    fields: { apiGroups: setList, namespaces: setList, resources: setList, verbs: setList },
  },
  'flowcontrol.v1.NonResourcePolicyRule': { fields: { nonResourceURLs: setList, verbs: setList } },
  FlowSchemaStatus: { fields: { conditions: mergeList('type') } },
  FlowSchemaCondition: { fields: { status: conditionStatus } },

  PriorityLevelConfiguration: {
    definition: kindOf('flowcontrol.apiserver.k8s.io', 'v1', 'PriorityLevelConfiguration'),
  },
  PriorityLevelConfigurationSpec: { fields: { type: { enum: ['Exempt', 'Limited'] } } },
  ExemptPriorityLevelConfiguration: {
    fields: { lendablePercent: { default: 0 }, nominalConcurrencyShares: { default: 0 } },
  },
  LimitedPriorityLevelConfiguration: {
    fields: {
      lendablePercent: { default: 0 },
      limitResponse: { default: {} },
      nominalConcurrencyShares: { default: 30 },
    },
  },
  LimitResponse: { fields: { type: { enum: ['Queue', 'Reject'] } } },
  QueuingConfiguration: {
    fields: {
      handSize: { default: 8 },
      queueLengthLimit: { default: 50 },
      queues: { default: 64 },
    },
  },
  PriorityLevelConfigurationStatus: { fields: { conditions: mergeList('type') } },
  PriorityLevelConfigurationCondition: { fields: { status: conditionStatus } },
}
