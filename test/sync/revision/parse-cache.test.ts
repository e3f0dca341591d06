import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { silentLogger } from '../../../src/base/index.ts'
import { parseBlob } from '../../../src/sync/revision/parse-blob.ts'
import { ParseCache } from '../../../src/sync/revision/parse-cache.ts'
import { temporaryFolder } from '../repository-builder.ts'

const oid = (index: number): string => index.toString(16).padStart(40, '0')
const json = (index: number): Buffer => Buffer.from(JSON.stringify(parseBlob(Buffer.from(`a: ${index}\n`))))

async function readAll(cache: ParseCache, count: number): Promise<Map<string, unknown>> {
  const found = new Map<string, unknown>()
  for await (const records of cache.read(Array.from({ length: count }, (_, index) => oid(index))))
    for (const [id, record] of records) found.set(id, JSON.parse(record.toString()).manifests[0]?.value)
  return found
}

describe('ParseCache', () => {
  const folder = temporaryFolder()
  let number = 0
  afterAll(folder.remove)

  async function filled(count: number): Promise<{ path: string; file: string }> {
    number += 1
    const path = join(folder.path, `cache-${number}`)
    const cache = await ParseCache.open(path, { log: silentLogger, version: '1' })
    for (let index = 0; index < count; index += 1) cache.add(oid(index), json(index))
    await cache.close()
    const reopened = await ParseCache.open(path, { log: silentLogger, version: '1' })
    for (let index = 0; index < count; index += 1) reopened.add(oid(index), json(index))
    await reopened.flush()
    await reopened.close()
    return { path, file: join(path, readdirSync(path)[0] as string) }
  }

  it('finds again what was added, also after a restart', async () => {
    const { path, file } = await filled(50)
    expect(statSync(file).mode & 0o077).toBe(0)
    const cache = await ParseCache.open(path, { log: silentLogger, version: '1' })
    const found = await readAll(cache, 60)
    expect(found.size).toBe(50)
    expect(found.get(oid(7))).toEqual({ a: 7 })
    cache.add(oid(55), json(55))
    await cache.flush()
    expect((await readAll(cache, 60)).get(oid(55))).toEqual({ a: 55 })
    await cache.close()
  })

  it('keeps what takes more than one write', async () => {
    const count = 5_000
    const { path, file } = await filled(count)
    expect(statSync(file).size).toBeGreaterThan(2 * 256 * 1024)
    const cache = await ParseCache.open(path, { log: silentLogger, version: '1' })
    const found = await readAll(cache, count)
    expect([...found.values()]).toEqual(Array.from({ length: count }, (_, a) => ({ a })))
    await cache.close()
  })

  it('cuts off a record that a crash left half written, and goes on behind the last whole one', async () => {
    const { path, file } = await filled(10)
    appendFileSync(file, `${oid(99)} 5000 0123456789abcdef\n{"manif`)
    const cache = await ParseCache.open(path, { log: silentLogger, version: '1' })
    expect((await readAll(cache, 100)).size).toBe(10)
    cache.add(oid(50), json(50))
    await cache.flush()
    await cache.close()
    const again = await ParseCache.open(path, { log: silentLogger, version: '1' })
    expect((await readAll(again, 100)).size).toBe(11)
    await again.close()
  })

  it('discards a record whose bytes changed, and no other', async () => {
    const { path, file } = await filled(10)
    const text = readFileSync(file, 'latin1')
    writeFileSync(file, text.replace('{"a":4}', '{"a":5}'), 'latin1')
    const cache = await ParseCache.open(path, { log: silentLogger, version: '1' })
    const found = await readAll(cache, 10)
    expect(found.has(oid(4))).toBe(false)
    expect(found.size).toBe(9)
    cache.add(oid(4), json(4))
    await cache.flush()
    expect((await readAll(cache, 10)).get(oid(4))).toEqual({ a: 4 })
    await cache.close()
  })

  it('starts over with a file of another version or of another kind', async () => {
    for (const content of ['bowline parse cache 0\nrubbish', 'something else entirely', '\0\0\0']) {
      const { path, file } = await filled(3)
      writeFileSync(file, content)
      const cache = await ParseCache.open(path, { log: silentLogger, version: '1' })
      expect((await readAll(cache, 3)).size).toBe(0)
      cache.add(oid(1), json(1))
      await cache.flush()
      expect((await readAll(cache, 3)).size).toBe(1)
      await cache.close()
    }
  })

  it('is empty where it cannot be kept', async () => {
    writeFileSync(join(folder.path, 'a-file'), '')
    for (const path of [undefined, join(folder.path, 'a-file', 'below')]) {
      const cache = await ParseCache.open(path, { log: silentLogger, version: '1' })
      cache.add(oid(1), json(1))
      await cache.flush()
      expect((await readAll(cache, 2)).size).toBe(0)
      await cache.close()
    }
  })
})
