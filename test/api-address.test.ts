import type { NetworkInterfaceInfo } from 'node:os'
import { describe, expect, it } from 'vitest'
import { apiAddress } from '../src/api-address.ts'

function address(text: string, internal = false): NetworkInterfaceInfo {
  const family = text.includes(':') ? 'IPv6' : 'IPv4'
  return {
    address: text,
    family,
    internal,
    mac: '',
    netmask: '',
    cidr: null,
    scopeid: 0,
  } as NetworkInterfaceInfo
}

const INTERFACES = {
  lo: [address('127.0.0.1', true)],
  docker0: [address('172.17.0.1')],
  eth0: [address('fd00::2'), address('192.0.2.2')],
}

describe('apiAddress()', () => {
  it.each<[string, string | undefined, string, string | undefined]>([
    ['the advertised address', '198.51.100.7', '0.0.0.0', '198.51.100.7'],
    ['the address that it listens on', undefined, '192.0.2.9', '192.0.2.9'],
    ['this machine’s first when it listens on all', undefined, '0.0.0.0', '192.0.2.2'],
    ['this machine’s when what is advertised is its own', '127.0.0.1', '::', '192.0.2.2'],
    ['none when it listens for this machine alone', undefined, '127.0.0.1', undefined],
    ['the address of a name', 'localhost', '0.0.0.0', '192.0.2.2'],
  ])('is %s', async (_, advertise, listen, expected) => {
    expect(await apiAddress({ advertise, listen }, INTERFACES)).toBe(expected)
  })
})
