import { fork } from 'node:child_process'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { hasCode, type KeyValueStore, silentLogger, systemClock } from '../../../src/base/index.ts'
import { openLmdbStore } from '../../../src/cluster/store/index.ts'
import { FakeClock } from '../../base/fake-clock.ts'
import { fillDisk, mountSmallDisk, smallDiskProblem } from '../../support/small-disk.ts'
import { describeStore } from './conformance.ts'

describeStore('openLmdbStore()', {
  canFault: true,
  open: ({ folder, ...options }) =>
    openLmdbStore({ path: join(folder, 'store'), clock: systemClock, log: silentLogger, ...options }),
})

describe('the LMDB store', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bowline-store-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  test('openLmdbStore() closes its folder and files to other users', async () => {
    const path = join(folder, 'store')
    const store = await openLmdbStore({ path, clock: systemClock, log: silentLogger })
    expect((await stat(path)).mode & 0o777).toBe(0o700)
    for (const file of await readdir(path)) expect((await stat(join(path, file))).mode & 0o777).toBe(0o600)
    await store.close()
  })

  test('range() gives the values of one big transaction without keeping it in memory once for each of them', async () => {
    const store = await openLmdbStore({ path: folder, clock: systemClock, log: silentLogger })
    const operations = Array.from({ length: 500 }, (_, index) => ({
      type: 'put' as const,
      key: `/many/${String(index).padStart(4, '0')}`,
      value: Buffer.from(`value ${index} ${'x'.repeat(1_000)}`),
    }))
    await store.txn([], operations)
    const { items } = await store.range('/many/')
    expect(items.map(({ value }) => Buffer.from(value).toString())).toEqual(
      operations.map(({ value }) => value.toString()),
    )
    const memory = new Map(items.map(({ value }) => [value.buffer, value.buffer.byteLength]))
    expect([...memory.values()].reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(2 * 500 * 1_020)
    await store.close()
  })

  test('openLmdbStore() refuses a store that is open, in this process or another', async () => {
    const child = writer(folder, 1)
    await child.acknowledged(1)
    const options = { path: folder, clock: systemClock, log: silentLogger }
    await expect(openLmdbStore(options)).rejects.toSatisfy(error => hasCode(error, 'conflict'))
    await child.kill()
    const store = await openLmdbStore(options)
    await expect(openLmdbStore(options)).rejects.toSatisfy(error => hasCode(error, 'conflict'))
    await store.close()
  })

  test('nothing that was acknowledged is lost by kill -9, and every transaction is there whole or not at all', async () => {
    let acknowledged = 0
    for (const round of [1, 2, 3]) {
      const child = writer(folder, round)
      const last = await child.acknowledged(200 * round)
      await child.kill()
      const store = await openLmdbStore({ path: folder, clock: systemClock, log: silentLogger })
      acknowledged += last.length
      for (const { key, revision } of last) {
        const [left, right] = [await store.get(`/left/${key}`), await store.get(`/right/${key}`)]
        expect([left?.modRevision, right?.modRevision]).toEqual([revision, revision])
      }
      expect(await store.count('/left/')).toBe(await store.count('/right/'))
      expect(await store.count('/left/')).toBeGreaterThanOrEqual(acknowledged)
      await store.close()
    }
  }, 60_000)

  test.skipIf(smallDiskProblem() !== undefined)(
    'a full disk refuses writes, as often as they are tried, and takes them again when there is room',
    async () => {
      const disk = mountSmallDisk({ bytes: 24 * 1024 * 1024 })
      try {
        const options = { path: join(disk.path, 'store'), clock: systemClock, log: silentLogger }
        let store = await openLmdbStore(options)
        const filler = join(disk.path, 'filler')
        let refused = 0
        for (let round = 1; round <= 10; round += 1) {
          fillDisk(filler)
          // What was taken beforehand is used up, then nothing more is written, however large or small.
          for (let index = 0; index < 40; index += 1) {
            const sizes = [10, 5_000, 200_000, 1]
            const writes = sizes.map((size, one) => put(store, `/full/${index % 10}/${one}`, size))
            for (const { status } of await Promise.allSettled(writes)) if (status === 'rejected') refused += 1
          }
          await expect(put(store, '/large', 2_000_000)).rejects.toThrow('has no room')
          await rm(filler)
          await put(store, `/round/${round}`, 1_000)
        }
        expect(refused).toBeGreaterThan(300)
        await store.close()
        store = await openLmdbStore(options)
        expect(await store.count('/round/')).toBe(10)
        expect((await store.range('')).items.map(({ key }) => key)).not.toContain('/large')
        await store.close()
      } finally {
        disk.remove()
      }
    },
    60_000,
  )

  test('history is forgotten by age, by number of revisions and by size', async () => {
    const clock = new FakeClock()
    const store = await openLmdbStore({
      path: folder,
      clock,
      log: silentLogger,
      retention: { keepMs: 60_000, maxRevisions: 100, maxBytes: 64 * 1024 },
    })
    await put(store, '/a', 10)
    await put(store, '/a', 10)
    expect((await store.range('', { atRevision: 2 })).items).toHaveLength(1)
    await clock.advance(61_000)
    await put(store, '/a', 10)
    await clock.advance(61_000)
    await expectCompacted(store, 2)

    const before = store.revision
    for (let index = 0; index < 150; index += 1) await put(store, '/a', 10)
    await expectCompacted(store, before)
    expect((await store.range('', { atRevision: store.revision - 20 })).items).toHaveLength(1)

    const light = store.revision
    for (let index = 0; index < 20; index += 1) await put(store, '/a', 8 * 1024)
    await expectCompacted(store, light)
    await store.close()
  })

  test('a day of a cluster, run fast, takes no more room than its first hours', async () => {
    const clock = new FakeClock()
    const store = await openLmdbStore({ path: folder, clock, log: silentLogger })
    const sizes: number[] = []
    for (let minute = 0; minute < 24 * 60; minute += 1) {
      await churn(store, minute)
      await clock.advance(60_000)
      if (minute % 120 === 119) sizes.push((await stat(join(folder, 'store.mdb'))).size)
    }
    const [early = 0] = sizes
    expect(store.revision).toBeGreaterThan(40_000)
    expect(Math.max(...sizes), String(sizes)).toBeLessThan(early * 1.25 + 2 * 1024 * 1024)
    await expectCompacted(store, store.revision - 5_000)
    expect(await store.count('/events/')).toBe(60)
    await store.close()
  }, 120_000)
})

/** What four hosts with thirty services write in a minute: leases and reports of nodes and pods, and events that are kept for an hour. */
async function churn(store: KeyValueStore, minute: number): Promise<void> {
  const hosts = [1, 2, 3, 4]
  const leases = [0, 10, 20, 30, 40, 50].flatMap(() => hosts.map(host => put(store, `/leases/${host}`, 400)))
  const reports = minute % 5 === 0 ? hosts.map(host => put(store, `/nodes/${host}`, 8_000)) : []
  const pods = [0, 1, 2].map(one => put(store, `/pods/${(minute * 3 + one) % 90}`, 4_000))
  const events = [put(store, `/events/${minute}`, 1_000)]
  if (minute >= 60) events.push(remove(store, `/events/${minute - 60}`))
  await Promise.all([...leases, ...reports, ...pods, ...events])
}

async function remove(store: KeyValueStore, key: string): Promise<void> {
  await store.txn([], [{ type: 'delete', key }])
}

async function put(store: KeyValueStore, key: string, size: number): Promise<void> {
  await store.txn([], [{ type: 'put', key, value: Buffer.alloc(size) }])
}

async function expectCompacted(store: KeyValueStore, revision: number): Promise<void> {
  await expect(store.range('', { atRevision: revision })).rejects.toSatisfy(error =>
    hasCode(error, 'compacted'),
  )
}

/** A child process that writes pairs of keys and says on stdout which are acknowledged. */
function writer(folder: string, round: number) {
  const script = fileURLToPath(new URL('./store-writer.ts', import.meta.url))
  const child = fork(script, [folder, String(round)], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const lines: { key: string; revision: number }[] = []
  const watchers = new Set<() => void>()
  createInterface({ input: child.stdout! }).on('line', line => {
    const [key = '', revision] = line.split(' ')
    lines.push({ key, revision: Number(revision) })
    for (const watcher of watchers) watcher()
  })
  return {
    async acknowledged(count: number): Promise<{ key: string; revision: number }[]> {
      await new Promise<void>((resolve, reject) => {
        const check = (): void => {
          if (lines.length >= count) resolve()
        }
        watchers.add(check)
        check()
        void exited.then(() => reject(new Error('the writer ended')))
      })
      return lines
    },
    async kill(): Promise<void> {
      child.kill('SIGKILL')
      await exited
    },
  }
}
