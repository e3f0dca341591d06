import { describe, expect, it } from 'vitest'
import { InFlight } from '../../../../src/cluster/api/http/in-flight.ts'

describe('InFlight', () => {
  it('enter() refuses what is beyond the limit and takes it again when a place is given back, once', () => {
    const inFlight = new InFlight({ reads: 1, writes: 2, streams: 1 })
    const leave = inFlight.enter('writes')
    inFlight.enter('writes')
    expect(() => inFlight.enter('writes')).toThrow('Too many requests')
    inFlight.enter('reads')
    leave()
    leave()
    inFlight.enter('writes')
    expect(() => inFlight.enter('writes')).toThrow('Too many requests')
  })

  it('enter() gives one user a share and leaves the rest to the others', () => {
    const inFlight = new InFlight({ reads: 8, writes: 8, streams: 8 })
    const held = [inFlight.enter('writes', 'system:node:a'), inFlight.enter('writes', 'system:node:a')]
    expect(() => inFlight.enter('writes', 'system:node:a')).toThrow('Too many requests')
    inFlight.enter('reads', 'system:node:a')
    inFlight.enter('writes', 'system:node:b')
    for (let count = 0; count < 5; count += 1) inFlight.enter('writes')
    expect(inFlight.count('writes')).toBe(8)
    for (const leave of held) leave()
    inFlight.enter('writes', 'system:node:a')
  })
})
