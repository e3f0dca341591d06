import { expect, it } from 'vitest'
import {
  containsAddress,
  formatIpv4,
  formatSubnet,
  overlaps,
  parseIpv4,
  parseSubnet,
  type Subnet,
} from '../../src/base/index.ts'

function subnet(text: string): Subnet {
  return parseSubnet(text) as Subnet
}

it('parseSubnet() and formatIpv4() read and write IPv4', () => {
  expect(parseSubnet('172.18.5.9/16')).toEqual({ base: parseIpv4('172.18.0.0'), prefix: 16 })
  expect(formatIpv4(parseIpv4('255.1.0.254') ?? 0)).toBe('255.1.0.254')
  expect(formatSubnet(subnet('10.42.7.1/24'))).toBe('10.42.7.0/24')
  for (const text of ['1.2.3.4', '1.2.3/8', '1.2.3.4/33', '1.2.3.4/8/8', 'fd00::/64', '1.2.3.256/8', ''])
    expect(parseSubnet(text), text).toBeUndefined()
})

it.each([
  ['10.42.0.0/16', '10.42.9.0/24', true],
  ['10.42.9.0/24', '10.0.0.0/8', true],
  ['10.42.0.0/16', '10.43.0.0/16', false],
  ['10.42.0.0/24', '10.42.1.0/24', false],
  ['0.0.0.0/0', '255.255.255.255/32', true],
])('overlaps() of %s and %s is %s', (a, b, expected) => {
  expect(overlaps(subnet(a), subnet(b))).toBe(expected)
  expect(overlaps(subnet(b), subnet(a))).toBe(expected)
})

it('containsAddress() counts the first and the last address in', () => {
  const range = subnet('10.42.1.0/24')
  expect(
    ['10.42.0.255', '10.42.1.0', '10.42.1.255', '10.42.2.0'].map(text =>
      containsAddress(range, parseIpv4(text) ?? -1),
    ),
  ).toEqual([false, true, true, false])
})
