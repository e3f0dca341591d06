import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { FileObjectDatabase } from '../../../src/sync/git/file-database.ts'
import { objectId } from '../../../src/sync/git/loose-object.ts'
import { receivePack } from '../../../src/sync/git/receive-pack.ts'
import { TestRepository, temporaryFolder } from '../repository-builder.ts'
import {
  deltaEntry,
  deltaOf,
  idDeltaEntry,
  insertions,
  packHead,
  packOf,
  wholeEntry,
} from './pack-builder.ts'

describe('receivePack()', () => {
  const folder = temporaryFolder()
  afterAll(folder.remove)
  let number = 0

  /** A repository without objects. */
  function emptyRepository(): string {
    number += 1
    const gitDir = join(folder.path, `empty-${number}`)
    mkdirSync(join(gitDir, 'objects'), { recursive: true })
    return gitDir
  }

  async function receive(gitDir: string, pack: Buffer, signal = new AbortController().signal): Promise<void> {
    async function* pieces(): AsyncGenerator<Buffer> {
      for (let at = 0; at < pack.length; at += 7_001) yield pack.subarray(at, at + 7_001)
    }
    await receivePack(join(gitDir, 'objects'), pieces(), signal)
  }

  function filesOf(gitDir: string): string[] {
    return readdirSync(join(gitDir, 'objects/pack'))
  }

  it.each([
    ['offsets', '--delta-base-offset'],
    ['ids', '--no-delta-base-offset'],
  ])('makes the index that git makes, where deltas name their bases by %s', async (name, option) => {
    const repository = new TestRepository(join(folder.path, `real-${name}`))
    const lines = Array.from({ length: 400 }, (_, line) => `line ${line}: ${(line * 7919) % 1000}`)
    for (let version = 0; version < 30; version += 1) {
      lines[(version * 37) % lines.length] = `changed in ${version}`
      const large = lines.join('\n').repeat(200 + version)
      repository.commit(`version ${version}`, { 'a.txt': lines.join('\n'), 'large.txt': large, empty: '' })
    }
    const ids = repository.git('rev-list', '--objects', '--all')
    const made = repository.gitWithInput(ids, 'pack-objects', '-q', option, 'made').trim()
    const file = join(repository.path, `made-${made}`)
    const gitDir = emptyRepository()
    await receive(gitDir, readFileSync(`${file}.pack`))
    const index = filesOf(gitDir).find(entry => entry.endsWith('.idx')) as string
    expect(filesOf(gitDir)).toHaveLength(2)
    expect(readFileSync(join(gitDir, 'objects/pack', index)).equals(readFileSync(`${file}.idx`))).toBe(true)
  })

  const blob = Buffer.from('a blob')
  const first = wholeEntry('blob', blob)
  const delta = deltaOf(blob.length, 1, Buffer.from([1, 65]))

  it.each([
    ['is a delta of itself', packOf([first, deltaEntry(0, delta)]), 'corrupt'],
    ['is a delta of what is before the pack', packOf([first, deltaEntry(1e9, delta)]), 'corrupt'],
    ['is longer than it says', packOf([Buffer.concat([packHead('blob', 1), deflateSync(blob)])]), 'corrupt'],
    [
      'says that it has terabytes',
      packOf([Buffer.concat([packHead('blob', 2 ** 42), deflateSync(blob)])]),
      'corrupt',
    ],
    [
      'makes of its base more than it says',
      packOf([first, deltaEntry(first.length, deltaOf(blob.length, 1, insertions(blob)))]),
      'corrupt',
    ],
    ['is not there', packOf([first], 2), 'corrupt'],
    ['is too much', packOf([first, first], 1), 'corrupt'],
    ['is one of billions', packOf([first], 0xffff_ffff), 'unsupported'],
    ['is damaged', Buffer.concat([packOf([first]), Buffer.from('x')]), 'corrupt'],
    ['is no pack', Buffer.from('<html>'.repeat(10)), 'corrupt'],
    ['never came', Buffer.alloc(0), 'corrupt'],
  ])('keeps nothing of a pack with an object that %s', async (_, pack, code) => {
    const gitDir = emptyRepository()
    await expect(receive(gitDir, pack)).rejects.toMatchObject({ code })
    expect(filesOf(gitDir)).toEqual([])
  })

  it('reads what is whole beside a delta that makes gigabytes, and deltas of one another', async () => {
    const gitDir = emptyRepository()
    const copies = Buffer.concat(Array.from({ length: 300 }, () => Buffer.from([0xf0, 0xff, 0xff, 0xff])))
    const base = Buffer.alloc(0xff_ffff, 'a')
    const one = wholeEntry('blob', base)
    const bomb = deltaEntry(one.length, deltaOf(base.length, base.length * 300, copies))
    const circle = ['1', '2'].map(digit => idDeltaEntry(digit.repeat(40), delta))
    await receive(gitDir, packOf([one, bomb, ...circle, first]))
    const database = new FileObjectDatabase({ gitDir, commonDir: gitDir, bare: true })
    try {
      expect((await database.read(objectId('blob', base))).bytes.length).toBe(base.length)
      expect((await database.read(objectId('blob', blob))).bytes.equals(blob)).toBe(true)
    } finally {
      await database.close()
    }
  })

  it('leaves others their turns, and ends at once with the signal', async () => {
    const gitDir = emptyRepository()
    const controller = new AbortController()
    const size = 4 * 1024 * 1024
    const entries = [wholeEntry('blob', Buffer.alloc(size, 'a'))]
    for (let link = 0; link < 2_000; link += 1) {
      const copy = Buffer.from([1, link % 256, 0xf0, 0xff, 0xff, 0x3f])
      entries.push(deltaEntry((entries.at(-1) as Buffer).length, deltaOf(size, size, copy)))
    }
    setTimeout(() => controller.abort(new Error('enough')), 300)
    await expect(receive(gitDir, packOf(entries), controller.signal)).rejects.toThrow('enough')
    expect(filesOf(gitDir)).toEqual([])
  })
})
