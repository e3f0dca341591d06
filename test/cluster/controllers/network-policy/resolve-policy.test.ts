import { describe, expect, it } from 'vitest'
import { resolvePolicy } from '../../../../src/cluster/controllers/network-policy/resolve-policy.ts'
import type { NetworkPolicySpec, Pod, PodSpec } from '../../../../src/kube/index.ts'

function pod(
  name: string,
  podIP: string,
  labels: Record<string, string>,
  { namespace = 'shop', phase = 'Running', spec = {} as Partial<PodSpec> } = {},
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels },
    spec: { containers: [{ name: 'c' }], ...spec },
    status: { phase: phase as 'Running', ...(podIP !== '' && { podIP }) },
  }
}

const namedPort = (containerPort: number): Partial<PodSpec> => ({
  containers: [{ name: 'c', ports: [{ name: 'http', containerPort }] }],
})

const NAMESPACES: Record<string, Record<string, string>> = {
  shop: { 'kubernetes.io/metadata.name': 'shop' },
  ops: { team: 'ops' },
}

const PODS = [
  pod('web', '10.42.1.3', { app: 'web' }, { spec: namedPort(8080) }),
  pod('web-2', '10.42.2.2', { app: 'web' }, { spec: namedPort(9090) }),
  pod('db', '10.42.1.4', { app: 'db' }),
  pod('monitor', '10.42.2.9', { app: 'monitor' }, { namespace: 'ops' }),
  pod('web', '10.42.2.8', { app: 'web' }, { namespace: 'ops' }),
  pod('starting', '', { app: 'web' }),
  pod('ended', '10.42.1.9', { app: 'web' }, { phase: 'Succeeded' }),
  pod('on-host', '10.200.0.11', { app: 'web' }, { spec: { hostNetwork: true } }),
]

function resolve(spec: Partial<NetworkPolicySpec>) {
  return resolvePolicy(
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'p', namespace: 'shop' },
      spec: { podSelector: {}, ...spec },
    },
    { pods: PODS, namespaceLabels: name => NAMESPACES[name] },
  )
}

const web = { matchLabels: { app: 'web' } }
const ops = { matchLabels: { team: 'ops' } }

describe('resolvePolicy()', () => {
  it.each<[string, Partial<NetworkPolicySpec>, object]>([
    ['nothing said isolates ingress', {}, { ingress: { allow: [] } }],
    [
      'an egress rule isolates both ways',
      { egress: [{}] },
      { ingress: { allow: [] }, egress: { allow: [{ anyPeer: true }] } },
    ],
    ['types are as they are said', { policyTypes: ['Egress'] }, { egress: { allow: [] } }],
    [
      'pods are those of the namespace, with an address of their own, that have not ended',
      { ingress: [{ from: [{ podSelector: web }] }] },
      { ingress: { allow: [{ addresses: ['10.42.1.3', '10.42.2.2'] }] } },
    ],
    [
      'a namespace selector alone is all its pods',
      { ingress: [{ from: [{ namespaceSelector: ops }] }] },
      { ingress: { allow: [{ addresses: ['10.42.2.8', '10.42.2.9'] }] } },
    ],
    [
      'both selectors of a peer must hold',
      { ingress: [{ from: [{ namespaceSelector: ops, podSelector: web }] }] },
      { ingress: { allow: [{ addresses: ['10.42.2.8'] }] } },
    ],
    [
      'one of the peers is enough; empty selectors are everything',
      {
        ingress: [
          {
            from: [
              { namespaceSelector: {}, podSelector: { matchLabels: { app: 'db' } } },
              { namespaceSelector: ops },
            ],
          },
        ],
      },
      { ingress: { allow: [{ addresses: ['10.42.1.4', '10.42.2.8', '10.42.2.9'] }] } },
    ],
    [
      'networks stay networks',
      { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }] }] },
      { ingress: { allow: [{ networks: [{ cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] }] }] } },
    ],
    [
      'nobody matches: nobody is allowed',
      { ingress: [{ from: [{ podSelector: { matchLabels: { app: 'none' } } }] }] },
      { ingress: { allow: [{}] } },
    ],
    [
      'ports of ingress stay as they are said',
      { ingress: [{ ports: [{ port: 80 }, { port: 'http', protocol: 'UDP' }, { port: 1, endPort: 9 }] }] },
      {
        ingress: {
          allow: [
            {
              anyPeer: true,
              ports: [
                { protocol: 'TCP', port: 80 },
                { protocol: 'UDP', name: 'http' },
                { protocol: 'TCP', port: 1, endPort: 9 },
              ],
            },
          ],
        },
      },
    ],
    [
      'named ports of egress become the numbers of each peer',
      {
        policyTypes: ['Egress'],
        egress: [{ to: [{ podSelector: {} }], ports: [{ port: 53, protocol: 'UDP' }, { port: 'http' }] }],
      },
      {
        egress: {
          allow: [
            { addresses: ['10.42.1.3', '10.42.1.4', '10.42.2.2'], ports: [{ protocol: 'UDP', port: 53 }] },
            { addresses: ['10.42.1.3'], ports: [{ protocol: 'TCP', port: 8080 }] },
            { addresses: ['10.42.2.2'], ports: [{ protocol: 'TCP', port: 9090 }] },
          ],
        },
      },
    ],
  ])('%s', (_, spec, expected) => {
    expect(resolve(spec)).toEqual({ podSelector: {}, ...expected })
  })
})
