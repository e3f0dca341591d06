import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HostAddress } from '../../../src/agents/node/host-address.ts'
import { silentLogger } from '../../../src/base/index.ts'
import { FakeClock } from '../../base/fake-clock.ts'

describe('HostAddress', () => {
  let clock: FakeClock
  let found: readonly string[]
  let address: HostAddress
  let changes: string[]
  const stop = { now: new AbortController() }

  beforeEach(() => {
    clock = new FakeClock()
    found = ['192.0.2.1', '192.0.2.9']
    changes = []
    stop.now = new AbortController()
    address = new HostAddress({ read: () => found, clock, log: silentLogger })
    void address.follow(() => changes.push(address.current), stop.now.signal)
  })
  afterEach(() => stop.now.abort())

  /** The address after the host has these, and some time. */
  async function addressWith(addresses: readonly string[]): Promise<string> {
    found = addresses
    await clock.advance(10_000)
    return address.current
  }

  it('is the first that the host has, and tells when it becomes another', async () => {
    expect(address.current).toBe('192.0.2.1')
    expect(await addressWith(['192.0.2.2', '192.0.2.9'])).toBe('192.0.2.2')
    expect(changes).toEqual(['192.0.2.2'])
  })

  it('stays as long as the host has it, and while the host has none', async () => {
    expect(await addressWith(['198.51.100.7', '192.0.2.1'])).toBe('192.0.2.1')
    expect(await addressWith([])).toBe('192.0.2.1')
    expect(await addressWith(['192.0.2.1'])).toBe('192.0.2.1')
    expect(changes).toEqual([])
  })
})
