import { describe, expect, it } from 'vitest'
import { AddressRange } from '../../../../src/agents/network/pods/address-range.ts'
import { parseSubnet, type Subnet } from '../../../../src/base/index.ts'

describe('AddressRange', () => {
  const subnet = parseSubnet('10.42.1.0/28') as Subnet

  it('reserve() gives each address but the host’s and the ends once, and then says that none is left', () => {
    const range = new AddressRange(subnet, 5)
    range.setPresent(new Set([subnet.base + 7]))
    const given = Array.from({ length: 12 }, () => range.reserve() - subnet.base)
    expect(given.toSorted((a, b) => a - b)).toEqual([2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14])
    expect(() => range.reserve()).toThrow('all 13 of 10.42.1.0/28 are in use')
    range.release(subnet.base + 9)
    expect(range.reserve()).toBe(subnet.base + 9)
  })

  it('reserve() does not give an address again before it went round', () => {
    const range = new AddressRange(subnet, 0)
    const first = range.reserve()
    range.release(first)
    expect(range.reserve()).not.toBe(first)
  })

  it('an address whose interface went away is free again, one that was just reserved is not', () => {
    const range = new AddressRange(subnet, 0)
    const [one, two] = [range.reserve(), range.reserve()]
    range.setPresent(new Set([one]))
    range.setPresent(new Set())
    const given = Array.from({ length: 12 }, () => range.reserve())
    expect(given).toContain(one)
    expect(given).not.toContain(two)
  })
})
