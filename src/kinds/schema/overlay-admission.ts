import {
  atomicList,
  atomicMap,
  conditionStatus,
  type DefinitionOverlay,
  kindOf,
  mapList,
  mergeList,
  type Overlay,
  setList,
} from './markers.ts'
import type { Schema } from './schema.ts'

const GROUP = 'admissionregistration.k8s.io'

const failurePolicy: Schema = { default: 'Fail', enum: ['Fail', 'Ignore'] }
const matchPolicy: Schema = { default: 'Equivalent', enum: ['Equivalent', 'Exact'] }
const rule: DefinitionOverlay['fields'] = {
  apiGroups: atomicList,
  apiVersions: atomicList,
  operations: atomicList,
  resources: atomicList,
  scope: { default: '*' },
}
const webhook: DefinitionOverlay['fields'] = {
  admissionReviewVersions: atomicList,
  failurePolicy,
  matchConditions: mergeList('name'),
  matchPolicy,
  namespaceSelector: { default: {} },
  objectSelector: { default: {} },
  rules: atomicList,
  timeoutSeconds: { default: 10 },
}

/** `admissionregistration.k8s.io/v1`, and the `apiregistration.k8s.io/v1` APIService. */
export const admissionOverlay: Overlay = {
  MutatingWebhookConfiguration: {
    definition: kindOf(GROUP, 'v1', 'MutatingWebhookConfiguration'),
    fields: { webhooks: mergeList('name') },
  },
  ValidatingWebhookConfiguration: {
    definition: kindOf(GROUP, 'v1', 'ValidatingWebhookConfiguration'),
    fields: { webhooks: mergeList('name') },
  },
  MutatingWebhook: {
    fields: { ...webhook, reinvocationPolicy: { default: 'Never', enum: ['IfNeeded', 'Never'] } },
  },
  ValidatingWebhook: { fields: webhook },
  RuleWithOperations: { fields: rule },
  'admissionregistration.v1.ServiceReference': { fields: { port: { default: 443 } } },

  ValidatingAdmissionPolicy: { definition: kindOf(GROUP, 'v1', 'ValidatingAdmissionPolicy') },
  ValidatingAdmissionPolicySpec: {
    fields: {
      auditAnnotations: atomicList,
      failurePolicy,
      matchConditions: mergeList('name'),
      validations: atomicList,
      variables: mergeList('name'),
    },
  },
  ValidatingAdmissionPolicyStatus: { fields: { conditions: mapList('type') } },
  ValidatingAdmissionPolicyBinding: { definition: kindOf(GROUP, 'v1', 'ValidatingAdmissionPolicyBinding') },
  ValidatingAdmissionPolicyBindingSpec: { fields: { validationActions: setList } },
  MatchResources: {
    definition: atomicMap,
    fields: {
      excludeResourceRules: atomicList,
      matchPolicy,
      namespaceSelector: { default: {} },
      objectSelector: { default: {} },
      resourceRules: atomicList,
    },
  },
  NamedRuleWithOperations: { definition: atomicMap, fields: { ...rule, resourceNames: atomicList } },
  ParamKind: { definition: atomicMap },
  ParamRef: {
    definition: atomicMap,
    fields: { parameterNotFoundAction: { enum: ['Allow', 'Deny'] } },
  },
  TypeChecking: { fields: { expressionWarnings: atomicList } },

  APIService: { definition: kindOf('apiregistration.k8s.io', 'v1', 'APIService') },
  'apiregistration.v1.ServiceReference': { fields: { port: { default: 443 } } },
  APIServiceStatus: { fields: { conditions: mergeList('type') } },
  APIServiceCondition: { fields: { status: conditionStatus } },
}
