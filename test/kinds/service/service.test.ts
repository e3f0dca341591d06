import { describe, expect, it } from 'vitest'
import {
  applyDefaults,
  formatProblem,
  prepareForCreate,
  prepareForUpdate,
  validateObject,
} from '../../../src/kinds/index.ts'
import { Kinds, type KubeObject, type Service, type ServiceSpec } from '../../../src/kube/index.ts'
import { manifest } from '../../kube/objects.ts'

const PORTS = [{ port: 80 }]

function service(spec: object, fields: object = {}, metadata: object = {}): KubeObject {
  return manifest('v1', 'Service', { spec, ...fields }, { namespace: 'default', ...metadata })
}

function defaulted(spec: object): ServiceSpec {
  return (applyDefaults(Kinds.Service, service(spec)) as Service).spec as ServiceSpec
}

/** A Service as it would be stored. */
function stored(spec: object): KubeObject {
  return prepareForCreate(Kinds.Service, applyDefaults(Kinds.Service, service(spec)))
}

function updated(spec: object, old: KubeObject): Service {
  return prepareForUpdate(Kinds.Service, applyDefaults(Kinds.Service, service(spec)), old, '') as Service
}

function problemsOf(spec: object, fields: object = {}, metadata: object = {}): readonly string[] {
  return validateObject(Kinds.Service, applyDefaults(Kinds.Service, service(spec, fields, metadata))).map(
    formatProblem,
  )
}

describe('applyDefaults() of a Service', () => {
  it('fills in what upstream fills in', () => {
    expect(defaulted({ ports: [{ port: 80 }, { port: 53, protocol: 'UDP', targetPort: 'dns' }] })).toEqual({
      internalTrafficPolicy: 'Cluster',
      ports: [
        { port: 80, protocol: 'TCP', targetPort: 80 },
        { port: 53, protocol: 'UDP', targetPort: 'dns' },
      ],
      sessionAffinity: 'None',
      type: 'ClusterIP',
    })
  })

  it.each<[string, object, object]>([
    ['a NodePort', { type: 'NodePort' }, { externalTrafficPolicy: 'Cluster' }],
    [
      'a LoadBalancer',
      { type: 'LoadBalancer' },
      { externalTrafficPolicy: 'Cluster', allocateLoadBalancerNodePorts: true },
    ],
    ['external addresses', { externalIPs: ['192.0.2.7'] }, { externalTrafficPolicy: 'Cluster' }],
    [
      'clients that stay with their pod',
      { sessionAffinity: 'ClientIP' },
      { sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } } },
    ],
    ['the old field alone', { clusterIP: 'None' }, { clusterIPs: ['None'] }],
  ])('completes %s', (_, given, expected) => {
    expect(defaulted({ ports: PORTS, ...given })).toMatchObject({ ...given, ...expected })
  })

  it('gives an ExternalName no traffic policy', () => {
    const spec = defaulted({ type: 'ExternalName', externalName: 'example.com' })
    expect(spec).toEqual({ type: 'ExternalName', externalName: 'example.com', sessionAffinity: 'None' })
  })

  it('takes zero and the empty text for absence', () => {
    const spec = defaulted({
      ports: [{ port: 80, nodePort: 0, targetPort: 0 }],
      clusterIP: '',
      healthCheckNodePort: 0,
    })
    expect(spec.ports).toEqual([{ port: 80, protocol: 'TCP', targetPort: 80 }])
    expect(spec).not.toHaveProperty('clusterIP')
    expect(spec).not.toHaveProperty('healthCheckNodePort')
  })
})

describe('validateObject() of a Service', () => {
  const LABEL =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"

  it.each<[string, object]>([
    ['one port without a name', { ports: PORTS }],
    [
      'the same port for two protocols',
      {
        ports: [
          { name: 'tcp', port: 53 },
          { name: 'udp', port: 53, protocol: 'UDP' },
        ],
      },
    ],
    ['no ports of a headless one', { clusterIP: 'None' }],
    ['an ExternalName with a dot at the end', { type: 'ExternalName', externalName: 'example.com.' }],
    [
      'networks with blanks around them',
      {
        type: 'LoadBalancer',
        ports: PORTS,
        loadBalancerSourceRanges: [' 192.0.2.0/24 '],
      },
    ],
  ])('takes %s', (_, spec) => {
    expect(problemsOf(spec)).toEqual([])
  })

  it.each<[string, object, readonly string[]]>([
    ['no ports', {}, ['spec.ports: Required value']],
    [
      'ports without names',
      { ports: [{ port: 80 }, { port: 81, name: 'b' }] },
      ['spec.ports[0].name: Required value'],
    ],
    [
      'a name twice',
      {
        ports: [
          { port: 80, name: 'a' },
          { port: 81, name: 'a' },
        ],
      },
      ['spec.ports[1].name: Duplicate value: "a"'],
    ],
    [
      'a bad name',
      { ports: [{ port: 80, name: 'A' }] },
      [`spec.ports[0].name: Invalid value: "A": ${LABEL}`],
    ],
    [
      'a port twice',
      {
        ports: [
          { port: 80, name: 'a' },
          { port: 80, name: 'b' },
        ],
      },
      ['spec.ports[1]: Duplicate value: {"port":80,"protocol":"TCP"}'],
    ],
    [
      'a port out of range',
      { ports: [{ port: 70_000, targetPort: 1 }] },
      ['spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive'],
    ],
    [
      'a bad target',
      { ports: [{ port: 80, targetPort: 'Web' }] },
      [
        'spec.ports[0].targetPort: Invalid value: "Web": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
      ],
    ],
    [
      'a protocol that there is not',
      { ports: [{ port: 80, protocol: 'QUIC' }] },
      ['spec.ports[0].protocol: Unsupported value: "QUIC": supported values: "SCTP", "TCP", "UDP"'],
    ],
    [
      'a type that there is not',
      { type: 'Magic', ports: PORTS },
      [
        'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
      ],
    ],
    [
      'a port of the nodes where the type has none',
      { ports: [{ port: 80, nodePort: 30_000 }] },
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ],
    [
      'a port of the nodes twice',
      {
        type: 'NodePort',
        ports: [
          { port: 80, name: 'a', nodePort: 30_000 },
          { port: 81, name: 'b', nodePort: 30_000 },
        ],
      },
      ['spec.ports[1].nodePort: Duplicate value: 30000'],
    ],
    [
      'a headless LoadBalancer',
      { type: 'LoadBalancer', clusterIP: 'None', ports: PORTS },
      ['spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for LoadBalancer services'],
    ],
    ['an ExternalName without a name', { type: 'ExternalName' }, ['spec.externalName: Required value']],
    [
      'an ExternalName with addresses',
      { type: 'ExternalName', externalName: 'a.b', clusterIP: '10.43.0.9' },
      ['spec.clusterIPs: Forbidden: may not be set for ExternalName services'],
    ],
    [
      'an affinity of two days',
      {
        ports: PORTS,
        sessionAffinity: 'ClientIP',
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 172_800 } },
      },
      [
        'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 172800: must be greater than 0 and less than 86400',
      ],
    ],
    [
      'addresses that are none',
      { ports: PORTS, clusterIP: '10.43.0' },
      [
        'spec.clusterIPs[0]: Invalid value: "10.43.0": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      ],
    ],
    [
      'addresses that do not agree',
      { ports: PORTS, clusterIP: '10.43.0.9', clusterIPs: ['10.43.0.8'] },
      ['spec.clusterIPs: Invalid value: ["10.43.0.8"]: first value must match `clusterIP`'],
    ],
    [
      'the new field alone',
      { ports: PORTS, clusterIPs: ['10.43.0.8'] },
      ['spec.clusterIPs: Invalid value: ["10.43.0.8"]: must be empty when `clusterIP` is not specified'],
    ],
    [
      'external addresses that only this machine has',
      { ports: PORTS, externalIPs: ['127.0.0.1', '169.254.1.1', '0.0.0.0', '224.0.0.9', 'x'] },
      [
        'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
        'spec.externalIPs[1]: Invalid value: "169.254.1.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
        'spec.externalIPs[2]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)',
        'spec.externalIPs[3]: Invalid value: "224.0.0.9": may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
        'spec.externalIPs[4]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      ],
    ],
    [
      'source ranges that are none, and where there is no load balancer',
      { ports: PORTS, loadBalancerSourceRanges: ['192.0.2.1'] },
      [
        "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
        'spec.LoadBalancerSourceRanges[0]: Invalid value: "192.0.2.1": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
      ],
    ],
    [
      'fields of a load balancer where there is none',
      { ports: PORTS, allocateLoadBalancerNodePorts: false, loadBalancerClass: 'a/b' },
      [
        "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
        "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
      ],
    ],
    [
      'policies for traffic that does not come',
      { ports: PORTS, externalTrafficPolicy: 'Local', healthCheckNodePort: 30_001 },
      [
        'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
        "spec.healthCheckNodePort: Invalid value: 30001: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      ],
    ],
    [
      'a distribution that there is not',
      { ports: PORTS, trafficDistribution: 'Near' },
      ['spec.trafficDistribution: Unsupported value: "Near": supported values: "PreferClose"'],
    ],
  ])('refuses %s', (_, spec, expected) => {
    expect(problemsOf(spec)).toEqual(expected)
  })

  it('refuses a name that DNS cannot have', () => {
    expect(problemsOf({ ports: PORTS }, {}, { name: '1a' })).toEqual([
      "metadata.name: Invalid value: \"1a\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
    ])
  })

  it('refuses a status of a load balancer that is none, or makes no sense', () => {
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.1' }, { hostname: '192.0.2.1' }] } }
    expect(problemsOf({ ports: PORTS }, { status })).toEqual([
      "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'",
    ])
    expect(problemsOf({ ports: PORTS, type: 'LoadBalancer' }, { status })).toEqual([
      'status.loadBalancer.ingress[1].hostname: Invalid value: "192.0.2.1": must be a DNS name, not an IP address',
    ])
  })
})

describe('an update of a Service', () => {
  const addressed = stored({
    type: 'NodePort',
    clusterIP: '10.43.0.9',
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    ports: [
      { name: 'a', port: 80, nodePort: 30_001 },
      { name: 'b', port: 81, nodePort: 30_002 },
    ],
  })

  function refusals(spec: object, old: KubeObject): readonly string[] {
    return validateObject(Kinds.Service, updated(spec, old), old).map(formatProblem)
  }

  it('keeps what was given and is not named, ports by their names', () => {
    const { spec } = updated(
      {
        type: 'NodePort',
        ports: [
          { name: 'b', port: 8081 },
          { name: 'c', port: 82 },
        ],
      },
      addressed,
    )
    expect(spec).toMatchObject({ clusterIP: '10.43.0.9', clusterIPs: ['10.43.0.9'] })
    expect(spec?.ports).toMatchObject([
      { name: 'b', port: 8081, nodePort: 30_002 },
      { name: 'c', port: 82 },
    ])
    expect(spec?.ports?.[1]).not.toHaveProperty('nodePort')
  })

  it('does not give a port of the nodes to two ports', () => {
    const { spec } = updated(
      {
        type: 'NodePort',
        ports: [
          { name: 'a', port: 80 },
          { name: 'b', port: 81, nodePort: 30_001 },
        ],
      },
      addressed,
    )
    expect(spec?.ports?.map(({ nodePort }) => nodePort)).toEqual([undefined, 30_001])
  })

  it('drops what the new type does not have, unless the write changes it', () => {
    const { spec: old } = addressed as Service
    const named = updated({ ...old, type: 'ExternalName', externalName: 'example.com' }, addressed)
    expect(named.spec).not.toHaveProperty('clusterIP')
    expect(named.spec).not.toHaveProperty('clusterIPs')
    expect(named.spec).not.toHaveProperty('ipFamilies')
    expect(named.spec?.ports?.[0]).not.toHaveProperty('nodePort')
    expect(named.spec).not.toHaveProperty('externalTrafficPolicy')
    expect(validateObject(Kinds.Service, named, addressed)).toEqual([])

    expect(
      refusals({ ...old, type: 'ExternalName', externalName: 'a.b', clusterIP: '10.43.0.8' }, addressed),
    ).toEqual(['spec.clusterIPs: Forbidden: may not be set for ExternalName services'])
    const ports = [{ name: 'a', port: 80, nodePort: 30_009 }]
    expect(refusals({ ...old, type: 'ClusterIP', ports }, addressed)).toEqual([
      "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
    ])
  })

  it('drops what only load balancers have', () => {
    const old = stored({
      type: 'LoadBalancer',
      clusterIP: '10.43.0.9',
      externalTrafficPolicy: 'Local',
      healthCheckNodePort: 30_005,
      loadBalancerClass: 'example.com/lb',
      ports: [{ port: 80, nodePort: 30_001 }],
    }) as Service
    const next = updated({ ...old.spec, type: 'ClusterIP' }, old)
    expect(validateObject(Kinds.Service, next, old)).toEqual([])
    expect(Object.keys(next.spec ?? {}).sort()).toEqual([
      'clusterIP',
      'clusterIPs',
      'internalTrafficPolicy',
      'ports',
      'sessionAffinity',
      'type',
    ])
    expect(refusals({ ...old.spec, healthCheckNodePort: 30_006 }, old)).toEqual([
      'spec.healthCheckNodePort: Forbidden: field is immutable',
    ])
    expect(refusals({ ...old.spec, loadBalancerClass: 'example.com/other' }, old)).toEqual([
      'spec.loadBalancerClass: Invalid value: "example.com/other": may not change once set',
    ])
  })

  it.each<[string, object, string]>([
    [
      'another address',
      { clusterIP: '10.43.0.10' },
      'spec.clusterIPs[0]: Invalid value: ["10.43.0.10"]: may not change once set',
    ],
    [
      'no address',
      { clusterIP: 'None' },
      'spec.clusterIPs[0]: Invalid value: ["None"]: may not change once set',
    ],
  ])('refuses %s', (_, given, problem) => {
    const old = stored({ clusterIP: '10.43.0.9', ports: PORTS })
    expect(refusals({ ports: PORTS, ...given }, old)).toEqual([problem])
  })

  it('refuses an address for a headless one', () => {
    const old = stored({ clusterIP: 'None', ports: PORTS })
    expect(refusals({ ports: PORTS, clusterIP: '10.43.0.9' }, old)).toEqual([
      'spec.clusterIPs[0]: Invalid value: ["10.43.0.9"]: may not change once set',
    ])
    expect(updated({ ports: PORTS }, old).spec).toMatchObject({ clusterIP: 'None', clusterIPs: ['None'] })
  })
})
