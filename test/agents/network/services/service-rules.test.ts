import { describe, expect, it } from 'vitest'
import { conntrackArguments, staleFlows } from '../../../../src/agents/network/services/flows.ts'
import { hostPortFragment, servicePorts } from '../../../../src/agents/network/services/index.ts'
import { serviceFragment } from '../../../../src/agents/network/services/service-rules.ts'
import type { Endpoint, EndpointSlice, Service, ServiceSpec } from '../../../../src/kube/index.ts'
import { wholeOf } from '../support/whole-of.ts'

const PLACE = {
  podCidr: '10.42.1.0/24',
  clusterCidr: '10.42.0.0/16',
  serviceCidr: '10.43.0.0/16',
  localNodes: new Set(['here']),
}

function service(spec: Partial<ServiceSpec> = {}, more: Partial<Service> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { clusterIP: '10.43.0.5', ports: [{ name: 'http', port: 80, protocol: 'TCP' }], ...spec },
    ...more,
  }
}

function slice(endpoints: readonly Endpoint[], more: Partial<EndpointSlice> = {}): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'web-1', namespace: 'shop' },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints,
    ...more,
  }
}

const at = (address: string, conditions: Endpoint['conditions'] = { ready: true }, nodeName = 'there') => ({
  addresses: [address],
  conditions,
  nodeName,
})

const routes = (object: Service, ...slices: readonly EndpointSlice[]) =>
  servicePorts(object, slices, node => node === 'here')

const elements = (object: Service, ...slices: readonly EndpointSlice[]) => {
  const ruleset = wholeOf('', [serviceFragment(routes(object, ...slices), PLACE)])
  return Object.fromEntries([...ruleset.elements].map(([of, held]) => [of, Object.fromEntries(held)]))
}

describe('servicePorts()', () => {
  it.each([
    ['headless', service({ clusterIP: 'None' })],
    ['ExternalName', service({ type: 'ExternalName', externalName: 'example.org' })],
    ['without an address yet', service({ clusterIP: '' })],
    ['of IPv6 only', service({ clusterIP: 'fd00::1', clusterIPs: ['fd00::1'] })],
    [
      'of another proxy',
      service({}, { metadata: { name: 'w', labels: { 'service.kubernetes.io/service-proxy-name': 'x' } } }),
    ],
  ])('gives nothing for a service %s', (_, object) => {
    expect(routes(object, slice([at('10.42.2.2')]))).toEqual([])
  })

  it('finds the backends of a port by its name and protocol, in all slices, each once', () => {
    const [route] = routes(
      service(),
      slice([at('10.42.2.3'), at('10.42.2.2', { ready: false })]),
      slice([at('10.42.2.2')]),
      slice([at('10.42.2.9')], { ports: [{ name: 'other', port: 1, protocol: 'TCP' }] }),
      slice([at('10.42.2.8')], { ports: [{ name: 'http', port: 1, protocol: 'UDP' }] }),
      slice([at('fd00::2')], { addressType: 'IPv6' }),
    )
    expect(route?.backends.cluster).toEqual([
      { address: '10.42.2.2', port: 8080 },
      { address: '10.42.2.3', port: 8080 },
    ])
  })

  it('uses what ends but serves only while nothing is ready, here and in the cluster by themselves', () => {
    const ending = { ready: false, serving: true, terminating: true }
    const [route] = routes(
      service({ type: 'NodePort', externalTrafficPolicy: 'Local' }),
      slice([
        at('10.42.1.2', ending, 'here'),
        at('10.42.1.3', { ready: false, serving: false, terminating: true }, 'here'),
        at('10.42.2.2'),
      ]),
    )
    expect(route?.backends).toEqual({
      cluster: [{ address: '10.42.2.2', port: 8080 }],
      local: [{ address: '10.42.1.2', port: 8080 }],
      localReady: 0,
    })
  })

  it('takes an endpoint that says nothing of its state for ready', () => {
    const [route] = routes(service(), slice([{ addresses: ['10.42.2.2'] }]))
    expect(route?.backends.cluster).toHaveLength(1)
  })
})

describe('serviceFragment()', () => {
  it('a plain service is elements alone; all services of its size share a chain of the frame', () => {
    const ruleset = wholeOf('', [
      serviceFragment(routes(service(), slice([at('10.42.1.2'), at('192.0.2.9')])), PLACE),
      serviceFragment(
        routes(service({ clusterIP: '10.43.0.6' }), slice([at('10.42.2.2'), at('10.42.2.3')])),
        PLACE,
      ),
    ])
    expect(ruleset.chains.size).toBe(0)
    expect(ruleset.elements.get('backends')).toEqual(
      new Map([
        ['10.43.0.5 . 6 . 80 . 0', '10.42.1.2 . 8080'],
        ['10.43.0.5 . 6 . 80 . 1', '192.0.2.9 . 8080'],
        ['10.43.0.6 . 6 . 80 . 0', '10.42.2.2 . 8080'],
        ['10.43.0.6 . 6 . 80 . 1', '10.42.2.3 . 8080'],
      ]),
    )
    expect([...(ruleset.elements.get('self')?.keys() ?? [])]).toEqual(['10.42.1.2 . 10.42.1.2'])
    expect([...(ruleset.elements.get('outside-backends')?.keys() ?? [])]).toEqual(['192.0.2.9 . 6 . 8080'])
  })

  it('refuses every frontend of a service without backends', () => {
    expect(
      elements(
        service({
          type: 'NodePort',
          externalIPs: ['192.0.2.1'],
          ports: [{ name: 'http', port: 80, nodePort: 30_080, protocol: 'TCP' }],
        }),
      ),
    ).toEqual({
      'cluster-ips': { '10.43.0.5': '' },
      unserved: { '10.43.0.5 . 6 . 80': '', '192.0.2.1 . 6 . 80': '' },
      'unserved-node-ports': { '6 . 30080': '' },
    })
  })

  it('text of the API that is no address or network never reaches the table', () => {
    const hostile = '10.0.0.0/8 accept; flush ruleset'
    const fragment = serviceFragment(
      routes(
        service(
          {
            type: 'LoadBalancer',
            externalIPs: [hostile],
            loadBalancerSourceRanges: [hostile, '10.0.0.0/8'],
            ports: [{ name: 'x; flush ruleset', port: 80, protocol: 'TCP' }],
          },
          { status: { loadBalancer: { ingress: [{ ip: hostile }, { ip: '192.0.2.7' }] } } },
        ),
        slice([at('10.42.2.2'), at(hostile)], {
          ports: [{ name: 'x; flush ruleset', port: 80, protocol: 'TCP' }],
        }),
      ),
      PLACE,
    )
    expect(JSON.stringify(fragment)).not.toContain('flush ruleset')
  })

  it('does not take over the address of a balancer that is a proxy itself', () => {
    const object = service(
      { type: 'LoadBalancer' },
      { status: { loadBalancer: { ingress: [{ ip: '192.0.2.7', ipMode: 'Proxy' }] } } },
    )
    expect(Object.keys(elements(object, slice([at('10.42.2.2')])).services ?? {})).toEqual([
      '10.43.0.5 . 6 . 80',
    ])
  })
})

describe('hostPortFragment()', () => {
  it('leads a port of the host to its pod, by address where the pod names one', () => {
    const port = { name: undefined, protocol: 'TCP', containerPort: 80, hostPort: 8080 } as const
    const pods = [
      {
        namespace: 'a',
        name: 'b',
        address: '10.42.1.2',
        labels: {},
        ports: [
          { ...port, hostIP: undefined },
          { ...port, protocol: 'UDP' as const, hostIP: '10.200.0.11' },
          { ...port, hostPort: undefined, hostIP: undefined },
        ],
      },
    ]
    const { elements: wanted } = wholeOf('', [hostPortFragment(pods)])
    expect(wanted.get('host-ports')).toEqual(new Map([['6 . 8080', '10.42.1.2 . 80']]))
    expect(wanted.get('host-ports-at')).toEqual(new Map([['10.200.0.11 . 17 . 8080', '10.42.1.2 . 80']]))
  })
})

describe('staleFlows()', () => {
  const flows = (...keys: readonly string[]) => new Map(keys.map(key => [key, '']))

  it('names the flows to backends that are gone, and those of a frontend that was not served before', () => {
    const before = flows('10.43.0.5 . 53 . 10.42.1.2 . 53', '0.0.0.0 . 30053 . 10.42.1.2 . 53')
    const after = flows(
      '10.43.0.5 . 53 . 10.42.1.3 . 53',
      '0.0.0.0 . 30053 . 10.42.1.2 . 53',
      '10.43.0.6 . 53 . 10.42.1.2 . 53',
    )
    expect(staleFlows(before, after, after.keys())).toEqual([
      { address: '10.43.0.5', port: 53, backend: '10.42.1.2' },
      { address: '10.43.0.6', port: 53, backend: undefined },
    ])
  })

  it('a frontend that was served by another backend is not a new one, though nothing else of it was touched', () => {
    const kept = '0.0.0.0 . 30053 . 10.42.1.2 . 53'
    const more = flows('0.0.0.0 . 30053 . 10.42.1.3 . 53')
    expect(staleFlows(flows(), more, [kept, ...more.keys()])).toEqual([])
  })

  it('conntrackArguments() names a flow so that no other one is forgotten', () => {
    expect(conntrackArguments({ address: undefined, port: 30_053, backend: '10.42.1.2' })).toEqual([
      ...['--delete', '--proto', 'udp', '--orig-port-dst', '30053', '--reply-src', '10.42.1.2'],
    ])
  })
})
