import { describe, expect, it } from 'vitest'
import { endpointSubsets, truncateSubsets } from '../../../../src/cluster/controllers/endpoints/subsets.ts'
import type { EndpointSubset } from '../../../../src/kube/index.ts'
import { backend, service } from './build.ts'

describe('endpointSubsets()', () => {
  it('tells ready pods from the others', () => {
    const pods = [
      backend('b', { ip: '10.42.0.3', ready: false }),
      backend('a', { ip: '10.42.0.2', node: 'n1' }),
      backend('ending', { ip: '10.42.0.4', ending: true }),
      backend('ended', { ip: '10.42.0.5', phase: 'Succeeded' }),
      backend('new', { ip: '' }),
    ]
    const address = (name: string, ip: string) => ({
      ip,
      nodeName: 'n1',
      targetRef: { kind: 'Pod', namespace: 'shop', name, uid: `${name}-uid` },
    })
    const ports = [{ port: 8080, protocol: 'TCP' }]
    expect(endpointSubsets(service(), pods)).toEqual([
      { addresses: [address('a', '10.42.0.2')], notReadyAddresses: [address('b', '10.42.0.3')], ports },
    ])
    expect(endpointSubsets(service({ publishNotReadyAddresses: true }), pods)).toEqual([
      {
        addresses: [address('a', '10.42.0.2'), address('b', '10.42.0.3'), address('ending', '10.42.0.4')],
        ports,
      },
    ])
  })

  it('joins the ports that lead to the same pods, whatever the order of pods and ports', () => {
    const ports = [
      { name: 'http', port: 80, protocol: 'TCP' as const, targetPort: 'http' },
      { name: 'admin', port: 81, protocol: 'TCP' as const, targetPort: 9000 },
      { name: 'extra', port: 82, protocol: 'TCP' as const, targetPort: 'extra' },
    ]
    const pods = [
      backend('a', { ip: '10.42.0.2', ports: { http: 8080 } }),
      backend('b', { ip: '10.42.0.3', ports: { http: 8080, extra: 7000 } }),
    ]
    const subsets = endpointSubsets(service({ ports }), pods)
    expect(
      subsets.map(subset => [subset.ports?.map(({ name }) => name), subset.addresses?.map(({ ip }) => ip)]),
    ).toEqual([
      [
        ['admin', 'http'],
        ['10.42.0.2', '10.42.0.3'],
      ],
      [['extra'], ['10.42.0.3']],
    ])
    expect(endpointSubsets(service({ ports: ports.toReversed() }), pods.toReversed())).toEqual(subsets)
  })

  it('gives pods their names, and a headless service without ports its addresses', () => {
    const pod = backend('db-0', { hostname: 'db-0', subdomain: 'web' })
    const [subset] = endpointSubsets(service({ clusterIP: 'None', ports: [] }), [pod])
    expect(subset?.addresses?.map(({ hostname, ip }) => [hostname, ip])).toEqual([['db-0', '10.42.0.2']])
    expect(subset).not.toHaveProperty('ports')
  })

  it('is empty without pods', () => expect(endpointSubsets(service(), [])).toEqual([]))
})

describe('truncateSubsets()', () => {
  const addresses = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ ip: `10.0.0.${index}` }))
  const subset = (ready: number, notReady: number): EndpointSubset => ({
    ...(ready === 0 ? {} : { addresses: addresses(ready) }),
    ...(notReady === 0 ? {} : { notReadyAddresses: addresses(notReady) }),
    ports: [{ port: 80 }],
  })

  it.each<[string, [number, number][], [number, number][] | undefined]>([
    [
      'keeps up to a thousand',
      [
        [500, 300],
        [100, 100],
      ],
      undefined,
    ],
    ['cuts those that are not ready', [[600, 600]], [[600, 400]]],
    [
      'cuts each subset by its share',
      [
        [400, 200],
        [400, 200],
      ],
      [
        [400, 100],
        [400, 100],
      ],
    ],
    [
      'drops all that are not ready before a ready one',
      [
        [1500, 9],
        [500, 9],
      ],
      [
        [750, 0],
        [250, 0],
      ],
    ],
    [
      'rounds up for the first',
      [
        [667, 0],
        [667, 0],
        [667, 0],
      ],
      [
        [334, 0],
        [334, 0],
        [332, 0],
      ],
    ],
  ])('%s', (_, given, expected) => {
    const cut = truncateSubsets(given.map(([ready, notReady]) => subset(ready, notReady)))
    expect(cut?.map(one => [one.addresses?.length ?? 0, one.notReadyAddresses?.length ?? 0])).toEqual(
      expected,
    )
  })
})
