import type { NetworkInterfaceInfo } from 'node:os'
import { expect, it } from 'vitest'
import { hostAddresses } from '../../../../src/agents/network/iproute/index.ts'

function at(address: string, prefix: number, internal: boolean = false): NetworkInterfaceInfo[] {
  return [{ address, netmask: '', family: 'IPv4', mac: '', internal, cidr: `${address}/${prefix}` }]
}

it('hostAddresses() leaves out what Bowline and Docker made, and nothing that only looks like it', () => {
  const interfaces = {
    lo: at('127.0.0.1', 8, true),
    docker0: at('172.17.0.1', 16),
    'br-0123456789ab': at('172.18.0.1', 16),
    'bowline-1a2b3c4': at('10.42.0.1', 32),
    'bovx-1a2b3c4': at('10.42.0.1', 32),
    bond0: at('192.0.2.1', 24),
    'br-lan': at('192.0.2.129', 25),
    eth0: at('198.51.100.1', 24),
  }
  expect(hostAddresses(interfaces).map(({ address }) => address)).toEqual([
    '192.0.2.1',
    '192.0.2.129',
    '198.51.100.1',
  ])
})
