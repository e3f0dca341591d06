import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BowlineError, silentLogger, systemIds } from '../../../src/base/index.ts'
import { Informers } from '../../../src/client/index.ts'
import { ControlLoop, whenChanged } from '../../../src/cluster/controllers/control-loop.ts'
import { type ConfigMap, Kinds, objectKey, StatusError } from '../../../src/kube/index.ts'
import { eventually } from '../../base/eventually.ts'
import { FakeClock } from '../../base/fake-clock.ts'
import { startTestApi, type TestApi } from '../api/test-api.ts'

function map(name: string, data: Readonly<Record<string, string>> = {}): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data }
}

describe('a control loop', () => {
  let api: TestApi
  beforeEach(async () => {
    api = await startTestApi()
  })
  afterEach(() => api.close())

  function context() {
    const parts = { client: api.client, clock: new FakeClock(), ids: systemIds, log: silentLogger }
    return { ...parts, informers: new Informers(parts) }
  }

  /** Works one key, whose first look ends in `error`, until it is looked at `times` times; answers how often it was. */
  async function looks(error: unknown, times: number): Promise<number> {
    const { clock, ...rest } = context()
    const stop = new AbortController()
    let count = 0
    const loop = new ControlLoop(
      { clock, ...rest },
      {
        name: 'test-controller',
        async reconcile() {
          count += 1
          if (count === 1) throw error
        },
      },
    )
    const running = loop.start(stop.signal)
    loop.add('default/web')
    await eventually('the key was looked at', async () => {
      await clock.advance(60_000)
      return count >= times
    })
    stop.abort()
    await running
    return count
  }

  it('looks again at a key whose look failed, also when a call was broken off though nobody stopped it', async () => {
    expect(await looks(new StatusError('Conflict', 'changed meanwhile'), 2)).toBe(2)
    expect(await looks(new DOMException('This operation was aborted', 'AbortError'), 2)).toBe(2)
  })

  it('gives way to everything else between keys, however many there are', async () => {
    const { clock, ...rest } = context()
    const stop = new AbortController()
    const order: string[] = []
    const loop = new ControlLoop(
      { clock, ...rest },
      {
        name: 'test-controller',
        async reconcile(key) {
          if (order.length === 0) setImmediate(() => order.push('another'))
          order.push(key)
          const end = performance.now() + 3
          while (performance.now() < end);
        },
      },
    )
    for (let key = 0; key < 50; key += 1) loop.add(`default/${key}`)
    const running = loop.start(stop.signal)
    await eventually('all were looked at', () => order.length === 51)
    stop.abort()
    await running
    expect(order.indexOf('another')).toBeLessThan(20)
  })

  it('leaves a key alone when only a change can help', async () => {
    expect(await looks(new BowlineError('bad-config', 'Cannot use it: it is wrong'), 1)).toBe(1)
  })

  it('looks at what it follows once all of it is known, and writes its events before it ends', async () => {
    const { informers, ...rest } = context()
    const stop = new AbortController()
    const seen: unknown[] = []
    const loop = new ControlLoop(
      { informers, ...rest },
      {
        name: 'test-controller',
        async begin() {
          seen.push(['begun', maps.hasSynced, accounts.hasSynced])
        },
        async reconcile(key) {
          const found = maps.get(key)
          seen.push([key, found?.data?.a, accounts.hasSynced])
          if (found !== undefined) loop.events.record(found, 'Normal', 'Looked', 'Looked at it')
        },
      },
    )
    const maps = loop.follow(Kinds.ConfigMap, loop.enqueue, { letter: ({ data = {} }) => Object.keys(data) })
    const accounts = loop.follow(Kinds.ServiceAccount)
    await api.client.create(Kinds.ConfigMap, map('web', { a: '1' }))
    const running = [loop.start(stop.signal), informers.start(stop.signal)]

    await eventually('the map was looked at', () => seen.length === 2)
    expect(maps.byIndex('letter', 'a').map(objectKey)).toEqual(['default/web'])
    await api.client.delete(Kinds.ConfigMap, 'web', { namespace: 'default' })
    await eventually('its end was looked at', () => seen.length === 3)
    stop.abort()
    await Promise.all(running)
    expect(seen).toEqual([
      ['begun', true, true],
      ['default/web', '1', true],
      ['default/web', undefined, true],
    ])
    const { items } = await api.client.list(Kinds.Event, { namespace: 'default' })
    expect(items.map(({ reason, source }) => [reason, source?.component])).toEqual([
      ['Looked', 'test-controller'],
    ])
  })
})

describe('whenChanged()', () => {
  it('tells of what comes and goes, and of both states of what changed in what matters', () => {
    const seen: unknown[] = []
    const handler = whenChanged<ConfigMap>(
      ({ data }) => data?.a,
      ({ data }) => seen.push(data),
    )
    handler.added?.(map('web', { a: '1' }))
    handler.updated?.(map('web', { a: '1', b: '2' }), map('web', { a: '1' }))
    expect(seen).toEqual([{ a: '1' }])
    handler.updated?.(map('web', { a: '2' }), map('web', { a: '1', b: '2' }))
    handler.deleted?.(map('web', { a: '3' }))
    expect(seen).toEqual([{ a: '1' }, { a: '1', b: '2' }, { a: '2' }, { a: '3' }])
  })
})
