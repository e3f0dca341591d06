import { describe, expect, it } from 'vitest'
import {
  chooseWays,
  neighboursOnHost,
  surroundings,
  wireguardAnnotations,
  wireguardOf,
} from '../../../../src/agents/network/links/peers.ts'
import { parseSubnet, type Subnet } from '../../../../src/base/index.ts'
import type { Node } from '../../../../src/kube/index.ts'

const KEY = `${'A'.repeat(43)}=`

function node(name: string, address: string, podCIDR: string | undefined, hasKey = false): Node {
  const annotations = wireguardAnnotations(hasKey ? { publicKey: KEY, port: 51_820 } : undefined)
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, annotations },
    spec: podCIDR === undefined ? {} : { podCIDR },
    status: { addresses: [{ type: 'InternalIP', address }] },
  }
}

const NODES = [
  node('a', '192.0.2.1', '10.42.0.0/24'),
  node('b', '192.0.2.2', '10.42.1.0/24', true),
  node('c', '198.51.100.3', '10.42.2.0/24', true),
  node('d', '198.51.100.4', '10.42.3.0/24'),
  node('fresh', '192.0.2.9', undefined),
]
const LAN = [parseSubnet('192.0.2.0/24') as Subnet]

describe('surroundings()', () => {
  it('are the other hosts; nodes without a range are not there yet', () => {
    const { isLeader, peers } = surroundings(NODES, 'a')
    expect(isLeader).toBe(true)
    expect(peers.map(({ address, ranges }) => [address, ...ranges])).toEqual([
      ['192.0.2.2', '10.42.1.0/24'],
      ['198.51.100.3', '10.42.2.0/24'],
      ['198.51.100.4', '10.42.3.0/24'],
    ])
    expect(peers[0]).toMatchObject({ gateway: '10.42.1.1', wireguard: { publicKey: KEY, port: 51_820 } })
  })

  it('nodes that share a host are one peer, and its first one makes the links', () => {
    const nodes = [...NODES, node('b2', '192.0.2.2', '10.42.9.0/24')].reverse()
    const [peer] = surroundings(nodes, 'a').peers
    expect(peer?.ranges).toEqual(['10.42.1.0/24', '10.42.9.0/24'])
    expect(surroundings(nodes, 'b').isLeader).toBe(true)
    expect(surroundings(nodes, 'b2').isLeader).toBe(false)
    expect(surroundings(nodes, 'b2').peers.map(({ address }) => address)).not.toContain('192.0.2.2')
    expect([...neighboursOnHost(nodes, 'b')].sort()).toEqual(['b', 'b2'])
  })

  it('a node that is not there, or has no range, makes no links', () => {
    expect(surroundings(NODES, 'stranger').isLeader).toBe(false)
    expect(surroundings(NODES, 'fresh').isLeader).toBe(false)
  })
})

describe('chooseWays()', () => {
  const { peers } = surroundings(NODES, 'a')
  const names = (mode: Parameters<typeof chooseWays>[1], hasWireguard: boolean) =>
    Object.fromEntries(
      Object.entries(chooseWays(peers, mode, { ownLinks: LAN, hasWireguard })).map(([way, found]) => [
        way,
        found.map(({ address }: { address: string }) => address),
      ]),
    )

  it.each([
    [
      'auto',
      true,
      {
        routes: ['192.0.2.2'],
        wireguard: ['198.51.100.3'],
        vxlan: ['198.51.100.4'],
        unreachable: [],
        awaited: [],
      },
    ],
    [
      'auto',
      false,
      {
        routes: ['192.0.2.2'],
        wireguard: [],
        vxlan: ['198.51.100.3', '198.51.100.4'],
        unreachable: [],
        awaited: [],
      },
    ],
    [
      'routes',
      true,
      {
        routes: ['192.0.2.2'],
        wireguard: [],
        vxlan: [],
        unreachable: ['198.51.100.3', '198.51.100.4'],
        awaited: [],
      },
    ],
    [
      'wireguard',
      true,
      {
        routes: [],
        wireguard: ['192.0.2.2', '198.51.100.3'],
        vxlan: [],
        unreachable: ['198.51.100.4'],
        awaited: [],
      },
    ],
    [
      'vxlan',
      true,
      { routes: [], wireguard: [], vxlan: peers.map(({ address }) => address), unreachable: [], awaited: [] },
    ],
  ] as const)('%s, with WireGuard here: %s', (mode, hasWireguard, expected) => {
    expect(names(mode, hasWireguard)).toEqual(expected)
  })
})

describe('a host that has just come', () => {
  it('is waited for where WireGuard might be the way to it, so that the way does not change at once', () => {
    const { metadata, ...rest } = node('new', '198.51.100.8', '10.42.8.0/24')
    const fresh: Node = { ...rest, metadata: { name: metadata.name ?? '' } }
    const { peers } = surroundings([NODES[0] as Node, fresh], 'a')
    for (const mode of ['auto', 'wireguard'] as const)
      expect(chooseWays(peers, mode, { ownLinks: LAN, hasWireguard: true }).awaited).toEqual(peers)
    expect(chooseWays(peers, 'vxlan', { ownLinks: LAN, hasWireguard: true }).vxlan).toEqual(peers)
  })
})

describe('wireguardOf()', () => {
  it('reads what an agent wrote, and nothing that could be something else', () => {
    const own = NODES[1] as Node
    expect(wireguardOf(own)).toEqual({ publicKey: KEY, port: 51_820 })
    for (const [key, port] of [
      [`${KEY} endpoint 10.0.0.1:1`, '51820'],
      [KEY, '51820 peer'],
      [KEY, '0'],
      ['', '51820'],
    ]) {
      const annotations = {
        'network.bowline.dev/wireguard-public-key': key ?? '',
        'network.bowline.dev/wireguard-port': port ?? '',
      }
      expect(wireguardOf({ ...own, metadata: { ...own.metadata, annotations } })).toBeUndefined()
    }
  })
})
