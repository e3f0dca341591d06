import { describe, expect, it } from 'vitest'
import { sliceContent } from '../../../../src/cluster/controllers/endpoints/slice-content.ts'
import type { Pod, Service } from '../../../../src/kube/index.ts'
import { type BackendFacts, backend, service } from './build.ts'

function contentOf(of: Service, ...pods: readonly Pod[]) {
  const placeOf = (name: string) =>
    name === 'n1' ? { zone: undefined } : name === 'n2' ? { zone: 'b' } : undefined
  return sliceContent({ service: of, pods, placeOf })
}

describe('sliceContent()', () => {
  it('says where a ready pod is and what it is', () => {
    expect(contentOf(service(), backend('a', { node: 'n2' }))).toEqual([
      {
        addressType: 'IPv4',
        ports: [{ name: '', port: 8080, protocol: 'TCP' }],
        endpoints: [
          {
            addresses: ['10.42.0.2'],
            conditions: { ready: true, serving: true, terminating: false },
            targetRef: { kind: 'Pod', namespace: 'shop', name: 'a', uid: 'a-uid' },
            nodeName: 'n2',
            zone: 'b',
          },
        ],
      },
    ])
  })

  it.each<[string, boolean, BackendFacts, object | undefined]>([
    ['a ready pod', false, {}, { ready: true, serving: true, terminating: false }],
    [
      'a pod that is not ready',
      false,
      { ready: false },
      { ready: false, serving: false, terminating: false },
    ],
    [
      'a pod that ends and still serves',
      false,
      { ending: true },
      { ready: false, serving: true, terminating: true },
    ],
    [
      'a pod that ends and serves no more',
      false,
      { ending: true, ready: false },
      { ready: false, serving: false, terminating: true },
    ],
    [
      'a pod that is not ready, published all the same',
      true,
      { ready: false },
      { ready: true, serving: false, terminating: false },
    ],
    [
      'a pod that ends, published all the same',
      true,
      { ending: true },
      { ready: true, serving: true, terminating: true },
    ],
    ['a pod that has ended', false, { phase: 'Succeeded' }, undefined],
    ['a pod that has ended, published or not', true, { phase: 'Failed' }, undefined],
    ['a pod without an address', false, { ip: '' }, undefined],
    ['a pod of a node that is gone', false, { node: 'gone' }, undefined],
    [
      'a pod of a node that is gone, published all the same',
      true,
      { node: 'gone' },
      { ready: true, serving: true, terminating: false },
    ],
    ['a pod of no node', false, { node: '' }, { ready: true, serving: true, terminating: false }],
  ])('%s (published when not ready: %s)', (_, publishNotReadyAddresses, facts, conditions) => {
    const [group] = contentOf(service({ publishNotReadyAddresses }), backend('a', facts))
    expect(group?.endpoints.map(endpoint => endpoint.conditions)).toEqual(
      conditions === undefined ? [] : [conditions],
    )
  })

  it.each<[string, BackendFacts, string | undefined]>([
    ['under this service', { hostname: 'db-0', subdomain: 'web' }, 'db-0'],
    ['under another service', { hostname: 'db-0', subdomain: 'other' }, undefined],
    ['without a subdomain', { hostname: 'db-0' }, undefined],
    ['without a hostname', { subdomain: 'web' }, undefined],
  ])('gives a pod its name %s', (_, facts, hostname) => {
    expect(contentOf(service(), backend('a', facts))[0]?.endpoints[0]?.hostname).toBe(hostname)
  })

  it('groups pods by what their named ports are', () => {
    const of = service({
      ports: [
        { name: 'http', port: 80, protocol: 'TCP', targetPort: 'http', appProtocol: 'kubernetes.io/h2c' },
        { name: 'metrics', port: 9000, protocol: 'TCP', targetPort: 'metrics' },
      ],
    })
    const groups = contentOf(
      of,
      backend('a', { ip: '10.42.0.2', ports: { http: 8080, metrics: 9090 } }),
      backend('b', { ip: '10.42.0.3', ports: { http: 8081 } }),
      backend('c', { ip: '10.42.0.4', ports: { metrics: 9090, http: 8080 } }),
    )
    const http = { name: 'http', protocol: 'TCP', appProtocol: 'kubernetes.io/h2c' }
    expect(
      groups.map(({ ports, endpoints }) => [ports, endpoints.map(({ targetRef }) => targetRef?.name)]),
    ).toEqual([
      [
        [
          { ...http, port: 8080 },
          { name: 'metrics', port: 9090, protocol: 'TCP' },
        ],
        ['a', 'c'],
      ],
      [[{ ...http, port: 8081 }], ['b']],
    ])
  })

  it('takes a named port of the right protocol, of a sidecar last, and the port itself where no target is named', () => {
    const pod = backend('a')
    const container = (name: string, protocol: 'TCP' | 'UDP', containerPort: number) => ({
      name,
      image: name,
      ports: [{ name: 'dns', protocol, containerPort }],
    })
    const withPorts: Pod = {
      ...pod,
      spec: {
        ...pod.spec,
        initContainers: [
          container('init', 'TCP', 1),
          { ...container('sidecar', 'TCP', 5301), restartPolicy: 'Always' },
        ],
        containers: [container('main', 'UDP', 5300)],
      },
    }
    const port = (name: string, protocol: 'TCP' | 'UDP') => ({ name, port: 53, protocol, targetPort: 'dns' })
    const of = service({
      ports: [port('tcp', 'TCP'), port('udp', 'UDP'), { name: 'same', port: 54, protocol: 'TCP' }],
    })
    expect(contentOf(of, withPorts)[0]?.ports.map(one => [one.name, one.port])).toEqual([
      ['tcp', 5301],
      ['udp', 5300],
      ['same', 54],
    ])
  })

  it('keeps one empty group for each kind of address of a service without pods', () => {
    expect(contentOf(service({ ipFamilies: ['IPv4', 'IPv6'] }))).toEqual([
      { addressType: 'IPv4', ports: [], endpoints: [] },
      { addressType: 'IPv6', ports: [], endpoints: [] },
    ])
  })

  it('gives each kind of address its own endpoints', () => {
    const groups = contentOf(
      service({ ipFamilies: ['IPv6', 'IPv4'] }),
      backend('a', { ip: ['10.42.0.2', 'fd00::2'] }),
      backend('b', { ip: '10.42.0.3' }),
    )
    expect(
      groups.map(({ addressType, endpoints }) => [addressType, endpoints.map(one => one.addresses)]),
    ).toEqual([
      ['IPv6', [['fd00::2']]],
      ['IPv4', [['10.42.0.2'], ['10.42.0.3']]],
    ])
  })

  it('needs no ports of a headless service', () => {
    const [group] = contentOf(service({ clusterIP: 'None', ports: [] }), backend('a'))
    expect([group?.ports, group?.endpoints.length]).toEqual([[], 1])
  })
})
