import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../../../src/base/index.ts'
import { DEFAULT_RATES, RequestRateLimits } from '../../../../src/cluster/api/http/request-rates.ts'
import type { Identity } from '../../../../src/cluster/api/index.ts'
import { FakeClock } from '../../../base/fake-clock.ts'
import { startTestApi, type TestApi, type TestIdentity } from '../support/api-server.ts'
import { ask, open } from '../support/https.ts'
import { allowEverything } from '../support/roles.ts'

const USER: Identity = { username: 'eve', groups: ['system:authenticated'] }
const NODE: Identity = { username: 'system:node:a', groups: ['system:nodes', 'system:authenticated'] }
const RATES = { users: { burst: 4, perSecond: 0.5 }, nodes: { burst: 8, perSecond: 2 } }

/** Sends until one is refused, at most 10,000 times: how many went through, and how long the refused one is to wait. */
function flood(limits: RequestRateLimits, requester: Identity): { sent: number; wait: number | undefined } {
  for (let sent = 0; sent < 10_000; sent++)
    try {
      limits.take(requester)
    } catch (error) {
      expect(error).toMatchObject({ code: 429, reason: 'TooManyRequests' })
      const { details } = error as { details: { retryAfterSeconds?: number } }
      return { sent, wait: details.retryAfterSeconds }
    }
  return { sent: 10_000, wait: undefined }
}

describe('RequestRateLimits', () => {
  it('take() allows a burst and then as many as time brings, and tells the wait for the next', async () => {
    const clock = new FakeClock()
    const limits = new RequestRateLimits(RATES, clock)
    expect(flood(limits, USER)).toEqual({ sent: 4, wait: 2 })
    await clock.advance(1_000)
    expect(flood(limits, USER)).toEqual({ sent: 0, wait: 1 })
    await clock.advance(1_000)
    expect(flood(limits, USER)).toEqual({ sent: 1, wait: 2 })
    await clock.advance(3_600_000)
    expect(flood(limits, USER)).toEqual({ sent: 4, wait: 2 })
  })

  it('take() gives agents their own rate and everyone a bucket of their own', () => {
    const limits = new RequestRateLimits(RATES, new FakeClock())
    expect(flood(limits, USER).sent).toBe(4)
    expect(flood(limits, { ...USER, username: 'bob' }).sent).toBe(4)
    expect(flood(limits, NODE)).toEqual({ sent: 8, wait: 1 })
    // The name alone makes no node.
    expect(flood(limits, { ...USER, username: 'system:node:b' }).sent).toBe(4)
  })

  it('take() never refuses administrators and parts of the server', () => {
    const limits = new RequestRateLimits(RATES, new FakeClock())
    for (const group of ['system:masters', 'bowline:system'])
      expect(flood(limits, { username: 'admin', groups: [group] }).wait).toBeUndefined()
  })

  it('take() lets through what kubectl sends at most by its own limits', async () => {
    const clock = new FakeClock()
    const limits = new RequestRateLimits(DEFAULT_RATES, clock)
    const kubectls = 10
    for (let sent = 0; sent < kubectls * 300; sent++) limits.take(USER)
    for (let second = 0; second < 5; second++) {
      await clock.advance(1_000)
      for (let sent = 0; sent < kubectls * 50; sent++) limits.take(USER)
    }
    expect(flood(limits, USER)).toEqual({ sent: 0, wait: 1 })
  })

  it('take() remembers those who asked last, however many others ask', () => {
    const limits = new RequestRateLimits(RATES, new FakeClock(), 10)
    expect(flood(limits, USER).sent).toBe(4)
    for (let other = 0; other < 9; other++) limits.take({ ...USER, username: `user-${other}` })
    expect(flood(limits, USER).sent).toBe(0)
    // Beyond twice as many, the one who has been silent longest is forgotten.
    for (let other = 0; other < 20; other++) limits.take({ ...USER, username: `another-${other}` })
    expect(flood(limits, USER).sent).toBe(4)
  })

  it('take() makes nobody wait longer than for an empty bucket when the clock is set back', () => {
    let now = 1_000_000_000
    const limits = new RequestRateLimits(RATES, { ...systemClock, now: () => now })
    expect(flood(limits, USER)).toEqual({ sent: 4, wait: 2 })
    now -= 500_000_000
    expect(flood(limits, USER)).toEqual({ sent: 0, wait: 2 })
  })
})

describe('the rate of a user', () => {
  const MAPS = '/api/v1/namespaces/default/configmaps'
  let now = Date.now()
  let api: TestApi
  let eve: TestIdentity
  let bob: TestIdentity
  beforeAll(async () => {
    api = await startTestApi({ rates: RATES, clock: { ...systemClock, now: () => now } })
    eve = await api.identity('eve', [])
    bob = await api.identity('bob', [])
  })
  afterAll(() => api.close())

  it('is answered with 429 and the time to wait, and holds back nobody else', async () => {
    // What a user may not do counts too.
    for (let sent = 0; sent < 4; sent++) expect((await ask(api, MAPS, { as: eve })).code).toBe(403)
    const refused = await ask(api, MAPS, { as: eve })
    expect(refused.code).toBe(429)
    expect(refused.headers['retry-after']).toBe('2')
    expect(refused.json).toMatchObject({
      kind: 'Status',
      reason: 'TooManyRequests',
      message: 'Too many requests, please try again later: "eve" may send 0.5 a second',
      details: { retryAfterSeconds: 2 },
    })
    expect((await ask(api, MAPS, { as: bob })).code).toBe(403)
    for (let sent = 0; sent < 20; sent++) expect((await ask(api, MAPS)).code).toBe(200)
    now += 2_000
    expect((await ask(api, MAPS, { as: eve })).code).toBe(403)
    expect((await ask(api, MAPS, { as: eve })).code).toBe(429)
  })

  it('is paid by the one who impersonates', async () => {
    now += 60_000
    const headers = { 'impersonate-user': 'bob' }
    for (let sent = 0; sent < 4; sent++) await ask(api, MAPS, { as: eve, headers })
    expect((await ask(api, MAPS, { as: eve, headers })).code).toBe(429)
    expect((await ask(api, MAPS, { as: bob })).code).toBe(403)
  })

  it('counts a watch once, however much it brings', async () => {
    const [carol, dave] = [await api.identity('carol', ['devs']), await api.identity('dave', ['devs'])]
    await allowEverything(api, 'devs', 'default')
    await vi.waitFor(async () => {
      now += 60_000
      expect((await ask(api, MAPS, { as: dave })).code).toBe(200)
    })
    const watch = await open(api, `${MAPS}?watch=1`, { as: carol })
    expect(watch.statusCode).toBe(200)
    let lines = 0
    const brought = new Promise<void>(resolve =>
      watch.on('data', (piece: Buffer) => {
        lines += piece.toString().split('\n').length - 1
        if (lines >= 10) resolve()
      }),
    )
    for (let sent = 0; sent < 10; sent++)
      await ask(api, MAPS, {
        method: 'POST',
        body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `map-${sent}` } },
      })
    await brought
    for (let sent = 0; sent < 3; sent++) expect((await ask(api, MAPS, { as: carol })).code).toBe(200)
    expect((await ask(api, MAPS, { as: carol })).code).toBe(429)
    watch.destroy()
  })
})
