import { describe, expect, it } from 'vitest'
import { applyDefaults } from '../../../src/kinds/index.ts'
import { type Deployment, Kinds, type KubeObject, type Pod } from '../../../src/kube/index.ts'
import { deploymentManifest, manifest, podManifest } from '../../kube/objects.ts'

function defaultPod(spec: object): NonNullable<Pod['spec']> {
  return (applyDefaults(Kinds.Pod, podManifest(spec)) as Pod).spec as NonNullable<Pod['spec']>
}

function defaultContainer(container: object): NonNullable<Pod['spec']>['containers'][number] {
  const { containers } = defaultPod({ containers: [{ name: 'app', image: 'app:1.0', ...container }] })
  return containers[0] as NonNullable<Pod['spec']>['containers'][number]
}

describe('applyDefaults() of a Pod', () => {
  it('fills in what upstream fills in', () => {
    expect(applyDefaults(Kinds.Pod, podManifest())).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        containers: [
          {
            name: 'app',
            image: 'registry.local/app:1.0',
            imagePullPolicy: 'IfNotPresent',
            resources: {},
            terminationMessagePath: '/dev/termination-log',
            terminationMessagePolicy: 'File',
          },
        ],
        dnsPolicy: 'ClusterFirst',
        enableServiceLinks: true,
        restartPolicy: 'Always',
        schedulerName: 'default-scheduler',
        securityContext: {},
        terminationGracePeriodSeconds: 30,
      },
    })
  })

  it.each([
    ['app', 'Always'],
    ['app:latest', 'Always'],
    ['registry.local:5000/app', 'Always'],
    ['registry.local:5000/app:1', 'IfNotPresent'],
    ['app@sha256:0123', 'IfNotPresent'],
    ['app:1.0@sha256:0123', 'IfNotPresent'],
  ])('pulls image %s with policy %s', (image, policy) => {
    expect(defaultContainer({ image }).imagePullPolicy).toBe(policy)
  })

  it('takes a limit for the request that is not given', () => {
    const { resources } = defaultContainer({
      resources: { limits: { cpu: '1000m', memory: '1024Mi' }, requests: { cpu: 0.5 } },
    })
    expect(resources).toEqual({
      limits: { cpu: '1', memory: '1Gi' },
      requests: { cpu: '500m', memory: '1Gi' },
    })
  })

  it('counts the zero of a probe time as absent, as upstream decodes it', () => {
    const { livenessProbe } = defaultContainer({
      livenessProbe: { tcpSocket: { port: 80 }, periodSeconds: 0, initialDelaySeconds: 0 },
    })
    expect(livenessProbe).toEqual({
      tcpSocket: { port: 80 },
      failureThreshold: 3,
      periodSeconds: 10,
      successThreshold: 1,
      timeoutSeconds: 1,
    })
  })

  it.each([
    [{ ports: [{ containerPort: 80 }] }, 'ports', [{ containerPort: 80, protocol: 'TCP' }]],
    [
      { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] },
      'env',
      [{ name: 'A', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } }],
    ],
    [
      { lifecycle: { preStop: { httpGet: { port: 80 } } } },
      'lifecycle',
      { preStop: { httpGet: { path: '/', port: 80, scheme: 'HTTP' } } },
    ],
  ])('defaults the inside of %j', (container, field, expected) => {
    expect(defaultContainer(container)).toHaveProperty(field, expected)
  })

  it.each([
    [{}, { emptyDir: {} }],
    [{ configMap: { name: 'c' } }, { configMap: { name: 'c', defaultMode: 0o644 } }],
    [{ secret: { secretName: 's' } }, { secret: { secretName: 's', defaultMode: 0o644 } }],
    [{ hostPath: { path: '/data' } }, { hostPath: { path: '/data', type: '' } }],
    [
      { projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
      {
        projected: {
          defaultMode: 0o644,
          sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 3600 } }],
        },
      },
    ],
  ])('makes of volume %j the volume %j', (volume, expected) => {
    expect(defaultPod({ volumes: [{ name: 'v', ...volume }] }).volumes).toEqual([{ name: 'v', ...expected }])
  })

  it('takes host ports from container ports in the network of the host', () => {
    const { containers } = defaultPod({
      hostNetwork: true,
      containers: [{ name: 'app', image: 'app:1', ports: [{ containerPort: 80 }] }],
    })
    expect(containers[0]?.ports).toEqual([{ containerPort: 80, hostPort: 80, protocol: 'TCP' }])
  })

  it('keeps the old and the new name of the service account equal', () => {
    expect(defaultPod({ serviceAccount: 'robot' })).toMatchObject({
      serviceAccount: 'robot',
      serviceAccountName: 'robot',
    })
  })
})

describe('applyDefaults() of a Deployment', () => {
  it('fills in what upstream fills in, and less in the template than in a Pod', () => {
    const { spec } = applyDefaults(
      Kinds.Deployment,
      deploymentManifest({
        template: {
          metadata: { creationTimestamp: null, labels: { app: 'web' } },
          spec: { containers: [{ name: 'app', image: 'app', resources: { limits: { cpu: 1 } } }] },
        },
      }),
    ) as Deployment
    expect(spec).toEqual({
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          containers: [
            {
              name: 'app',
              image: 'app',
              imagePullPolicy: 'Always',
              resources: { limits: { cpu: '1' } },
              terminationMessagePath: '/dev/termination-log',
              terminationMessagePolicy: 'File',
            },
          ],
          dnsPolicy: 'ClusterFirst',
          restartPolicy: 'Always',
          schedulerName: 'default-scheduler',
          securityContext: {},
          terminationGracePeriodSeconds: 30,
        },
      },
    })
  })

  it.each([
    [{ type: 'Recreate' }, { type: 'Recreate' }],
    [
      { rollingUpdate: { maxSurge: 0 } },
      { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: '25%' } },
    ],
  ])('makes of strategy %j the strategy %j', (strategy, expected) => {
    const { spec } = applyDefaults(Kinds.Deployment, deploymentManifest({ strategy })) as Deployment
    expect(spec?.strategy).toEqual(expected)
  })

  it('keeps zero replicas', () => {
    const { spec } = applyDefaults(Kinds.Deployment, deploymentManifest({ replicas: 0 })) as Deployment
    expect(spec?.replicas).toBe(0)
  })
})

describe('applyDefaults()', () => {
  it('labels a Namespace with its name', () => {
    expect(applyDefaults(Kinds.Namespace, manifest('v1', 'Namespace', {}, { name: 'shop' }))).toEqual({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'shop', labels: { 'kubernetes.io/metadata.name': 'shop' } },
    })
  })

  it('folds stringData of a Secret into its data', () => {
    const secret = manifest('v1', 'Secret', {
      data: { a: 'b2xk', b: 'Yg==' },
      stringData: { a: 'new', text: 'grüße €𝄞' },
    })
    const { metadata: _, ...fields } = applyDefaults(Kinds.Secret, secret)
    expect(fields).toEqual({
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'Opaque',
      data: {
        a: 'bmV3',
        b: 'Yg==',
        text: Buffer.from('grüße €𝄞').toString('base64'),
      },
    })
  })

  it('takes the capacity of a Node for what can be allocated', () => {
    const node = manifest('v1', 'Node', { status: { capacity: { cpu: 2 } } })
    expect(applyDefaults(Kinds.Node, node)).toMatchObject({
      status: { capacity: { cpu: '2' }, allocatable: { cpu: '2' } },
    })
  })

  it('drops a map that holds nothing but nulls, as it would at the next write', () => {
    const metadata = {
      name: 'c',
      namespace: 'default',
      labels: { a: null },
    } as unknown as KubeObject['metadata']
    const made = applyDefaults(Kinds.ConfigMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata })
    expect(made.metadata).toEqual({ name: 'c', namespace: 'default' })
    expect(applyDefaults(Kinds.ConfigMap, made)).toEqual(made)
  })

  it('drops optional lists and maps that are empty, and keeps objects and required lists that are', () => {
    const pod = {
      containers: [{ name: 'app', image: 'app:1', env: [], resources: { limits: {} } }],
      nodeSelector: {},
      volumes: [{ name: 'a', emptyDir: {} }],
    }
    const made = applyDefaults(Kinds.Pod, {
      ...podManifest(pod),
      metadata: { name: 'web', labels: {}, annotations: {}, finalizers: [] },
    }) as Pod
    expect(made.metadata).toEqual({ name: 'web' })
    expect(made.spec).not.toHaveProperty('nodeSelector')
    expect(made.spec?.volumes).toEqual([{ name: 'a', emptyDir: {} }])
    expect(made.spec?.containers[0]).toMatchObject({ resources: {} })
    expect(made.spec?.containers[0]).not.toHaveProperty('env')
    const slice = { addressType: 'IPv4', endpoints: [], ports: [] }
    const kept = applyDefaults(Kinds.EndpointSlice, manifest('discovery.k8s.io/v1', 'EndpointSlice', slice))
    expect(kept).toMatchObject({ endpoints: [] })
    expect(kept).not.toHaveProperty('ports')
  })

  it('drops zeros that say the same as no value, as upstream’s types do, and keeps those that say more', () => {
    const probe = { httpGet: { port: 80, host: '' }, initialDelaySeconds: 0, timeoutSeconds: 0 }
    const made = applyDefaults(Kinds.Pod, {
      ...podManifest({
        hostNetwork: false,
        nodeName: '',
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 0,
        securityContext: { runAsNonRoot: false, runAsUser: 0 },
        containers: [
          {
            name: 'app',
            image: 'app:1',
            env: [{ name: 'A', value: '' }],
            readinessProbe: probe,
            volumeMounts: [{ name: 'v', mountPath: '/v', readOnly: false }],
          },
        ],
      }),
      metadata: { name: 'web', namespace: '', labels: { a: '' } },
    }) as Pod
    expect(made.metadata).toEqual({ name: 'web', labels: { a: '' } })
    expect(made.spec).not.toHaveProperty('hostNetwork')
    expect(made.spec).not.toHaveProperty('nodeName')
    expect(made.spec).toMatchObject({
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      securityContext: { runAsNonRoot: false, runAsUser: 0 },
    })
    const [container] = made.spec?.containers ?? []
    expect(container?.env).toEqual([{ name: 'A' }])
    expect(container?.volumeMounts).toEqual([{ name: 'v', mountPath: '/v' }])
    expect(container?.readinessProbe).toEqual({
      httpGet: { port: 80, path: '/', scheme: 'HTTP' },
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    })
  })

  it('has a divisor of every resourceFieldRef, as upstream’s type', () => {
    const env = [{ name: 'M', valueFrom: { resourceFieldRef: { resource: 'limits.memory' } } }]
    const made = applyDefaults(
      Kinds.Pod,
      podManifest({ containers: [{ name: 'a', image: 'a:1', env }] }),
    ) as Pod
    expect(made.spec?.containers[0]?.env?.[0]?.valueFrom?.resourceFieldRef?.divisor).toBe('0')
  })

  it('drops nulls and unknown fields and leaves what the user may write freely', () => {
    const object = manifest('v1', 'ConfigMap', { data: { a: 'x', b: null }, color: 'red' }, { labels: null })
    expect(applyDefaults(Kinds.ConfigMap, object)).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'example' },
      data: { a: 'x' },
    })
  })

  it('keeps managed fields whole', () => {
    const managedFields = [
      { manager: 'm', operation: 'Apply', fieldsV1: { 'f:data': { '.': {}, 'f:a': {} } } },
    ]
    const object = manifest('v1', 'ConfigMap', {}, { managedFields })
    expect(applyDefaults(Kinds.ConfigMap, object).metadata.managedFields).toEqual(managedFields)
  })

  it('changes nothing in the object it is given and nothing when it is repeated', () => {
    const object = Object.freeze(deploymentManifest())
    const before = JSON.stringify(object)
    const once = applyDefaults(Kinds.Deployment, object)
    expect(JSON.stringify(object)).toBe(before)
    expect(applyDefaults(Kinds.Deployment, once)).toEqual(once)
  })

  it('keeps a key __proto__ of a user as data', () => {
    const object = JSON.parse(
      '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"x"},"stringData":{"__proto__":"a"}}',
    ) as KubeObject
    const { data } = applyDefaults(Kinds.Secret, object) as KubeObject & { data: object }
    expect(Object.getOwnPropertyDescriptor(data, '__proto__')?.value).toBe('YQ==')
    expect(Object.getPrototypeOf(data)).toBe(Object.prototype)
  })
})
