import type { Kind } from '../../../../src/kube/index.ts'

type Sample = { readonly [field: string]: unknown }

const template = {
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'web', image: 'registry.local/web:1' }] },
}
const runsOnce = { ...template, spec: { ...template.spec, restartPolicy: 'Never' } }
const selector = { matchLabels: { app: 'web' } }
const service = { name: 'judge', namespace: 'default' }
const webhook = {
  name: 'judge.example.com',
  admissionReviewVersions: ['v1'],
  sideEffects: 'None',
  clientConfig: { service },
  rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
}
const rule = { apiGroups: [''], resources: ['pods'], verbs: ['get'] }
const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' }]
const roleRef = { apiGroup: 'rbac.authorization.k8s.io', name: 'readers' }
const event = { reason: 'Tested', type: 'Normal' }

/** A certificate request of `CN=sample`, PEM in base64. */
const REQUEST =
  'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlITE1ITUNBUUF3RVRFUE1BMEdBMVVFQXd3R2MyRnRjR3hsTUZr' +
  'd0V3WUhLb1pJemowQ0FRWUlLb1pJemowRApBUWNEUWdBRVgzd3M4UXlJOThRWFlMY2VVZU83eTJmU1N6LzBJNG5LMUZ1OFUwbGJq' +
  'dXFQRkZzQW40NWZpL21PCk1wVVNtTDZyMXZtTEU5SlBjSVdVbUJVVjZiUkxVS0FBTUFvR0NDcUdTTTQ5QkFNQ0EwZ0FNRVVDSUR0' +
  'YWE4VzUKNEN4L3hKaVBsMDR4ejlQc1BsaktNSmxqdTdpWmpFWFY3UlhzQWlFQTMxd2pYTjdTQkExcEdEeGc3M29rVnVvMAoxci9x' +
  'SVplUHlMZWNhRFk3SGhRPQotLS0tLUVORCBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K'

/** The least that the API takes of each kind, beyond its metadata; by apiVersion and kind. */
const SAMPLES: { readonly [kind: string]: Sample } = {
  'v1 ConfigMap': { data: { key: 'value' } },
  'v1 Endpoints': { subsets: [{ addresses: [{ ip: '10.1.2.3' }], ports: [{ port: 80 }] }] },
  'v1 Event': { ...event, involvedObject: { kind: 'Pod', name: 'web', namespace: 'default' } },
  'v1 LimitRange': { spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] } },
  'v1 Namespace': {},
  'v1 Node': {},
  'v1 PersistentVolume': {
    spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/data' } },
  },
  'v1 PersistentVolumeClaim': {
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  },
  'v1 Pod': { spec: template.spec },
  'v1 PodTemplate': { template },
  'v1 ReplicationController': { spec: { template } },
  'v1 ResourceQuota': { spec: { hard: { pods: '3' } } },
  'v1 Secret': { stringData: { key: 'value' } },
  'v1 Service': { spec: { ports: [{ port: 80 }] } },
  'v1 ServiceAccount': {},
  'admissionregistration.k8s.io/v1 MutatingWebhookConfiguration': { webhooks: [webhook] },
  'admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy': {
    spec: {
      matchConstraints: {
        resourceRules: [
          { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['deployments'] },
        ],
      },
      validations: [{ expression: 'object.spec.replicas > 1' }],
    },
  },
  'admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding': {
    spec: { policyName: 'replicas', validationActions: ['Deny'] },
  },
  'admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration': { webhooks: [webhook] },
  'apiregistration.k8s.io/v1 APIService': {
    spec: {
      group: 'example.com',
      version: 'v1',
      service,
      insecureSkipTLSVerify: true,
      groupPriorityMinimum: 1000,
      versionPriority: 15,
    },
  },
  'apps/v1 ControllerRevision': { revision: 1, data: {} },
  'apps/v1 DaemonSet': { spec: { selector, template } },
  'apps/v1 Deployment': { spec: { selector, template } },
  'apps/v1 ReplicaSet': { spec: { selector, template } },
  'apps/v1 StatefulSet': { spec: { selector, template, serviceName: 'web' } },
  'autoscaling/v1 HorizontalPodAutoscaler': {
    spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, maxReplicas: 3 },
  },
  'autoscaling/v2 HorizontalPodAutoscaler': {
    spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, maxReplicas: 3 },
  },
  'batch/v1 CronJob': { spec: { schedule: '*/5 * * * *', jobTemplate: { spec: { template: runsOnce } } } },
  'batch/v1 Job': { spec: { template: runsOnce } },
  'bowline.dev/v1alpha1 App': { spec: { source: { repository: '/srv/shop', branch: 'main', path: '' } } },
  'bowline.dev/v1alpha1 PolicyEndpoints': { spec: { podSelector: {} } },
  'certificates.k8s.io/v1 CertificateSigningRequest': {
    spec: { request: REQUEST, signerName: 'example.com/signer', usages: ['client auth'] },
  },
  'coordination.k8s.io/v1 Lease': { spec: { holderIdentity: 'somebody' } },
  'discovery.k8s.io/v1 EndpointSlice': {
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.1.2.3'] }],
    ports: [{ port: 80 }],
  },
  'events.k8s.io/v1 Event': {
    ...event,
    eventTime: '2026-01-02T03:04:05.000006Z',
    action: 'Testing',
    reportingController: 'example.com/test',
    reportingInstance: 'test-1',
    regarding: { kind: 'Pod', name: 'web', namespace: 'default' },
  },
  'flowcontrol.apiserver.k8s.io/v1 FlowSchema': {
    spec: {
      matchingPrecedence: 100,
      priorityLevelConfiguration: { name: 'workload-low' },
      rules: [
        {
          subjects: [{ kind: 'Group', group: { name: 'testers' } }],
          resourceRules: [{ verbs: ['get'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'] }],
        },
      ],
    },
  },
  'flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration': {
    spec: { type: 'Limited', limited: { limitResponse: { type: 'Reject' } } },
  },
  'networking.k8s.io/v1 Ingress': {
    spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } },
  },
  'networking.k8s.io/v1 IngressClass': { spec: { controller: 'example.com/ingress' } },
  'networking.k8s.io/v1 NetworkPolicy': { spec: { podSelector: {} } },
  'node.k8s.io/v1 RuntimeClass': { handler: 'gvisor' },
  'policy/v1 PodDisruptionBudget': { spec: { minAvailable: 1, selector } },
  'rbac.authorization.k8s.io/v1 ClusterRole': { rules: [rule] },
  'rbac.authorization.k8s.io/v1 ClusterRoleBinding': {
    subjects,
    roleRef: { ...roleRef, kind: 'ClusterRole' },
  },
  'rbac.authorization.k8s.io/v1 Role': { rules: [rule] },
  'rbac.authorization.k8s.io/v1 RoleBinding': { subjects, roleRef: { ...roleRef, kind: 'Role' } },
  'scheduling.k8s.io/v1 PriorityClass': { value: 1000 },
  'storage.k8s.io/v1 CSIDriver': { spec: {} },
  'storage.k8s.io/v1 CSINode': { spec: { drivers: [{ name: 'csi.example.com', nodeID: 'host-1' }] } },
  'storage.k8s.io/v1 CSIStorageCapacity': { storageClassName: 'fast', capacity: '1Gi' },
  'storage.k8s.io/v1 StorageClass': { provisioner: 'example.com/disk' },
  'storage.k8s.io/v1 VolumeAttachment': {
    spec: { attacher: 'csi.example.com', nodeName: 'host-1', source: { persistentVolumeName: 'data' } },
  },
}

/** Names that say what the object is about cannot be chosen. */
const NAMES: { readonly [kind: string]: string } = {
  'apiregistration.k8s.io/v1 APIService': 'v1.example.com',
}

/** A good object of a kind, labelled `sample: <name>`; undefined for kinds that nobody has written a sample of. */
export function sampleOf(
  kind: Kind,
  name: string,
): { readonly metadata: { readonly name: string } } | undefined {
  const apiVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
  const key = `${apiVersion} ${kind.kind}`
  const fields = SAMPLES[key]
  if (fields === undefined) return undefined
  return {
    apiVersion,
    kind: kind.kind,
    metadata: { name: NAMES[key] ?? name, labels: { sample: name } },
    ...fields,
  } as { readonly metadata: { readonly name: string } }
}
