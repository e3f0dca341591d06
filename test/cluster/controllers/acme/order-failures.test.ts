import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OrderFailures } from '../../../../src/cluster/controllers/acme/order-failures.ts'
import { Kinds } from '../../../../src/kube/index.ts'
import { startTestApi, type TestApi } from '../../api/test-api.ts'

const MINUTE = 60 * 1000
const HOSTS = ['a.test']
const wanted = new Set(['default/a', 'default/b'])

describe('OrderFailures', () => {
  let api: TestApi
  beforeEach(async () => {
    api = await startTestApi()
  })
  afterEach(() => api.close())

  /** What a server that starts now knows. */
  async function known(): Promise<OrderFailures> {
    const failures = new OrderFailures(api.client)
    await failures.load()
    return failures
  }

  it('wait longer after each refusal, across restarts, and not at all for other hosts', async () => {
    expect(await (await known()).note('default/a', { hosts: HOSTS, now: 0, wanted })).toBe(15 * MINUTE)
    expect(await (await known()).note('default/a', { hosts: HOSTS, now: 0, wanted })).toBe(30 * MINUTE)
    const later = await known()
    expect(later.waitOf('default/a', HOSTS, 10 * MINUTE)).toBe(20 * MINUTE)
    expect(later.waitOf('default/a', ['b.test'], 10 * MINUTE)).toBe(0)
    expect(later.waitOf('default/b', HOSTS, 10 * MINUTE)).toBe(0)
  })

  it('are over with a certificate, and with the wish for one', async () => {
    const failures = await known()
    await failures.note('default/a', { hosts: HOSTS, now: 0, wanted })
    await failures.note('default/b', { hosts: HOSTS, now: 0, wanted: new Set(['default/b']) })
    expect((await known()).waitOf('default/a', HOSTS, 0)).toBe(0)
    await failures.forget('default/b')
    expect((await known()).waitOf('default/b', HOSTS, 0)).toBe(0)
  })

  it('wait no longer than the back-off when the clock was ahead', async () => {
    await (await known()).note('default/a', { hosts: HOSTS, now: 1e15, wanted })
    expect((await known()).waitOf('default/a', HOSTS, 0)).toBe(15 * MINUTE)
  })

  it.each(['no JSON', '[]', '{"default/a": {"hosts": 1}}', '{"default/a": null}'])(
    'read as none what is damaged: %s',
    async text => {
      await api.client.create(Kinds.ConfigMap, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'bowline-acme-failures', namespace: 'kube-system' },
        data: { 'failures.json': text },
      })
      expect((await known()).waitOf('default/a', HOSTS, 0)).toBe(0)
    },
  )
})
