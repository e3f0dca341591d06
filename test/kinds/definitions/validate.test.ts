import { describe, expect, it } from 'vitest'
import {
  applyDefaults,
  findTypeProblems,
  findUnknownFields,
  formatProblem,
  invalidError,
  undecodableError,
  validateObject,
} from '../../../src/kinds/index.ts'
import { findKind, type Kind, Kinds, type KubeObject } from '../../../src/kube/index.ts'
import { deploymentManifest, manifest, podManifest } from '../../kube/objects.ts'

function kindOf(object: KubeObject): Kind {
  return findKind(object.apiVersion, object.kind) as Kind
}

/** The problems of an object after its defaults, as one line each. */
function problemsOf(object: KubeObject, old?: KubeObject): readonly string[] {
  const kind = kindOf(object)
  const before = old === undefined ? undefined : applyDefaults(kind, old)
  return validateObject(kind, applyDefaults(kind, object), before).map(formatProblem)
}

const LABEL_RULE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
const SUBDOMAIN_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

describe('validateObject() of metadata', () => {
  it.each<[string, object, readonly string[]]>([
    ['a missing name', { name: '' }, ['metadata.name: Required value: name or generateName is required']],
    ['a bad name', { name: 'Web_1' }, [`metadata.name: Invalid value: "Web_1": ${SUBDOMAIN_RULE}`]],
    ['a bad namespace', { namespace: 'a.b' }, [`metadata.namespace: Invalid value: "a.b": ${LABEL_RULE}`]],
    ['no namespace', { namespace: '' }, ['metadata.namespace: Required value']],
    [
      'a bad label value',
      { labels: { app: 'a b' } },
      [
        "metadata.labels: Invalid value: \"a b\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
      ],
    ],
    [
      'too much in annotations',
      { annotations: { a: 'x'.repeat(256 * 1024) } },
      ['metadata.annotations: Too long: may not be more than 262144 bytes'],
    ],
    [
      'a finalizer without a domain',
      { finalizers: ['mine'] },
      [
        'metadata.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
      ],
    ],
    [
      'two controllers',
      {
        ownerReferences: ['a', 'b'].map(name => ({
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name,
          uid: name,
          controller: true,
        })),
      },
      [
        'metadata.ownerReferences: Invalid value: ["ReplicaSet/a","ReplicaSet/b"]: Only one reference can have Controller set to true. Found "true" in references for ReplicaSet/a and ReplicaSet/b',
      ],
    ],
  ])('refuses %s', (_, metadata, expected) => {
    expect(problemsOf(podManifest({}, metadata))).toEqual(expected)
  })

  it('lets a generated name end with a dash', () => {
    expect(problemsOf(podManifest({}, { generateName: 'web-' }))).toEqual([])
  })

  it('refuses a namespace where the kind has none', () => {
    expect(problemsOf(manifest('v1', 'Namespace', {}, { namespace: 'default' }))).toEqual([
      'metadata.namespace: Forbidden: not allowed on this type',
    ])
  })

  it('refuses changes of what the server has set', () => {
    const old = podManifest({}, { uid: 'a', creationTimestamp: '2025-01-01T00:00:00Z' })
    const next = podManifest({}, { uid: 'b', creationTimestamp: '2025-01-01T00:00:00Z', name: 'other' })
    expect(problemsOf(next, old)).toEqual([
      'metadata.name: Invalid value: "other": field is immutable',
      'metadata.uid: Invalid value: "b": field is immutable',
    ])
  })

  it('refuses new finalizers while the object is being deleted', () => {
    const deleted = { deletionTimestamp: '2025-01-01T00:00:00Z', finalizers: ['a/b'] }
    const next = podManifest({}, { ...deleted, finalizers: ['a/b', 'c/d'] })
    expect(problemsOf(next, podManifest({}, deleted))).toEqual([
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers ["c/d"]',
    ])
  })
})

/** A pod spec with one container that has these fields too. */
function withContainer(fields: object, spec: object = {}): object {
  return { containers: [{ name: 'app', image: 'app:1', ...fields }], ...spec }
}

describe('validateObject() of a Pod', () => {
  it('finds nothing wrong with a plain one', () => {
    expect(problemsOf(podManifest())).toEqual([])
  })

  it.each<[string, object, readonly string[]]>([
    ['no containers', { containers: [] }, ['spec.containers: Required value']],
    ['absent containers', { containers: null }, ['spec.containers: Required value']],
    [
      'a container without an image',
      { containers: [{ name: 'a' }] },
      ['spec.containers[0].image: Required value'],
    ],
    [
      'a container without a name',
      { containers: [{ image: 'a' }] },
      ['spec.containers[0].name: Required value'],
    ],
    [
      'two containers of a name',
      { containers: [{ name: 'a', image: 'a' }], initContainers: [{ name: 'a', image: 'a' }] },
      ['spec.initContainers[0].name: Duplicate value: "a"'],
    ],
    [
      'a restart policy that there is not',
      { restartPolicy: 'Sometimes' },
      [
        'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
      ],
    ],
    [
      'an environment variable without a source',
      withContainer({ env: [{ name: 'A', valueFrom: {} }] }),
      [
        'spec.containers[0].env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`',
      ],
    ],
    [
      'an environment variable with "="',
      withContainer({ env: [{ name: 'A=B', value: 'x' }] }),
      [
        'spec.containers[0].env[0].name: Invalid value: "A=B": a valid environment variable name must consist only of printable ASCII characters other than \'=\'',
      ],
    ],
    [
      'a field of the pod that cannot be shown',
      withContainer({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.volumes' } } }] }),
      [
        'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "spec.volumes": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"',
      ],
    ],
    [
      'a mount of no volume',
      withContainer({ volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
      ['spec.containers[0].volumeMounts[0].name: Not found: "data"'],
    ],
    [
      'two mounts at a path',
      withContainer(
        { volumeMounts: ['a', 'b'].map(name => ({ name, mountPath: '/data' })) },
        { volumes: [{ name: 'a' }, { name: 'b' }] },
      ),
      ['spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/data": must be unique'],
    ],
    [
      'a sub path that leaves the volume',
      withContainer(
        { volumeMounts: [{ name: 'a', mountPath: '/a', subPath: '../b' }] },
        { volumes: [{ name: 'a' }] },
      ),
      ['spec.containers[0].volumeMounts[0].subPath: Invalid value: "../b": must not contain \'..\''],
    ],
    [
      'a port out of range',
      withContainer({ ports: [{ containerPort: 70000 }] }),
      [
        'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
      ],
    ],
    [
      'a protocol that there is not',
      withContainer({ ports: [{ containerPort: 80, protocol: 'HTTP' }] }),
      [
        'spec.containers[0].ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"',
      ],
    ],
    [
      'a host port that is taken twice',
      withContainer({ ports: [80, 81].map(containerPort => ({ containerPort, hostPort: 8080 })) }),
      ['spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//8080"'],
    ],
    [
      'more requested than allowed',
      withContainer({ resources: { requests: { cpu: '2' }, limits: { cpu: '1500m' } } }),
      [
        'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1500m',
      ],
    ],
    [
      'a resource that nobody knows',
      withContainer({ resources: { limits: { gpus: '1' } } }),
      [
        'spec.containers[0].resources.limits[gpus]: Invalid value: "gpus": must be a standard resource type or fully qualified',
        'spec.containers[0].resources.limits[gpus]: Invalid value: "gpus": must be a standard resource for containers',
        'spec.containers[0].resources.requests[gpus]: Invalid value: "gpus": must be a standard resource type or fully qualified',
        'spec.containers[0].resources.requests[gpus]: Invalid value: "gpus": must be a standard resource for containers',
      ],
    ],
    [
      'a probe that does nothing',
      withContainer({ livenessProbe: {} }),
      ['spec.containers[0].livenessProbe: Required value: must specify a handler type'],
    ],
    [
      'a probe that does two things',
      withContainer({ livenessProbe: { exec: { command: ['true'] }, tcpSocket: { port: 80 } } }),
      ['spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type'],
    ],
    [
      'a liveness probe that must succeed twice',
      withContainer({ livenessProbe: { tcpSocket: { port: 80 }, successThreshold: 2 } }),
      ['spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1'],
    ],
    [
      'a probe of an init container',
      {
        containers: [{ name: 'a', image: 'a' }],
        initContainers: [{ name: 'i', image: 'i', readinessProbe: { tcpSocket: { port: 1 } } }],
      },
      [
        'spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
      ],
    ],
    [
      'a volume of two sources',
      { volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/x' } }] },
      ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type'],
    ],
    [
      'two volumes of a name',
      { volumes: [{ name: 'v' }, { name: 'v' }] },
      ['spec.volumes[1].name: Duplicate value: "v"'],
    ],
    [
      'a claim without a name',
      { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: '' } }] },
      ['spec.volumes[0].persistentVolumeClaim.claimName: Required value'],
    ],
    [
      'a claim of its own that is not described',
      { volumes: [{ name: 'v', ephemeral: {} }] },
      ['spec.volumes[0].ephemeral.volumeClaimTemplate: Required value'],
    ],
    [
      'a configMap volume without a name',
      { volumes: [{ name: 'v', configMap: {} }] },
      ['spec.volumes[0].configMap.name: Required value'],
    ],
    [
      'an absolute path in a volume',
      { volumes: [{ name: 'v', secret: { secretName: 's', items: [{ key: 'k', path: '/etc/passwd' }] } }] },
      ['spec.volumes[0].secret.items[0].path: Invalid value: "/etc/passwd": must be a relative path'],
    ],
    [
      'a toleration of everything by value',
      { tolerations: [{ operator: 'Equal', value: 'x' }] },
      [
        'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ],
    ],
    [
      'an affinity to nothing',
      {
        affinity: {
          nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } },
        },
      },
      [
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term',
      ],
    ],
    [
      'a deadline of no time',
      { activeDeadlineSeconds: 0 },
      ['spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive'],
    ],
    [
      'a name server that is no address',
      { dnsPolicy: 'None', dnsConfig: { nameservers: ['dns.local'] } },
      [
        'spec.dnsConfig.nameservers[0]: Invalid value: "dns.local": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      ],
    ],
  ])('refuses %s', (_, spec, expected) => {
    expect(problemsOf(podManifest(spec))).toEqual(expected)
  })

  it('lets images, deadlines and further tolerations change', () => {
    const next = podManifest({
      containers: [{ name: 'app', image: 'registry.local/app:2.0' }],
      activeDeadlineSeconds: 60,
      tolerations: [{ operator: 'Exists' }],
    })
    expect(problemsOf(next, podManifest())).toEqual([])
  })

  it.each([
    [{ nodeName: 'host-1' }, 'spec.nodeName'],
    [{ containers: [{ name: 'app', image: 'registry.local/app:1.0', args: ['x'] }] }, 'spec.containers'],
  ])('refuses the change %j', (spec, changed) => {
    expect(problemsOf(podManifest(spec), podManifest())).toEqual([
      `spec: Forbidden: pod updates may not change fields other than \`spec.containers[*].image\`,\`spec.initContainers[*].image\`,\`spec.activeDeadlineSeconds\`,\`spec.tolerations\` (only additions to existing tolerations),\`spec.terminationGracePeriodSeconds\` (allow it to be set to 1 if it was previously negative)\nchanged: ${changed}`,
    ])
  })

  it('refuses more containers and fewer tolerations', () => {
    const two = [
      { name: 'a', image: 'a' },
      { name: 'b', image: 'b' },
    ]
    expect(problemsOf(podManifest({ containers: two }), podManifest())).toEqual([
      'spec.containers: Forbidden: pod updates may not add or remove containers',
    ])
    expect(problemsOf(podManifest(), podManifest({ tolerations: [{ operator: 'Exists' }] }))).toEqual([
      'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds',
    ])
  })
})

function template(labels: object, spec: object = {}): object {
  return { metadata: { labels }, spec: { containers: [{ name: 'a', image: 'a' }], ...spec } }
}

describe('validateObject() of a Deployment', () => {
  it.each<[string, object, readonly string[]]>([
    ['no selector', { selector: null }, ['spec.selector: Required value']],
    [
      'an empty selector',
      { selector: {} },
      ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
    ],
    [
      'a template that the selector does not select',
      { template: template({ app: 'other' }) },
      [
        'spec.template.metadata.labels: Invalid value: {"app":"other"}: `selector` does not match template `labels`',
      ],
    ],
    [
      'a negative number of replicas',
      { replicas: -1 },
      ['spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
    ],
    [
      'a strategy that there is not',
      { strategy: { type: 'BlueGreen' } },
      ['spec.strategy.type: Unsupported value: "BlueGreen": supported values: "Recreate", "RollingUpdate"'],
    ],
    [
      'a rolling update of nothing at a time',
      { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: '0%' } } },
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0'],
    ],
    [
      'a rolling update when recreating',
      { strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 1 } } },
      ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    ],
    [
      'a deadline before a pod can be available',
      { minReadySeconds: 600 },
      ['spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds'],
    ],
    [
      'pods that do not restart',
      { template: template({ app: 'web' }, { restartPolicy: 'Never' }) },
      ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    ],
    [
      'a template without a spec',
      { template: { metadata: { labels: { app: 'web' } } } },
      ['spec.template.spec.containers: Required value'],
    ],
  ])('refuses %s', (_, spec, expected) => {
    expect(problemsOf(deploymentManifest(spec))).toEqual(expected)
  })

  it('refuses another selector', () => {
    const next = deploymentManifest({
      selector: { matchLabels: { app: 'other' } },
      template: template({ app: 'other' }),
    })
    expect(problemsOf(next, deploymentManifest())).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"app":"other"}}: field is immutable',
    ])
  })
})

describe('validateObject() of other kinds', () => {
  const meta = { namespace: 'default' }

  it.each<[string, KubeObject, readonly string[]]>([
    [
      'a ConfigMap key that is no file name',
      manifest('v1', 'ConfigMap', { data: { 'a/b': '' } }, meta),
      [
        "data[a/b]: Invalid value: \"a/b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
      ],
    ],
    [
      'a ConfigMap of more than a megabyte',
      manifest('v1', 'ConfigMap', { data: { a: 'ü'.repeat(600_000) } }, meta),
      ['Too long: may not be more than 1048576 bytes'],
    ],
    [
      'a ConfigMap of a megabyte and a byte, in characters of each length',
      manifest('v1', 'ConfigMap', { data: { a: `${'aü€😀\ud800'.repeat(80_659)}abcdefghij` } }, meta),
      ['Too long: may not be more than 1048576 bytes'],
    ],
    [
      'a ConfigMap of exactly a megabyte',
      manifest('v1', 'ConfigMap', { data: { a: `${'aü€😀\ud800'.repeat(80_659)}abcdefghi` } }, meta),
      [],
    ],
    [
      'a Secret that lacks what its type promises',
      manifest('v1', 'Secret', { type: 'kubernetes.io/tls', data: { 'tls.crt': '' } }, meta),
      ['data[tls.key]: Required value'],
    ],
    [
      'a Secret for a token of no ServiceAccount',
      manifest('v1', 'Secret', { type: 'kubernetes.io/service-account-token' }, meta),
      ['metadata.annotations[kubernetes.io/service-account.name]: Required value'],
    ],
    [
      'a Node with a taint of no effect',
      manifest('v1', 'Node', { spec: { taints: [{ key: 'a', effect: 'Never' }] } }),
      [
        'spec.taints[0].effect: Unsupported value: "Never": supported values: "NoExecute", "NoSchedule", "PreferNoSchedule"',
      ],
    ],
    [
      'a Lease of no duration',
      manifest('coordination.k8s.io/v1', 'Lease', { spec: { leaseDurationSeconds: 0 } }, meta),
      ['spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0'],
    ],
    [
      'a CertificateSigningRequest without usages',
      manifest('certificates.k8s.io/v1', 'CertificateSigningRequest', {
        spec: { request: 'eA==', signerName: 'a/b' },
      }),
      ['spec.usages: Required value'],
    ],
    [
      'an Event in another namespace than what it is about',
      manifest('v1', 'Event', { involvedObject: { kind: 'Pod', namespace: 'shop' } }, meta),
      ['involvedObject.namespace: Invalid value: "shop": does not match event.namespace'],
    ],
    [
      'an App whose folder leaves the repository',
      manifest('bowline.dev/v1alpha1', 'App', {
        spec: { source: { repository: '/srv/fleet', branch: 'main', path: '../other' } },
      }),
      [
        "spec.source.path: Invalid value: \"../other\": must be relative and stay inside the repository: no leading '/', no '..'",
      ],
    ],
    [
      'an App without a source',
      manifest('bowline.dev/v1alpha1', 'App', { spec: {} }),
      ['spec.source: Required value'],
    ],
  ])('refuses %s', (_, object, expected) => {
    expect(problemsOf(object)).toEqual(expected)
  })

  it('refuses changes of an immutable Secret without showing it', () => {
    const old = manifest('v1', 'Secret', { immutable: true, data: { a: 'c2VjcmV0' } }, meta)
    const next = manifest('v1', 'Secret', { data: { a: 'b3RoZXI=' }, type: 'x' }, meta)
    const problems = problemsOf(next, old)
    expect(problems).toEqual([
      'immutable: Forbidden: field is immutable when `immutable` is set',
      'data: Forbidden: field is immutable when `immutable` is set',
      'type: Invalid value: "x": field is immutable',
    ])
  })
})

describe('findTypeProblems()', () => {
  it.each<[KubeObject, readonly string[]]>([
    [
      deploymentManifest({ replicas: 'three' }),
      ['spec.replicas: Invalid value: "string": must be of type integer, not string'],
    ],
    [
      deploymentManifest({ replicas: 1.5 }),
      ['spec.replicas: Invalid value: 1.5: must be of type integer, not number'],
    ],
    [
      deploymentManifest({ replicas: 2 ** 31 }),
      ['spec.replicas: Invalid value: 2147483648: must fit in 32 bits'],
    ],
    [
      deploymentManifest({ strategy: { rollingUpdate: { maxSurge: 2 ** 31 } } }),
      ['spec.strategy.rollingUpdate.maxSurge: Invalid value: 2147483648: must fit in 32 bits'],
    ],
    [
      podManifest({ terminationGracePeriodSeconds: 2 ** 63 }),
      ['spec.terminationGracePeriodSeconds: Invalid value: 9223372036854776000: must fit in 64 bits'],
    ],
    [podManifest({ terminationGracePeriodSeconds: 2 ** 62 }), []],
    [
      podManifest({ containers: {} }),
      ['spec.containers: Invalid value: "object": must be of type array, not object'],
    ],
    [
      podManifest({ containers: [null] }),
      ['spec.containers[0]: Invalid value: "null": must be of type object, not null'],
    ],
    [
      podManifest(withContainer({ resources: { limits: { memory: '1 GB' } } })),
      [
        'spec.containers[0].resources.limits[memory]: Invalid value: "1 GB": quantities must match the regular expression \'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$\'',
      ],
    ],
    [
      deploymentManifest({ strategy: { rollingUpdate: { maxSurge: true } } }),
      [
        'spec.strategy.rollingUpdate.maxSurge: Invalid value: true: must be of type integer or string, not boolean',
      ],
    ],
    [
      manifest('v1', 'Secret', { data: { password: 'not base64!' } }),
      ['data[password]: Invalid value: "***": must be standard base64'],
    ],
    [
      manifest('v1', 'Secret', { data: { pin: 4711 }, stringData: { pin: 4711, on: true }, immutable: 1 }),
      [
        'data[pin]: Invalid value: "***": must be of type string, not number',
        'stringData[pin]: Invalid value: "***": must be of type string, not number',
        'stringData[on]: Invalid value: "***": must be of type string, not boolean',
        'immutable: Invalid value: 1: must be of type boolean, not number',
      ],
    ],
    [
      manifest('apiextensions.k8s.io/v1', 'CustomResourceDefinition', {
        spec: { versions: [{ schema: { openAPIV3Schema: { enum: ['on', null], nullable: true } } }] },
      }),
      [],
    ],
    [
      podManifest({}, { creationTimestamp: 'noon' }),
      ['metadata.creationTimestamp: Invalid value: "noon": must be a time such as "2006-01-02T15:04:05Z"'],
    ],
    [
      manifest('v1', 'ConfigMap', { data: { port: 80 } }),
      ['data[port]: Invalid value: 80: must be of type string, not number'],
    ],
    [podManifest({ nodeSelector: null, terminationGracePeriodSeconds: null }), []],
  ])('%#: finds what cannot be decoded', (object, expected) => {
    expect(findTypeProblems(kindOf(object), object).map(formatProblem)).toEqual(expected)
  })

  it('finds an object that is no object', () => {
    expect(findTypeProblems(Kinds.Pod, 'pod').map(formatProblem)).toEqual([
      'Invalid value: "string": must be of type object, not string',
    ])
  })
})

describe('findUnknownFields()', () => {
  it('names them as strict decoding does', () => {
    const object = podManifest({
      containers: [{ name: 'a', imagee: 'x' }],
      nodeSelector: { any: 'thing' },
      foo: 1,
    })
    expect(findUnknownFields(Kinds.Pod, { ...object, extra: {} })).toEqual([
      'spec.containers[0].imagee',
      'spec.foo',
      'extra',
    ])
  })

  it('knows no field that every JavaScript object has', () => {
    expect(findUnknownFields(Kinds.Pod, JSON.parse('{"spec":{"constructor":1,"__proto__":2}}'))).toEqual([
      'spec.constructor',
      'spec.__proto__',
    ])
  })

  it('ends after a hundred', () => {
    const object = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`f${index}`, 1]))
    expect(findUnknownFields(Kinds.Pod, object)).toHaveLength(100)
  })
})

describe('invalidError()', () => {
  it('reads as upstream writes it, with a cause per problem', () => {
    const problems = validateObject(
      Kinds.Deployment,
      applyDefaults(Kinds.Deployment, deploymentManifest({ replicas: -1, selector: null })),
    )
    const error = invalidError(Kinds.Deployment, 'web', problems)
    expect(error.code).toBe(422)
    expect(error.message).toBe(
      'Deployment.apps "web" is invalid: [spec.selector: Required value, spec.replicas: Invalid value: -1: must be greater than or equal to 0]',
    )
    expect(error.details).toEqual({
      name: 'web',
      group: 'apps',
      kind: 'Deployment',
      causes: [
        { reason: 'FieldValueRequired', message: 'Required value', field: 'spec.selector' },
        {
          reason: 'FieldValueInvalid',
          message: 'Invalid value: -1: must be greater than or equal to 0',
          field: 'spec.replicas',
        },
      ],
    })
  })

  it('names a kind of the core group without a group and a single problem without brackets', () => {
    const problems = validateObject(Kinds.Pod, applyDefaults(Kinds.Pod, podManifest({ containers: [] })))
    expect(invalidError(Kinds.Pod, 'web', problems).message).toBe(
      'Pod "web" is invalid: spec.containers: Required value',
    )
  })
})

describe('undecodableError()', () => {
  it('is a bad request that names kind, version and field', () => {
    const problems = findTypeProblems(Kinds.Deployment, deploymentManifest({ paused: 'yes' }))
    const error = undecodableError(Kinds.Deployment, problems)
    expect(error.code).toBe(400)
    expect(error.message).toBe(
      'Deployment in version "v1" cannot be handled as a Deployment: spec.paused: Invalid value: "string": must be of type boolean, not string',
    )
  })
})

describe('validateObject() of a Namespace', () => {
  const phase = (phase: string, metadata = {}) => manifest('v1', 'Namespace', { status: { phase } }, metadata)
  const ending = { deletionTimestamp: '2026-01-01T00:00:00Z' }

  it('lets its status say what its deletion says, and nothing else', () => {
    expect(problemsOf(phase('Terminating'), phase('Active'))).toEqual([
      'status.Phase: Invalid value: "Terminating": may only be \'Active\' if `deletionTimestamp` is empty',
    ])
    expect(problemsOf(phase('Active', ending), phase('Terminating', ending))).toEqual([
      'status.Phase: Invalid value: "Active": may only be \'Terminating\' if `deletionTimestamp` is not empty',
    ])
    expect(problemsOf(phase('Terminating', ending), phase('Active', ending))).toEqual([])
    expect(problemsOf(phase('Active'), phase('Active'))).toEqual([])
  })
})
