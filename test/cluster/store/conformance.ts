import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  hasCode,
  type KeyEvents,
  type KeyValueStore,
  type Operation,
  type RangeResult,
} from '../../../src/base/index.ts'
import { StoreModel } from './store-model.ts'

/** How the suite opens the store under test. `folder` keeps the state over close and open. */
export interface StoreBackend {
  open(options: {
    readonly folder: string
    readonly watchCapacity?: number
    /** Wraps the step that makes writes durable. */
    readonly sync?: (commit: () => Promise<void>) => Promise<void>
  }): Promise<KeyValueStore>
  /** False for a backend whose disk the suite cannot reach; its sync tests are left out. */
  readonly canFault: boolean
}

/** What every store of keys and bytes promises (`KeyValueStore`). */
export function describeStore(name: string, backend: StoreBackend): void {
  describe(name, () => {
    let folder: string
    let store: KeyValueStore
    let ended: AbortController

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'bowline-store-'))
      store = await backend.open({ folder })
      ended = new AbortController()
    })
    afterEach(async () => {
      ended.abort()
      await store.close()
      await rm(folder, { recursive: true, force: true })
    })

    async function reopen(options: Omit<Parameters<StoreBackend['open']>[0], 'folder'> = {}): Promise<void> {
      await store.close()
      store = await backend.open({ folder, ...options })
    }

    function watch(prefix: string, from: number): AsyncIterator<KeyEvents> {
      return store.watch(prefix, from, ended.signal)[Symbol.asyncIterator]()
    }

    test('an empty store is at revision 1', async () => {
      expect(store.revision).toBe(1)
      expect(await store.range('')).toEqual({ items: [], revision: 1, more: false })
    })

    test('txn() gives every transaction the next revision and get() tells who made and who changed a key', async () => {
      expect(await put('/a', '1')).toBe(2)
      expect(await put('/b', '1')).toBe(3)
      expect(await put('/a', '2')).toBe(4)
      const item = await store.get('/a')
      expect(item).toMatchObject({ key: '/a', createRevision: 2, modRevision: 4 })
      expect(text(item?.value)).toBe('2')
      expect(await store.get('/c')).toBeUndefined()
    })

    test('txn() writes all its operations at one revision', async () => {
      await put('/a', '1')
      const result = await store.txn(
        [],
        [
          { type: 'delete', key: '/a' },
          { type: 'put', key: '/b', value: bytes('2') },
          { type: 'put', key: '/c', value: bytes('3') },
        ],
      )
      expect(result).toEqual({ ok: true, revision: 3 })
      expect(shown(await store.range(''))).toEqual([
        ['/b', '2', 3],
        ['/c', '3', 3],
      ])
    })

    test('txn() writes nothing when a compare does not hold and tells what the key holds', async () => {
      await put('/a', '1')
      const result = await store.txn(
        [
          { key: '/a', modRevision: 7 },
          { key: '/b', modRevision: 3 },
          { key: '/c', modRevision: 0 },
        ],
        [{ type: 'put', key: '/a', value: bytes('x') }],
      )
      if (result.ok) throw new Error('the compare was expected to fail')
      expect(result.failed.map(({ key, current }) => [key, current?.modRevision])).toEqual([
        ['/a', 2],
        ['/b', undefined],
      ])
      expect(store.revision).toBe(2)
      expect(text((await store.get('/a'))?.value)).toBe('1')
    })

    test('txn() without effect keeps the revision: no operations, or deleting what is not there', async () => {
      expect(await store.txn([], [])).toEqual({ ok: true, revision: 1 })
      expect(await store.txn([], [{ type: 'delete', key: '/a' }])).toEqual({ ok: true, revision: 1 })
    })

    test('txn() refuses an empty key and a key named twice', async () => {
      await expect(store.txn([], [{ type: 'delete', key: '' }])).rejects.toThrow(TypeError)
      const twice: Operation[] = [
        { type: 'delete', key: '/a' },
        { type: 'put', key: '/a', value: bytes('1') },
      ]
      await expect(store.txn([], twice)).rejects.toThrow(TypeError)
    })

    test('txn() gives concurrent transactions one revision each, and one of many rivals wins', async () => {
      const results = await Promise.all(
        Array.from({ length: 300 }, (_, index) => put(`/k/${index}`, String(index))),
      )
      expect([...results].sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, index) => index + 2))
      const rivals = await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          store.txn(
            [{ key: '/one', modRevision: 0 }],
            [{ type: 'put', key: '/one', value: bytes(String(index)) }],
          ),
        ),
      )
      expect(rivals.filter(({ ok }) => ok)).toHaveLength(1)
      const loser = rivals.find(({ ok }) => !ok)
      expect(loser).toMatchObject({ failed: [{ key: '/one', current: { modRevision: 302 } }] })
    })

    test('range() orders keys by their UTF-8 bytes', async () => {
      const keys = ['/\u{1F600}', '/\uFF61', '/z', '/é', '/a/b', '/a', '/a-b', '/A']
      for (const key of keys) await put(key, '')
      const expected = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      expect((await store.range('/')).items.map(item => item.key)).toEqual(expected)
    })

    test('range() pages with after and limit at a fixed revision', async () => {
      for (let index = 0; index < 25; index += 1) await put(`/p/${String(index).padStart(2, '0')}`, 'old')
      await put('/q', 'other')
      const at = store.revision
      const seen: string[] = []
      let after: string | undefined
      for (;;) {
        const page = await store.range('/p/', {
          limit: 10,
          atRevision: at,
          ...(after === undefined ? {} : { after }),
        })
        expect(page.revision).toBe(at)
        seen.push(...page.items.map(item => text(item.value)))
        after = page.items.at(-1)?.key
        // Writes between pages do not show.
        await put('/p/00a', 'new')
        await store.txn([], [{ type: 'delete', key: '/p/24' }])
        if (!page.more) break
      }
      expect(seen).toEqual(Array.from({ length: 25 }, () => 'old'))
      expect(await store.count('/p/')).toBe(25)
    })

    test('range() refuses a revision that is not there yet', async () => {
      await expect(store.range('', { atRevision: 9 })).rejects.toThrow('the newest is 1')
    })

    test('heads() pages as range() does, and read() gives the value of each', async () => {
      for (const value of ['1', '2']) await put('/p/a', value)
      await store.txn(
        [],
        ['/p/b', '/p/c'].map(key => ({ type: 'put', key, value: bytes(key) })),
      )
      const at = store.revision
      await put('/p/b', 'newer')
      const first = await store.heads('/p/', { limit: 2, atRevision: at })
      expect(first).toEqual({
        items: [
          { key: '/p/a', createRevision: 2, modRevision: 3 },
          { key: '/p/b', createRevision: 4, modRevision: 4 },
        ],
        revision: at,
        more: true,
      })
      const rest = await store.heads('/p/', { limit: 2, atRevision: at, after: '/p/b' })
      expect(rest).toMatchObject({ items: [{ key: '/p/c', modRevision: 4 }], more: false })
      const values = [...first.items, ...rest.items].map(({ key, modRevision }) =>
        store.read(key, modRevision),
      )
      expect(values.map(text)).toEqual(['2', '/p/b', '/p/c'])
      // Each has its own: nobody sees what is read after it.
      expect(text(store.read('/p/a', 2))).toBe('1')
      expect(text(values[0])).toBe('2')
    })

    test('read() answers compacted for what is gone, and for what never was', async () => {
      await put('/a', '1')
      await put('/a', '2')
      await store.txn([], [{ type: 'delete', key: '/a' }])
      await store.compact(store.revision)
      for (const revision of [2, 3, 4, 9])
        expect(() => store.read('/a', revision)).toThrow(expect.objectContaining({ code: 'compacted' }))
      expect(() => store.read('/b', 2)).toThrow(expect.objectContaining({ code: 'compacted' }))
    })

    test('watch() tells every event once, in order, with previous values, from history into the present', async () => {
      await put('/w/a', '1')
      await put('/other', '1')
      await put('/w/a', '2')
      const events = watch('/w/', 2)
      const told: unknown[] = []
      const reader = (async () => {
        for (;;) {
          const { value, done } = await events.next()
          if (done) return
          for (const event of value.events)
            told.push([event.type, event.key, event.revision, text(event.previous?.value)])
          if (value.events.some((event: { key: string }) => event.key === '/w/end')) return
        }
      })()
      await store.txn(
        [],
        [
          { type: 'delete', key: '/w/a' },
          { type: 'put', key: '/w/b', value: bytes('1') },
        ],
      )
      await put('/w/a', '3')
      await put('/w/end', '')
      await reader
      expect(told).toEqual([
        ['put', '/w/a', 2, ''],
        ['put', '/w/a', 4, '1'],
        ['delete', '/w/a', 5, '2'],
        ['put', '/w/b', 5, ''],
        ['put', '/w/a', 6, ''],
        ['put', '/w/end', 7, ''],
      ])
    })

    test('watch() tells no previous values to those who want none, and to others beside them', async () => {
      await put('/w/a', '1')
      await put('/w/a', '2')
      const watches = [false, true].map(previous =>
        store.watch('/w/', 2, ended.signal, { previous })[Symbol.asyncIterator](),
      )
      const told = watches.map(async events => {
        const values: string[] = []
        for (;;) {
          const { value, done } = await events.next()
          if (done) return values
          for (const { current, previous } of (value as KeyEvents).events)
            values.push(`${text(previous?.value)}→${text(current?.value)}`)
          if (values.at(-1)?.endsWith('→end')) return values
        }
      })
      await put('/w/a', '3')
      await store.txn([], [{ type: 'delete', key: '/w/a' }])
      await put('/w/a', 'end')
      expect(await Promise.all(told)).toEqual([
        ['→1', '→2', '→3', '→', '→end'],
        ['→1', '1→2', '2→3', '3→', '→end'],
      ])
    })

    test('watch() misses nothing and repeats nothing while writers write', async () => {
      const total = 600
      const writers = Promise.all(
        Array.from({ length: 6 }, async (_, writer) => {
          for (let index = 0; index < total / 6; index += 1) await put(`/s/${writer}`, String(index))
        }),
      )
      await put('/start', '')
      const revisions: number[] = []
      for await (const batch of store.watch('/s/', 2, ended.signal)) {
        for (const event of batch.events) revisions.push(event.revision)
        if (revisions.length >= total) break
      }
      await writers
      expect(revisions).toHaveLength(total)
      expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b))
    })

    test('watch() tells progress after the backlog and when only other keys change', async () => {
      await put('/a', '1')
      const events = watch('/w/', 2)
      expect((await events.next()).value).toEqual({ revision: 2, events: [] })
      await put('/a', '2')
      expect((await events.next()).value).toEqual({ revision: 3, events: [] })
    })

    test('watch() from a future revision begins there', async () => {
      const events = watch('/w/', 4)
      const next = events.next()
      await put('/w/a', '2')
      await put('/w/a', '3')
      await put('/w/a', '4')
      expect((await next).value).toMatchObject({ revision: 4, events: [{ key: '/w/a', revision: 4 }] })
    })

    test('watch() ends when its signal aborts', async () => {
      const events = watch('/w/', 2)
      await events.next()
      const next = events.next()
      ended.abort()
      expect((await next).done).toBe(true)
    })

    test('watch() gives a reader that falls too far behind `compacted` and never holds writers back', async () => {
      await reopen({ watchCapacity: 10 })
      const events = watch('/w/', store.revision + 1)
      await events.next()
      // The reader takes nothing more, and 40 writes go through all the same.
      for (let index = 0; index < 40; index += 1) await put('/w/a', String(index))
      await expectCompacted(
        (async () => {
          for (;;) if ((await events.next()).done) return
        })(),
      )
    })

    test('compact() forgets history and keeps the newest state whole', async () => {
      await put('/a', '1')
      await put('/b', '1')
      await put('/a', '2')
      await store.txn([], [{ type: 'delete', key: '/b' }])
      await put('/c', '1')
      await store.compact(5)
      expect(store.revision).toBe(6)
      expect(shown(await store.range(''))).toEqual([
        ['/a', '2', 4],
        ['/c', '1', 6],
      ])
      expect(shown(await store.range('', { atRevision: 5 }))).toEqual([['/a', '2', 4]])
      await expectCompacted(store.range('', { atRevision: 4 }))
      await expectCompacted(watch('', 5).next())
      const first = await watch('', 6).next()
      expect(first.value).toMatchObject({ revision: 6, events: [{ key: '/c' }] })
    })

    test('compact() refuses the future', async () => {
      await expect(store.compact(2)).rejects.toThrow('the newest is 1')
    })

    test('a store opened again holds the same state, history and revision', async () => {
      await put('/a', '1')
      await put('/a', '2')
      await put('/b', '1')
      await store.txn([], [{ type: 'delete', key: '/b' }])
      await reopen()
      expect(store.revision).toBe(5)
      expect(shown(await store.range(''))).toEqual([['/a', '2', 3]])
      expect(shown(await store.range('', { atRevision: 4 }))).toEqual([
        ['/a', '2', 3],
        ['/b', '1', 4],
      ])
      expect((await watch('/b', 5).next()).value).toMatchObject({ revision: 5, events: [{ type: 'delete' }] })
      expect(await put('/c', '1')).toBe(6)
    })

    test('a store that was emptied and compacted keeps its revision when opened again', async () => {
      await put('/a', '1')
      await store.txn([], [{ type: 'delete', key: '/a' }])
      await store.compact(3)
      await reopen()
      expect(store.revision).toBe(3)
      expect((await store.range('')).items).toEqual([])
      expect(await put('/a', '2')).toBe(4)
      expect((await store.get('/a'))?.createRevision).toBe(4)
    })

    test.skipIf(!backend.canFault)(
      'a failing sync fails the writes, tells no watcher and shows nothing',
      async () => {
        let failing = false
        await reopen({
          sync: async commit => {
            await commit()
            if (failing) throw new Error('EIO: i/o error, fdatasync')
          },
        })
        await put('/a', '1')
        const events = watch('', store.revision + 1)
        await events.next()
        failing = true
        const lost = await Promise.allSettled([put('/a', 'lost'), put('/b', 'lost'), put('/c', 'lost')])
        expect(lost.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
        expect(lost.every(outcome => hasCode((outcome as PromiseRejectedResult).reason, 'unavailable'))).toBe(
          true,
        )
        expect(store.revision).toBe(2)
        expect(shown(await store.range(''))).toEqual([['/a', '1', 2]])
        failing = false
        expect(await put('/d', '1')).toBe(3)
        // The first thing that the watcher hears of is the write that was acknowledged.
        expect((await events.next()).value).toMatchObject({ revision: 3, events: [{ key: '/d' }] })
        await reopen()
        expect(shown(await store.range(''))).toEqual([
          ['/a', '1', 2],
          ['/d', '1', 3],
        ])
      },
    )

    test.skipIf(!backend.canFault)(
      'nothing is acknowledged, told or shown before the sync is done',
      async () => {
        let release = (): void => {}
        let held: Promise<void> | undefined
        await reopen({
          sync: async commit => {
            await commit()
            await held
          },
        })
        await put('/a', '1')
        const events = watch('', store.revision + 1)
        await events.next()
        held = new Promise(resolve => {
          release = resolve
        })
        const order: string[] = []
        const write = put('/a', '2').then(() => order.push('acknowledged'))
        const told = events.next().then(({ value }) => order.push(`told ${value.revision}`))
        // A refusal that rests on the write must wait for it, too.
        const refused = store
          .txn([{ key: '/a', modRevision: 2 }], [{ type: 'put', key: '/a', value: bytes('3') }])
          .then(({ ok }) => order.push(`refused ${!ok}`))
        for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate)
        expect(order).toEqual([])
        expect(store.revision).toBe(2)
        expect(text((await store.get('/a'))?.value)).toBe('1')
        release()
        await Promise.all([write, told, refused])
        expect([...order].sort()).toEqual(['acknowledged', 'refused true', 'told 3'])
        expect(text((await store.get('/a'))?.value)).toBe('2')
      },
    )

    test('any sequence of transactions, compactions and restarts behaves as the model', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step(), { maxLength: 40 }), async steps => {
          const place = await mkdtemp(join(tmpdir(), 'bowline-store-'))
          let tried = await backend.open({ folder: place })
          const model = new StoreModel()
          try {
            for (const action of steps) {
              if (action.type === 'txn')
                expect(outcome(await tried.txn(action.compares, action.operations))).toEqual(
                  model.txn(action.compares, action.operations),
                )
              else if (action.type === 'compact') {
                const revision = Math.max(model.compacted, Math.round(action.part * model.revision))
                await tried.compact(revision)
                model.compacted = revision
              } else {
                await tried.close()
                tried = await backend.open({ folder: place })
              }
              expect(tried.revision).toBe(model.revision)
            }
            for (let at = Math.max(1, model.compacted); at <= model.revision; at += 1) {
              expect(shown(await tried.range('/', { atRevision: at }))).toEqual(model.stateAt(at))
              const heads = await tried.heads('/', { atRevision: at })
              const items = heads.items.map(head => ({
                ...head,
                value: tried.read(head.key, head.modRevision),
              }))
              expect(shown({ ...heads, items })).toEqual(model.stateAt(at))
            }
            if (model.revision > model.compacted)
              expect(await eventsUpTo(tried, model.compacted + 1, model.revision)).toEqual(
                model.eventsFrom(Math.max(2, model.compacted + 1)),
              )
          } finally {
            await tried.close()
            await rm(place, { recursive: true, force: true })
          }
        }),
        { numRuns: 40 },
      )
    }, 60_000)

    async function put(key: string, value: string): Promise<number> {
      const result = await store.txn([], [{ type: 'put', key, value: bytes(value) }])
      return result.revision
    }
  })
}

const KEYS = ['/a', '/b', '/b/c', '/d', '/é']

type Step =
  | {
      readonly type: 'txn'
      readonly compares: { key: string; modRevision: number }[]
      readonly operations: Operation[]
    }
  | { readonly type: 'compact'; readonly part: number }
  | { readonly type: 'reopen' }

function step(): fc.Arbitrary<Step> {
  const key = fc.constantFrom(...KEYS)
  const operation = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        type: fc.constant('put' as const),
        key,
        value: fc.uint8Array({ maxLength: 8 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('delete' as const), key }) },
  )
  return fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({
        type: fc.constant('txn' as const),
        compares: fc.array(fc.record({ key, modRevision: fc.integer({ min: 0, max: 12 }) }), {
          maxLength: 1,
        }),
        operations: fc.uniqueArray(operation, { maxLength: 3, selector: item => item.key }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant('compact' as const),
        part: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ type: 'reopen' as const }) },
  )
}

async function eventsUpTo(store: KeyValueStore, from: number, to: number): Promise<unknown[]> {
  const seen: unknown[] = []
  const ended = new AbortController()
  for await (const batch of store.watch('/', Math.max(2, from), ended.signal)) {
    for (const event of batch.events)
      seen.push([
        event.revision,
        event.type,
        event.key,
        text(event.current?.value),
        text(event.previous?.value),
      ])
    if (batch.revision >= to) ended.abort()
  }
  return seen
}

function outcome(result: Awaited<ReturnType<KeyValueStore['txn']>>): unknown {
  return result.ok
    ? result
    : { ok: false, revision: result.revision, failed: result.failed.map(({ key }) => key) }
}

function shown(result: RangeResult): unknown[] {
  return result.items.map(item => [item.key, text(item.value), item.modRevision])
}

async function expectCompacted(action: Promise<unknown>): Promise<void> {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(hasCode(error, 'compacted')).toBe(true)
}

function bytes(value: string): Uint8Array {
  return Buffer.from(value)
}

function text(value: Uint8Array | undefined): string {
  return value === undefined ? '' : Buffer.from(value).toString('latin1')
}
