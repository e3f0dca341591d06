import { describe, expect, it } from 'vitest'
import type { Route } from '../../../../src/agents/network/iproute/index.ts'
import {
  routeDifference,
  vtepHardware,
  vxlanDifference,
  wantedRoutes,
} from '../../../../src/agents/network/links/difference.ts'
import { readDump } from '../../../../src/agents/network/links/wireguard.ts'

const near = { address: '192.0.2.2', ranges: ['10.42.1.0/24'], gateway: '10.42.1.1', wireguard: undefined }
const far = {
  address: '198.51.100.3',
  ranges: ['10.42.2.0/24', '10.42.7.0/24'],
  gateway: '10.42.2.1',
  wireguard: undefined,
}
const devices = { wireguard: 'bowg-1', vxlan: 'bovx-1' }

const CLUSTER = { base: 0x0a_2a_00_00, prefix: 16 }

function route(to: string, rest: Partial<Route> = {}): Route {
  return { to, type: 'unicast', via: undefined, device: undefined, source: undefined, ...rest }
}

describe('routeDifference()', () => {
  const wanted = wantedRoutes({ routes: [near], wireguard: [far], vxlan: [] }, devices, '10.42.0.1')

  it('makes what is missing', () => {
    expect(routeDifference([], wanted, CLUSTER)).toEqual({
      add: [
        'route replace 10.42.1.0/24 via 192.0.2.2 proto 117',
        'route replace 10.42.2.0/24 dev bowg-1 src 10.42.0.1 proto 117',
        'route replace 10.42.7.0/24 dev bowg-1 src 10.42.0.1 proto 117',
      ],
      remove: [],
    })
  })

  it('changes nothing that is right, and adopts what an earlier agent made', () => {
    const actual = [
      route('10.42.1.0/24', { via: '192.0.2.2', device: 'eth0' }),
      ...far.ranges.map(range => route(range, { device: 'bowg-1', source: '10.42.0.1' })),
    ]
    expect(routeDifference(actual, wanted, CLUSTER)).toEqual({ add: [], remove: [] })
  })

  it('follows a peer to another address or way, and removes what leads nowhere', () => {
    const actual = [
      route('10.42.1.0/24', { via: '192.0.2.77', device: 'eth0' }),
      route('10.42.2.0/24', { via: '10.42.2.1', device: 'bovx-1', source: '10.42.0.1' }),
      route('10.42.7.0/24', { device: 'bowg-1', source: '10.42.0.1' }),
      route('10.42.9.0/24', { via: '192.0.2.9', device: 'eth0' }),
    ]
    const { add, remove } = routeDifference(actual, wanted, CLUSTER)
    expect(add.map(command => command.split(' ')[2])).toEqual(['10.42.1.0/24', '10.42.2.0/24'])
    expect(remove).toEqual(['route delete 10.42.9.0/24 proto 117'])
  })

  it('leaves pods of this host and the refusal of its own range alone', () => {
    const actual = [
      route('10.42.0.7', { device: 'bw0a2a0007' }),
      route('10.42.0.0/24', { type: 'unreachable' }),
    ]
    expect(routeDifference(actual, [], CLUSTER).remove).toEqual([])
  })
})

describe('routeDifference() on a host of two clusters', () => {
  it('leaves the routes of the other one alone, but for who removes all there is', () => {
    const others = [route('10.52.1.0/24', { via: '192.0.2.2', device: 'eth0' })]
    expect(routeDifference(others, [], CLUSTER).remove).toEqual([])
    expect(routeDifference(others, [], undefined).remove).toEqual(['route delete 10.52.1.0/24 proto 117'])
  })
})

describe('vxlanDifference()', () => {
  it('tells of each peer once, and forgets those that are gone', () => {
    const hardware = vtepHardware('10.42.2.1')
    expect(hardware).toBe('0a:58:0a:2a:02:01')
    const known = {
      fdb: [{ hardware, to: '198.51.100.3' }],
      neighbours: [{ address: '10.42.2.1', hardware }],
    }
    expect(vxlanDifference('v', [far], known)).toEqual({ ip: [], bridge: [] })
    expect(vxlanDifference('v', [far], { fdb: [], neighbours: [] })).toEqual({
      ip: [`neighbor replace 10.42.2.1 lladdr ${hardware} dev v nud permanent`],
      bridge: [`fdb replace ${hardware} dev v dst 198.51.100.3 self permanent`],
    })
    expect(vxlanDifference('v', [{ ...far, address: '198.51.100.9' }], known)).toEqual({
      ip: [],
      bridge: [`fdb replace ${hardware} dev v dst 198.51.100.9 self permanent`],
    })
    expect(vxlanDifference('v', [], known)).toEqual({
      ip: ['neighbor delete 10.42.2.1 dev v'],
      bridge: [`fdb delete ${hardware} dev v dst 198.51.100.3 self`],
    })
  })
})

describe('readDump()', () => {
  it('reads the own key, the port and the ranges of every peer', () => {
    const text =
      'private\tpublic\t51820\toff\npeer1\t(none)\t192.0.2.2:51820\t10.42.7.0/24,10.42.2.0/24\t0\t0\t0\t25\n'
    expect(readDump(text)).toEqual({
      publicKey: 'public',
      port: 51_820,
      peers: new Map([['peer1', '10.42.2.0/24,10.42.7.0/24']]),
    })
  })
})
