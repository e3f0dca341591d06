import { describe, expect, it } from 'vitest'
import { assignHosts } from '../../../../src/cluster/controllers/load-balancer/assign-hosts.ts'
import type { Node, Service } from '../../../../src/kube/index.ts'
import { type NodeFacts, node } from '../build.ts'
import { service } from '../endpoints/build.ts'

const LABEL = 'network.bowline.dev/load-balancer'

function host(number: number, facts: NodeFacts = {}, ...more: readonly string[]): Node {
  const built = node(`n${number}`, facts)
  const addresses = [`192.0.2.${number}`, ...more].map(address => ({ type: 'InternalIP', address }))
  return {
    ...built,
    status: { ...built.status, addresses: [...addresses, { type: 'Hostname', address: 'h' }] },
  }
}

function balancer(name: string, spec: Partial<NonNullable<Service['spec']>> = {}, created = '1'): Service {
  const creationTimestamp = `2026-01-0${created}T00:00:00Z`
  return service({ type: 'LoadBalancer', ports: [{ port: 80 }], ...spec }, { name, creationTimestamp })
}

function assign(nodes: readonly Node[], services: readonly Service[], local: readonly string[] = []) {
  const found = assignHosts({ services, nodes, localNodesOf: () => new Set(local) })
  return Object.fromEntries(
    found.map(({ service: { metadata }, addresses, conflicts }) => [
      metadata.name,
      [...addresses, ...conflicts.map(({ node: name, port, holder }) => `${port} of ${name} has ${holder}`)],
    ]),
  )
}

describe('assignHosts()', () => {
  it.each<[string, readonly Node[], readonly string[]]>([
    ['every ready host', [host(2), host(1)], ['192.0.2.1', '192.0.2.2']],
    [
      'no host that is not ready',
      [host(1), host(2, { ready: 'False' }), host(3, { ready: 'Unknown' })],
      ['192.0.2.1'],
    ],
    ['a cordoned host too', [host(1), host(2, { unschedulable: true })], ['192.0.2.1', '192.0.2.2']],
    [
      'only labelled hosts where there are any',
      [host(1), host(2, { labels: { [LABEL]: 'true' } })],
      ['192.0.2.2'],
    ],
    ['no host that is labelled away', [host(1), host(2, { labels: { [LABEL]: 'false' } })], ['192.0.2.1']],
    [
      "no host that upstream's label excludes",
      [host(1), host(2, { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } })],
      ['192.0.2.1'],
    ],
    [
      'no host when the labelled one is not ready',
      [host(1), host(2, { labels: { [LABEL]: 'true' }, ready: 'False' })],
      [],
    ],
    [
      'an address once that several hosts share',
      [host(1), { ...host(1), metadata: { name: 'twin' } }],
      ['192.0.2.1'],
    ],
    ['addresses of its family only', [host(1, {}, 'fd00::1')], ['192.0.2.1']],
  ])('gives a service %s', (_, nodes, expected) => {
    expect(assign(nodes, [balancer('web')])).toEqual({ web: expected })
  })

  it('gives a service of two families both kinds of addresses', () => {
    const web = balancer('web', { ipFamilies: ['IPv4', 'IPv6'] })
    expect(assign([host(1, {}, 'fd00::1')], [web])).toEqual({ web: ['192.0.2.1', 'fd00::1'] })
  })

  it('keeps a Local service to the hosts of its pods', () => {
    const web = balancer('web', { externalTrafficPolicy: 'Local' })
    expect(assign([host(1), host(2), host(3, { ready: 'False' })], [web], ['n2', 'n3'])).toEqual({
      web: ['192.0.2.2'],
    })
  })

  it('serves its own class and those without one, and is silent about others', () => {
    const named = (name: string, loadBalancerClass: string, port: number) =>
      balancer(name, { loadBalancerClass, ports: [{ port }] })
    expect(
      assign(
        [host(1)],
        [named('own', 'network.bowline.dev/hosts', 1), named('other', 'example.com/cloud', 1), service()],
      ),
    ).toEqual({ own: ['192.0.2.1'] })
  })

  it('gives a port of a host to the older of two services, and to both when the protocol differs', () => {
    const services = [
      balancer('young', { ports: [{ port: 80 }, { port: 443 }] }, '3'),
      balancer('old', {}, '1'),
      balancer('udp', { ports: [{ port: 80, protocol: 'UDP' }] }, '2'),
      balancer('free', { ports: [{ port: 443 }] }, '4'),
    ]
    expect(assign([host(1)], services)).toEqual({
      old: ['192.0.2.1'],
      udp: ['192.0.2.1'],
      young: ['80/TCP of n1 has shop/old'],
      free: ['192.0.2.1'],
    })
  })

  it('lets two services share a port where they are on different hosts', () => {
    const services = [balancer('local', { externalTrafficPolicy: 'Local' }, '1'), balancer('wide', {}, '2')]
    expect(assign([host(1), host(2)], services, ['n1'])).toEqual({
      local: ['192.0.2.1'],
      wide: ['192.0.2.2', '80/TCP of n1 has shop/local'],
    })
  })
})
