import { describe, expect, it } from 'vitest'
import { InFlight, type RequestSort } from '../../../../src/cluster/api/http/in-flight.ts'
import type { Identity } from '../../../../src/cluster/api/index.ts'

const ADMIN: Identity = { username: 'bowline-admin', groups: ['system:masters'] }

function user(name: string): Identity {
  return { username: name, groups: ['system:authenticated'] }
}

function node(name: string): Identity {
  return { username: `system:node:${name}`, groups: ['system:nodes', 'system:authenticated'] }
}

/** Takes places until one is refused, at most 1,000. */
function fill(inFlight: InFlight, sort: RequestSort, requester: Identity): (() => void)[] {
  const places: (() => void)[] = []
  try {
    while (places.length < 1_000) places.push(inFlight.enter(sort, requester))
  } catch (error) {
    expect(error).toMatchObject({ code: 429, reason: 'TooManyRequests', details: { retryAfterSeconds: 1 } })
  }
  return places
}

describe('InFlight', () => {
  it('enter() takes another request when a place is given back, once', () => {
    const inFlight = new InFlight({ reads: 8, writes: 8, streams: 8 })
    const places = fill(inFlight, 'writes', user('eve'))
    expect(places).toHaveLength(2)
    expect(fill(inFlight, 'reads', user('eve'))).toHaveLength(2)
    places[0]?.()
    places[0]?.()
    expect(fill(inFlight, 'writes', user('eve'))).toHaveLength(1)
  })

  it('enter() gives one user a share and leaves the rest to the others', () => {
    const inFlight = new InFlight({ reads: 400, writes: 200, streams: 10 })
    expect(fill(inFlight, 'writes', user('eve'))).toHaveLength(50)
    expect(fill(inFlight, 'writes', user('bob'))).toHaveLength(50)
  })

  it('enter() keeps places for nodes, whatever users do, and for each node beside the others', () => {
    const inFlight = new InFlight({ reads: 400, writes: 200, streams: 10 })
    const taken = ['a', 'b', 'c', 'd', 'e'].map(name => fill(inFlight, 'reads', user(name)).length)
    expect(taken).toEqual([100, 100, 50, 0, 0])
    const byNodes = ['a', 'b', 'c', 'd', 'e'].map(name => fill(inFlight, 'reads', node(name)).length)
    expect(byNodes).toEqual([75, 75, 0, 0, 0])
  })

  it('enter() takes several places for what costs more, all of them at most, and gives as many back', () => {
    const inFlight = new InFlight({ reads: 8, writes: 8, streams: 40 })
    const leave = inFlight.enter('streams', user('eve'), 7)
    expect(() => inFlight.enter('streams', user('eve'), 4)).toThrow('Too many requests')
    const others = fill(inFlight, 'streams', user('eve'))
    expect(others).toHaveLength(3)
    leave()
    expect(fill(inFlight, 'streams', user('eve'))).toHaveLength(7)
    const bob = inFlight.enter('streams', user('bob'), 1_000)
    expect(fill(inFlight, 'streams', user('bob'))).toHaveLength(0)
    bob()
    expect(fill(inFlight, 'streams', user('bob'))).toHaveLength(10)
  })

  it('enter() takes a user for a node only if its group says so', () => {
    const inFlight = new InFlight({ reads: 8, writes: 8, streams: 8 })
    for (const name of ['a', 'b', 'c']) fill(inFlight, 'reads', user(name))
    expect(fill(inFlight, 'reads', user('system:node:x'))).toHaveLength(0)
  })

  it('enter() never refuses an administrator, and administrators take no places of others', () => {
    const inFlight = new InFlight({ reads: 8, writes: 8, streams: 8 })
    for (const name of ['a', 'b', 'c']) fill(inFlight, 'streams', user(name))
    for (const name of ['a', 'b', 'c']) fill(inFlight, 'streams', node(name))
    expect(fill(inFlight, 'streams', ADMIN)).toHaveLength(1_000)
    const other = new InFlight({ reads: 8, writes: 8, streams: 8 })
    fill(other, 'streams', ADMIN)
    expect(fill(other, 'streams', user('a'))).toHaveLength(2)
  })
})
