const SELECTORS = {
  namespaceSelector:
    'Whether it is asked about an object by the labels of its namespace, of a namespace by its own. Absent: about all.',
  objectSelector:
    'Whether it is asked about an object by its labels: when either the old or the new object is selected. Absent: about all.',
}

const RESOURCES = 'The CPU, memory and other resources that the container asks for and may use at most.'

/**
 * What fields are for, by definition and field, where the models tell no more than what their type is, and `kubectl explain` would say that
 * twice: fields that hold a whole number or a text, and those with a default or a marker beside their definition. A test keeps the list
 * complete.
 */
export const FIELD_TEXTS: { readonly [definition: string]: { readonly [field: string]: string } } = {
  'io.k8s.api.admissionregistration.v1.MatchResources': SELECTORS,
  'io.k8s.api.admissionregistration.v1.MutatingWebhook': SELECTORS,
  'io.k8s.api.admissionregistration.v1.ValidatingWebhook': SELECTORS,
  'io.k8s.api.apps.v1.DaemonSetSpec': { updateStrategy: 'How pods are replaced when the template changes.' },
  'io.k8s.api.apps.v1.DeploymentSpec': { strategy: 'How pods are replaced when the template changes.' },
  'io.k8s.api.apps.v1.StatefulSetSpec': {
    persistentVolumeClaimRetentionPolicy:
      'What becomes of the claims made of volumeClaimTemplates when the set is deleted or scaled down. Absent: they are kept.',
    updateStrategy: 'How pods are replaced when the template changes.',
  },
  'io.k8s.api.core.v1.Container': { resources: RESOURCES },
  'io.k8s.api.core.v1.EphemeralContainer': {
    resources: 'Not allowed: ephemeral containers use what is left of the resources of their pod.',
  },
  'io.k8s.api.core.v1.PodSpec': {
    securityContext:
      'Security settings of the whole pod, and those that its containers have unless they say otherwise.',
  },
  'io.k8s.api.flowcontrol.v1.LimitedPriorityLevelConfiguration': {
    limitResponse: 'What is done with requests that cannot be served at once.',
  },
  'io.k8s.api.apps.v1.RollingUpdateDaemonSet': {
    maxSurge:
      'How many nodes may run an old and a new pod at once during an update: a number, or a share of the nodes that should run one, such as `10%`, rounded up. Must not be 0 when maxUnavailable is 0.',
    maxUnavailable:
      'How many nodes may be without an available pod during an update: a number, or a share of the nodes that should run one, such as `10%`, rounded up. Must not be 0 when maxSurge is 0.',
  },
  'io.k8s.api.apps.v1.RollingUpdateDeployment': {
    maxSurge:
      'How many pods there may be beyond spec.replicas during an update: a number, or a share of the replicas, such as `25%`, rounded up. Must not be 0 when maxUnavailable is 0.',
    maxUnavailable:
      'How many of spec.replicas may be unavailable during an update: a number, or a share of the replicas, such as `25%`, rounded down. Must not be 0 when maxSurge is 0.',
  },
  'io.k8s.api.apps.v1.RollingUpdateStatefulSetStrategy': {
    maxUnavailable:
      'How many pods may be unavailable during an update: a number, or a share of the replicas, such as `10%`, rounded up. Must not be 0; needs the feature gate MaxUnavailableStatefulSet.',
  },
  'io.k8s.api.core.v1.HTTPGetAction': {
    port: 'The port of the container that is asked: a number from 1 to 65535, or the name of one of its ports.',
  },
  'io.k8s.api.core.v1.ServicePort': {
    targetPort:
      'The port of the pods that the service leads to: a number from 1 to 65535, or the name of a port of their containers. Absent: the same as port. A headless service ignores it.',
  },
  'io.k8s.api.core.v1.TCPSocketAction': {
    port: 'The port of the container that is connected to: a number from 1 to 65535, or the name of one of its ports.',
  },
  'io.k8s.api.networking.v1.NetworkPolicyPort': {
    port: 'The port of the pods that traffic goes to: a number, or the name of a port of their containers. Absent: every port.',
  },
  'io.k8s.api.policy.v1.PodDisruptionBudgetSpec': {
    maxUnavailable:
      'An eviction is allowed when at most this many of the selected pods are unavailable after it: a number, or a share of them, such as `10%`. Excludes minAvailable.',
    minAvailable:
      'An eviction is allowed when at least this many of the selected pods are available after it: a number, or a share of them, such as `90%`. Excludes maxUnavailable.',
    selector: 'Which pods of the namespace are counted: null selects none, {} selects all.',
  },
}
