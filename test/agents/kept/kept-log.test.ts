import { appendFile, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KeptLog } from '../../../src/agents/kept/kept-log.ts'
import { plainSeal, type Seal, secretSeal } from '../../../src/agents/kept/seal.ts'
import { silentLogger } from '../../../src/base/index.ts'
import { FakeClock } from '../../base/fake-clock.ts'
import { mountSmallDisk, smallDiskProblem } from '../../support/small-disk.ts'

let folder: string
let path: string
const opened: KeptLog[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bowline-kept-'))
  path = join(folder, 'kept', 'things.log')
})
afterEach(async () => {
  for (const log of opened.splice(0)) await log.close()
  await rm(folder, { recursive: true, force: true })
})

function log(options: { seal?: Seal; maxBytes?: number; path?: string } = {}): KeptLog {
  const log = new KeptLog({ path, seal: plainSeal, clock: new FakeClock(), log: silentLogger, ...options })
  opened.push(log)
  return log
}

async function open(options: Parameters<typeof log>[0] = {}): Promise<KeptLog> {
  const kept = log(options)
  await kept.load()
  return kept
}

const contents = async (options: Parameters<typeof log>[0] = {}) =>
  Object.fromEntries(await log(options).load())

describe('KeptLog', () => {
  it('KeptLog.load() gives back what was set and not removed, in the order of writing', async () => {
    const kept = await open()
    kept.set('a', '1', { is: 'a' })
    kept.set('b', '1', { is: 'b' })
    await kept.flushed()
    kept.set('a', '2', { is: 'newer' })
    kept.set('c', '1', { is: 'c' })
    kept.remove('b')
    await kept.flushed()
    expect([...(await log().load())]).toEqual([
      ['a', { is: 'newer' }],
      ['c', { is: 'c' }],
    ])
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('KeptLog.set() of a version that is kept writes nothing, and one change costs one record', async () => {
    const kept = await open()
    for (let index = 0; index < 500; index++) kept.set(`key-${index}`, '1', { text: 'x'.repeat(100) })
    await kept.flushed()
    const { size } = await stat(path)
    const next = await open()
    for (let index = 0; index < 500; index++) next.set(`key-${index}`, '1', { text: 'x'.repeat(100) })
    await next.flushed()
    expect((await stat(path)).size).toBe(size)
    next.set('key-7', '2', { text: 'y'.repeat(100) })
    await next.flushed()
    expect((await stat(path)).size).toBeLessThan(size + 300)
  })

  it('KeptLog writes the file anew when most of it is outdated, and loses nothing by that', async () => {
    const kept = await open()
    kept.set('still', '1', { is: 'here' })
    for (let round = 0; round < 200; round++) {
      kept.set('busy', String(round), { round, text: 'x'.repeat(10_000) })
      await kept.flushed()
    }
    expect((await stat(path)).size).toBeLessThan(400_000)
    expect(await contents()).toEqual({
      still: { is: 'here' },
      busy: { round: 199, text: 'x'.repeat(10_000) },
    })
    kept.set('after', '1', { it: 'goes on' })
    await kept.flushed()
    expect(await contents()).toHaveProperty('after')
  })

  it('KeptLog.load() passes over what a power cut left of the last write, whatever its length', async () => {
    const kept = await open()
    kept.set('whole', '1', { is: 'whole' })
    await kept.flushed()
    const whole = (await stat(path)).size
    kept.set('torn', '1', { is: 'torn' })
    await kept.flushed()
    const bytes = await readFile(path)
    for (let length = whole; length < bytes.length; length++) {
      await truncate(path, length)
      expect(await contents()).toEqual({ whole: { is: 'whole' } })
      await writeFile(path, bytes)
    }
    await truncate(path, bytes.length - 3)
    const next = await open()
    next.set('next', '1', { is: 'next' })
    await next.flushed()
    expect(await contents()).toEqual({ whole: { is: 'whole' }, next: { is: 'next' } })
  })

  it('KeptLog.load() leaves out records that were damaged or changed on disk', async () => {
    const kept = await open()
    kept.set('a', '1', { is: 'good' })
    kept.set('b', '1', { is: 'fine' })
    await kept.flushed()
    await writeFile(path, (await readFile(path, 'utf8')).replace('good', 'evil'))
    expect(await contents()).toEqual({ b: { is: 'fine' } })
    await appendFile(path, 'nonsense\n\n')
    expect(await contents()).toEqual({ b: { is: 'fine' } })
  })

  it('KeptLog.keepOnly() forgets the rest', async () => {
    const kept = await open()
    for (const key of ['a', 'b']) kept.set(key, '1', {})
    await kept.flushed()
    kept.set('c', '1', {})
    kept.keepOnly(key => key === 'b')
    await kept.flushed()
    expect(await contents()).toEqual({ b: {} })
  })

  it('KeptLog keeps no more than it may, and never an outdated value instead', async () => {
    const kept = await open({ maxBytes: 1_000 })
    kept.set('first', '1', { text: 'x'.repeat(300) })
    kept.set('grows', '1', { text: 'x'.repeat(300) })
    kept.set('late', '1', { text: 'x'.repeat(500) })
    await kept.flushed()
    expect(Object.keys(await contents())).toEqual(['first', 'grows'])
    kept.set('grows', '2', { text: 'x'.repeat(900) })
    await kept.flushed()
    expect(Object.keys(await contents())).toEqual(['first'])
  })

  it('KeptLog with a secret seal shows nothing on disk, and opens only with its key and for its purpose', async () => {
    const key = Buffer.alloc(32, 1)
    const kept = await open({ seal: secretSeal(key, 'things') })
    kept.set('default/password', '1', { data: { password: 'hunter2hunter2' } })
    await kept.flushed()
    const bytes = (await readFile(path)).toString('latin1')
    for (const secret of ['hunter2', 'password', Buffer.from('hunter2hunter2').toString('base64')])
      expect(bytes).not.toContain(secret)
    expect(await contents({ seal: secretSeal(key, 'things') })).toHaveProperty('default/password')
    expect(await contents({ seal: secretSeal(Buffer.alloc(32, 2), 'things') })).toEqual({})
    expect(await contents({ seal: secretSeal(key, 'other') })).toEqual({})
  })
})

const problem = smallDiskProblem()
describe.skipIf(problem !== undefined)(`KeptLog on a full disk (${problem ?? 'a small tmpfs'})`, () => {
  it('KeptLog keeps what it has while nothing can be written, and writes the rest when there is room', async () => {
    const disk = mountSmallDisk({ bytes: 256 * 1024 })
    try {
      const options = { path: join(disk.path, 'kept.log') }
      const kept = await open(options)
      kept.set('before', '1', { text: 'x'.repeat(1_000) })
      kept.set('changes', '1', { is: 'old' })
      await kept.flushed()
      await writeFile(join(disk.path, 'filler'), Buffer.alloc(2 ** 20)).catch(() => undefined)
      kept.set('changes', '2', { is: 'new', text: 'y'.repeat(50_000) })
      kept.set('during', '1', { text: 'z'.repeat(50_000) })
      await kept.flushed()
      expect(await contents(options)).toMatchObject({
        before: { text: 'x'.repeat(1_000) },
        changes: { is: 'old' },
      })
      await rm(join(disk.path, 'filler'))
      await kept.flushed()
      expect(await contents(options)).toMatchObject({ changes: { is: 'new' }, before: {}, during: {} })
    } finally {
      for (const log of opened.splice(0)) await log.close()
      disk.remove()
    }
  })
})
