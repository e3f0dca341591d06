import { describe, expect, it } from 'vitest'
import { isInScopes, quotaTerms, unspecifiedProblem, usageOf } from '../../../src/kinds/index.ts'
import {
  formatQuantity,
  formatTime,
  type KubeObject,
  type Pod,
  type ResourceQuota,
} from '../../../src/kube/index.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')

function usage(resource: string, fields: object): Record<string, string> {
  const object = { metadata: {}, ...fields } as unknown as KubeObject
  return Object.fromEntries(
    [...usageOf(resource, object, NOW)].map(([name, amount]) => [name, formatQuantity(amount)]),
  )
}

function container(name: string, requests: object = {}, limits: object = {}, more: object = {}): object {
  return { name, resources: { requests, limits }, ...more }
}

function terms(spec: NonNullable<ResourceQuota['spec']>): ReturnType<typeof quotaTerms> {
  return quotaTerms({ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q' }, spec })
}

describe('usageOf()', () => {
  it('counts a pod by what its containers take together, by every name that there is for it', () => {
    const spec = {
      containers: [
        container('a', { cpu: '500m', memory: '1Gi' }, { cpu: '1', memory: '2Gi' }),
        container('b', { cpu: '250m', 'example.com/gpu': '1', 'hugepages-2Mi': '4Mi' }),
      ],
    }
    expect(usage('pods', { spec })).toEqual({
      'count/pods': '1',
      pods: '1',
      cpu: '750m',
      'requests.cpu': '750m',
      'limits.cpu': '1',
      memory: '1Gi',
      'requests.memory': '1Gi',
      'limits.memory': '2Gi',
      'requests.example.com/gpu': '1',
      'hugepages-2Mi': '4Mi',
      'requests.hugepages-2Mi': '4Mi',
    })
  })

  it('counts what starts before the others when that takes more, sidecars with both, and the overhead', () => {
    const spec = {
      initContainers: [
        container('proxy', { cpu: '100m' }, { cpu: '200m' }, { restartPolicy: 'Always' }),
        container('migrate', { cpu: '2' }, { cpu: '2' }),
      ],
      containers: [container('a', { cpu: '500m', memory: '1Gi' })],
      overhead: { cpu: '50m', memory: '10Mi' },
    }
    expect(usage('pods', { spec })).toMatchObject({
      'requests.cpu': '2150m',
      'limits.cpu': '2250m',
      'requests.memory': '1034Mi',
    })
    expect(usage('pods', { spec })).not.toHaveProperty('limits.memory')
  })

  it('counts a pod that has ended, or should have, as an object alone', () => {
    const spec = { containers: [container('a', { cpu: '1' })] }
    const ending = (secondsAgo: number): object => ({
      metadata: {
        deletionTimestamp: formatTime(NOW - secondsAgo * 1000),
        deletionGracePeriodSeconds: 30,
      },
      spec,
    })
    const alone = { 'count/pods': '1' }
    expect(usage('pods', { spec, status: { phase: 'Succeeded' } })).toEqual(alone)
    expect(usage('pods', { spec, status: { phase: 'Failed' } })).toEqual(alone)
    expect(usage('pods', { spec, status: { phase: 'Running' } })).toHaveProperty('pods')
    expect(usage('pods', ending(30))).toHaveProperty('pods')
    expect(usage('pods', ending(31))).toEqual(alone)
  })

  it.each([
    [{ type: 'ClusterIP' }, '0', '0'],
    [{ type: 'NodePort' }, '2', '0'],
    [{ type: 'LoadBalancer' }, '2', '1'],
    [{ type: 'LoadBalancer', allocateLoadBalancerNodePorts: false }, '1', '1'],
  ])('counts the ports and balancers that a service %o asks for', (spec, nodePorts, balancers) => {
    const ports = [{ port: 80, nodePort: 30_080 }, { port: 443 }]
    expect(usage('services', { spec: { ...spec, ports } })).toEqual({
      'count/services': '1',
      services: '1',
      'services.nodeports': nodePorts,
      'services.loadbalancers': balancers,
    })
  })

  it('counts a claim for its class, in whole bytes, and by what is being made for it', () => {
    const claim = (className: string | undefined, storage: string, allocated?: string): object => ({
      spec: { storageClassName: className, resources: { requests: { storage } } },
      ...(allocated === undefined ? {} : { status: { allocatedResources: { storage: allocated } } }),
    })
    expect(usage('persistentvolumeclaims', claim('gold', '1Gi'))).toEqual({
      'count/persistentvolumeclaims': '1',
      persistentvolumeclaims: '1',
      'requests.storage': '1Gi',
      'gold.storageclass.storage.k8s.io/persistentvolumeclaims': '1',
      'gold.storageclass.storage.k8s.io/requests.storage': '1Gi',
    })
    expect(usage('persistentvolumeclaims', claim(undefined, '1500m'))).toEqual({
      'count/persistentvolumeclaims': '1',
      persistentvolumeclaims: '1',
      'requests.storage': '2',
    })
    expect(usage('persistentvolumeclaims', claim(undefined, '1Gi', '2Gi'))).toMatchObject({
      'requests.storage': '2Gi',
    })
  })

  it('counts every other object as one, some by their bare name too', () => {
    expect(usage('secrets', {})).toEqual({ 'count/secrets': '1', secrets: '1' })
    expect(usage('deployments.apps', {})).toEqual({ 'count/deployments.apps': '1' })
    expect(usage('crontabs.stable.example.com', {})).toEqual({ 'count/crontabs.stable.example.com': '1' })
  })
})

describe('quotaTerms()', () => {
  it('knows whose objects count towards what is limited, and what nothing counts towards', () => {
    const names = [
      'limits.cpu',
      'requests.example.com/gpu',
      'requests.kubernetes.io/x',
      'services.nodeports',
      'requests.storage',
      'gold.storageclass.storage.k8s.io/requests.storage',
      'secrets',
      'count/secrets',
      'count/crontabs.stable.example.com',
      'count/events',
      'count/records.bowline.dev',
      'count/policyendpoints.bowline.dev',
    ]
    const hard = Object.fromEntries(names.map(name => [name, '1']))
    expect(Object.fromEntries(terms({ hard }).resources)).toEqual({
      pods: ['limits.cpu', 'requests.example.com/gpu'],
      services: ['services.nodeports'],
      persistentvolumeclaims: ['gold.storageclass.storage.k8s.io/requests.storage', 'requests.storage'],
      secrets: ['count/secrets', 'secrets'],
      'crontabs.stable.example.com': ['count/crontabs.stable.example.com'],
    })
  })
})

describe('isInScopes()', () => {
  const bestEffort = { containers: [container('a')] }
  const burstable = { containers: [container('a', { cpu: '1' })] }
  const timed = { ...bestEffort, activeDeadlineSeconds: 0 }
  const high = { ...bestEffort, priorityClassName: 'high' }
  const peers = (term: object): object => ({
    ...bestEffort,
    affinity: {
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term }],
      },
    },
  })
  const scoped = (scopeName: string, operator = 'Exists', values: readonly string[] = []) =>
    terms({
      hard: { pods: '1' },
      scopeSelector: { matchExpressions: [{ scopeName, operator, values }] },
    } as NonNullable<ResourceQuota['spec']>)
  const isIn = (of: ReturnType<typeof quotaTerms>, spec: object, resource = 'pods'): boolean =>
    isInScopes(of, resource, { metadata: {}, spec } as unknown as KubeObject)

  it.each([
    [scoped('BestEffort'), bestEffort, true],
    [scoped('BestEffort'), burstable, false],
    [scoped('NotBestEffort'), burstable, true],
    [scoped('Terminating'), timed, true],
    [scoped('Terminating'), bestEffort, false],
    [scoped('NotTerminating'), timed, false],
    [scoped('PriorityClass'), high, true],
    [scoped('PriorityClass'), bestEffort, false],
    [scoped('PriorityClass', 'DoesNotExist'), bestEffort, true],
    [scoped('PriorityClass', 'In', ['high', 'low']), high, true],
    [scoped('PriorityClass', 'In', ['low']), high, false],
    [scoped('PriorityClass', 'In', ['low']), bestEffort, false],
    [scoped('PriorityClass', 'NotIn', ['low']), bestEffort, true],
    [scoped('PriorityClass', 'NotIn', ['high']), high, false],
    [scoped('CrossNamespacePodAffinity'), peers({ topologyKey: 'zone' }), false],
    [scoped('CrossNamespacePodAffinity'), peers({ namespaces: ['other'] }), true],
    [scoped('CrossNamespacePodAffinity'), peers({ namespaceSelector: {} }), true],
    [
      terms({ hard: {}, scopes: ['Terminating', 'BestEffort'] } as NonNullable<ResourceQuota['spec']>),
      timed,
      true,
    ],
    [
      terms({ hard: {}, scopes: ['Terminating', 'BestEffort'] } as NonNullable<ResourceQuota['spec']>),
      burstable,
      false,
    ],
  ])('%# judges a pod by every scope', (of, spec, expected) => {
    expect(isIn(of, spec)).toBe(expected)
  })

  it('is false of everything but pods once there is a scope', () => {
    expect(isIn(scoped('NotTerminating'), {}, 'services')).toBe(false)
    expect(isIn(terms({ hard: { services: '1' } }), {}, 'services')).toBe(true)
  })
})

describe('unspecifiedProblem()', () => {
  it('names the containers that say nothing of a limited part of cpu and memory, and of no other', () => {
    const hard = Object.fromEntries(
      ['pods', 'limits.cpu', 'requests.memory', 'memory', 'requests.ephemeral-storage'].map(name => [
        name,
        '1',
      ]),
    )
    const pod = {
      metadata: {},
      spec: {
        initContainers: [container('init', { memory: '1Gi' })],
        containers: [
          container('b', { memory: '1Gi' }),
          container('a'),
          container('c', { memory: '1' }, { cpu: '1' }),
        ],
      },
    } as unknown as Pod
    expect(unspecifiedProblem(terms({ hard }), pod)).toBe(
      'failed quota: q: must specify limits.cpu for: a,b,init; memory for: a; requests.memory for: a',
    )
    expect(unspecifiedProblem(terms({ hard: { pods: '1' } }), pod)).toBe(undefined)
  })
})
