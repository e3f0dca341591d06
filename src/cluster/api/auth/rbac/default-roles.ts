import { Kinds, type PolicyRule, type Subject } from '../../../../kube/index.ts'
import { AUTHENTICATED_GROUP, MASTERS_GROUP } from '../identity.ts'

/** A ClusterRole that every cluster has: its own rules, or the labels of the roles whose rules it gathers. */
export interface DefaultRole {
  readonly name: string
  readonly labels: { readonly [key: string]: string }
  readonly rules: readonly PolicyRule[]
  readonly gathers: string | undefined
}

export interface DefaultBinding {
  readonly name: string
  readonly role: string
  readonly subjects: readonly Subject[]
}

const READ = ['get', 'list', 'watch']
const CHANGE = ['create', 'delete', 'deletecollection', 'patch', 'update']
const EDIT = ['patch', 'update']
const CORE = ['']
const EVENTS = ['', 'events.k8s.io']
const CERTIFICATES = ['certificates.k8s.io']
const BOWLINE = [Kinds.App.group]

const AGGREGATE = 'rbac.authorization.k8s.io/aggregate-to-'
const TO_ADMIN = { [`${AGGREGATE}admin`]: 'true' }
const TO_EDIT = { [`${AGGREGATE}edit`]: 'true' }
const TO_VIEW = { [`${AGGREGATE}view`]: 'true' }

/**
 * Upstream's ClusterRoles (plugin/pkg/auth/authorizer/rbac/bootstrappolicy, v1.32) for people and their programs, and Bowline's own.
 * Roles for components that do not exist here (kube-scheduler, kube-controller-manager and its controllers) are left out: what does
 * their work is a part of the server.
 */
export const DEFAULT_ROLES: readonly DefaultRole[] = [
  role('cluster-admin', [on(['*'], ['*'], ['*']), at(['*'], ['*'])]),
  gathering('admin', {}, `${AGGREGATE}admin`),
  gathering('edit', TO_ADMIN, `${AGGREGATE}edit`),
  gathering('view', TO_EDIT, `${AGGREGATE}view`),

  role(
    'system:aggregate-to-admin',
    [
      on(['create'], ['authorization.k8s.io'], ['localsubjectaccessreviews']),
      on([...READ, ...CHANGE], ['rbac.authorization.k8s.io'], ['rolebindings', 'roles']),
    ],
    TO_ADMIN,
  ),
  role(
    'system:aggregate-to-edit',
    [
      on(READ, CORE, [
        'pods/attach',
        'pods/exec',
        'pods/portforward',
        'pods/proxy',
        'secrets',
        'services/proxy',
      ]),
      on(['impersonate'], CORE, ['serviceaccounts']),
      on(CHANGE, CORE, ['pods', 'pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy']),
      on(['create'], CORE, ['pods/eviction']),
      on(CHANGE, CORE, [
        'configmaps',
        'events',
        'persistentvolumeclaims',
        'replicationcontrollers',
        'replicationcontrollers/scale',
        'secrets',
        'serviceaccounts',
        'services',
        'services/proxy',
      ]),
      on(['create'], CORE, ['serviceaccounts/token']),
      on(
        CHANGE,
        ['apps'],
        [
          'daemonsets',
          'deployments',
          'deployments/rollback',
          'deployments/scale',
          'replicasets',
          'replicasets/scale',
          'statefulsets',
          'statefulsets/scale',
        ],
      ),
      on(CHANGE, ['autoscaling'], ['horizontalpodautoscalers']),
      on(CHANGE, ['batch'], ['cronjobs', 'jobs']),
      on(CHANGE, ['policy'], ['poddisruptionbudgets']),
      on(CHANGE, ['networking.k8s.io'], ['ingresses', 'networkpolicies']),
      on([...READ, ...CHANGE], ['coordination.k8s.io'], ['leases']),
    ],
    TO_EDIT,
  ),
  role(
    'system:aggregate-to-view',
    [
      on(READ, CORE, [
        'configmaps',
        'endpoints',
        'persistentvolumeclaims',
        'persistentvolumeclaims/status',
        'pods',
        'replicationcontrollers',
        'replicationcontrollers/scale',
        'serviceaccounts',
        'services',
        'services/status',
      ]),
      on(READ, CORE, [
        'bindings',
        'events',
        'limitranges',
        'namespaces/status',
        'pods/log',
        'pods/status',
        'replicationcontrollers/status',
        'resourcequotas',
        'resourcequotas/status',
      ]),
      on(READ, CORE, ['namespaces']),
      on(READ, ['discovery.k8s.io'], ['endpointslices']),
      on(
        READ,
        ['apps'],
        [
          'controllerrevisions',
          'daemonsets',
          'daemonsets/status',
          'deployments',
          'deployments/scale',
          'deployments/status',
          'replicasets',
          'replicasets/scale',
          'replicasets/status',
          'statefulsets',
          'statefulsets/scale',
          'statefulsets/status',
        ],
      ),
      on(READ, ['autoscaling'], ['horizontalpodautoscalers', 'horizontalpodautoscalers/status']),
      on(READ, ['batch'], ['cronjobs', 'cronjobs/status', 'jobs', 'jobs/status']),
      on(READ, ['policy'], ['poddisruptionbudgets', 'poddisruptionbudgets/status']),
      on(READ, ['networking.k8s.io'], ['ingresses', 'ingresses/status', 'networkpolicies']),
    ],
    TO_VIEW,
  ),

  // An App may declare anything anywhere: whoever writes one holds the cluster, so none of these roles lets anybody.
  role(
    'bowline:aggregate-to-view',
    [
      on(READ, BOWLINE, [
        'apps',
        'apps/plan',
        'apps/status',
        'policyendpoints',
        'recordchains',
        'records',
        'volumes',
        'volumes/snapshots',
      ]),
    ],
    TO_VIEW,
  ),
  role(
    'bowline:aggregate-to-edit',
    [
      on(['create'], BOWLINE, [
        'apps/sync',
        'volumes/cancel',
        'volumes/confirm',
        'volumes/move',
        'volumes/restore',
        'volumes/snapshot',
      ]),
    ],
    TO_EDIT,
  ),
  // What belongs to no namespace and is no secret: the hosts and what they offer.
  role('bowline:fleet-viewer', [
    on(READ, CORE, ['nodes', 'persistentvolumes']),
    on(READ, ['coordination.k8s.io'], ['leases']),
    on(READ, ['networking.k8s.io'], ['ingressclasses']),
    on(READ, ['storage.k8s.io'], ['storageclasses']),
  ]),

  role('system:basic-user', [
    on(['create'], ['authorization.k8s.io'], ['selfsubjectaccessreviews', 'selfsubjectrulesreviews']),
    on(['create'], ['authentication.k8s.io'], ['selfsubjectreviews']),
  ]),
  role('system:discovery', [
    at(
      ['get'],
      [
        '/api',
        '/api/*',
        '/apis',
        '/apis/*',
        '/healthz',
        '/livez',
        '/openapi',
        '/openapi/*',
        '/readyz',
        '/version',
        '/version/',
      ],
    ),
  ]),
  role('system:public-info-viewer', [
    at(['get'], ['/healthz', '/livez', '/readyz', '/version', '/version/']),
  ]),
  role('system:monitoring', [
    at(
      ['get'],
      ['/healthz', '/healthz/*', '/livez', '/livez/*', '/metrics', '/metrics/slis', '/readyz', '/readyz/*'],
    ),
  ]),
  role('system:service-account-issuer-discovery', [
    at(['get'], ['/.well-known/openid-configuration', '/openid/v1/jwks']),
  ]),
  role('system:auth-delegator', [
    on(['create'], ['authentication.k8s.io'], ['tokenreviews']),
    on(['create'], ['authorization.k8s.io'], ['subjectaccessreviews']),
  ]),
  role('system:kubelet-api-admin', [
    on(READ, CORE, ['nodes']),
    on(['proxy'], CORE, ['nodes']),
    on(['*'], CORE, ['nodes/log', 'nodes/metrics', 'nodes/proxy', 'nodes/stats']),
  ]),

  // What the Node authorizer allows agents, as a role: nobody is bound to it, as upstream.
  role('system:node', [
    on(['create'], ['authentication.k8s.io'], ['tokenreviews']),
    on(['create'], ['authorization.k8s.io'], ['localsubjectaccessreviews', 'subjectaccessreviews']),
    on(READ, CORE, ['services']),
    on(['create', ...READ], CORE, ['nodes']),
    on(EDIT, CORE, ['nodes/status']),
    on(EDIT, CORE, ['nodes']),
    on(['create', ...EDIT], CORE, ['events']),
    on(READ, CORE, ['pods']),
    on(['create', 'delete'], CORE, ['pods']),
    on(EDIT, CORE, ['pods/status']),
    on(['create'], CORE, ['pods/eviction']),
    on(READ, CORE, ['configmaps', 'secrets']),
    on(['get'], CORE, ['persistentvolumeclaims', 'persistentvolumes']),
    on(['get'], CORE, ['endpoints']),
    on(['create', ...READ], CERTIFICATES, ['certificatesigningrequests']),
    on(['create', 'delete', 'get', ...EDIT], ['coordination.k8s.io'], ['leases']),
    on(['get'], ['storage.k8s.io'], ['volumeattachments']),
    on(['create'], CORE, ['serviceaccounts/token']),
    on(['get', ...EDIT], CORE, ['persistentvolumeclaims/status']),
    on(READ, ['storage.k8s.io'], ['csidrivers']),
    on(['create', 'delete', 'get', ...EDIT], ['storage.k8s.io'], ['csinodes']),
    on(READ, ['node.k8s.io'], ['runtimeclasses']),
  ]),
  role('system:node-proxier', [
    on(['list', 'watch'], CORE, ['endpoints', 'services']),
    on(READ, CORE, ['nodes']),
    on(['create', ...EDIT], EVENTS, ['events']),
    on(['list', 'watch'], ['discovery.k8s.io'], ['endpointslices']),
  ]),
  role('system:node-bootstrapper', [on(['create', ...READ], CERTIFICATES, ['certificatesigningrequests'])]),
  role('system:node-problem-detector', [
    on(['get'], CORE, ['nodes']),
    on(['patch'], CORE, ['nodes/status']),
    on(['create', ...EDIT], EVENTS, ['events']),
  ]),
  role('system:persistent-volume-provisioner', [
    on(['create', 'delete', ...READ], CORE, ['persistentvolumes']),
    on([...READ, 'update'], CORE, ['persistentvolumeclaims']),
    on(READ, ['storage.k8s.io'], ['storageclasses']),
    on(['watch'], CORE, ['events']),
    on(['create', ...EDIT], EVENTS, ['events']),
  ]),

  role('system:certificates.k8s.io:certificatesigningrequests:nodeclient', [
    on(['create'], CERTIFICATES, ['certificatesigningrequests/nodeclient']),
  ]),
  role('system:certificates.k8s.io:certificatesigningrequests:selfnodeclient', [
    on(['create'], CERTIFICATES, ['certificatesigningrequests/selfnodeclient']),
  ]),
  ...['kube-apiserver-client', 'kube-apiserver-client-kubelet', 'kubelet-serving', 'legacy-unknown'].map(
    signer =>
      role(`system:certificates.k8s.io:${signer}-approver`, [
        {
          apiGroups: CERTIFICATES,
          resources: ['signers'],
          resourceNames: [`kubernetes.io/${signer}`],
          verbs: ['approve'],
        },
      ]),
  ),
]

/** Who holds them from the start. Nobody is anonymous here, so nothing is bound to `system:unauthenticated`. */
export const DEFAULT_BINDINGS: readonly DefaultBinding[] = [
  binding('cluster-admin', MASTERS_GROUP),
  binding('system:basic-user', AUTHENTICATED_GROUP),
  binding('system:discovery', AUTHENTICATED_GROUP),
  binding('system:monitoring', 'system:monitoring'),
  binding('system:public-info-viewer', AUTHENTICATED_GROUP),
  binding('system:service-account-issuer-discovery', 'system:serviceaccounts'),
]

/** A rule on resources. */
function on(
  verbs: readonly string[],
  apiGroups: readonly string[],
  resources: readonly string[],
): PolicyRule {
  return { apiGroups: [...apiGroups], resources: [...resources], verbs: [...verbs].sort() }
}

/** A rule on paths that are no resources. */
function at(verbs: readonly string[], nonResourceURLs: readonly string[]): PolicyRule {
  return { nonResourceURLs: [...nonResourceURLs], verbs: [...verbs] }
}

function role(name: string, rules: readonly PolicyRule[], labels: DefaultRole['labels'] = {}): DefaultRole {
  return { name, labels, rules, gathers: undefined }
}

function gathering(name: string, labels: DefaultRole['labels'], gathers: string): DefaultRole {
  return { name, labels, rules: [], gathers }
}

function binding(role: string, group: string): DefaultBinding {
  const subject: Subject = { kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: group }
  return { name: role, role, subjects: [subject] }
}
