import { createHash } from 'node:crypto'
import { chmodSync, cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { FileObjectDatabase } from '../../../src/sync/git/file-database.ts'
import { findGitDirectory } from '../../../src/sync/git/git-directory.ts'
import { objectId } from '../../../src/sync/git/loose-object.ts'
import { TestRepository, temporaryFolder } from '../repository-builder.ts'
import { describeObjectDatabase } from './git-reader-conformance.ts'
import { deltaEntry, deltaOf, insertions, packOf, wholeEntry } from './pack-builder.ts'

describeObjectDatabase('files', async directory => new FileObjectDatabase(directory))

describe('FileObjectDatabase', () => {
  const folder = temporaryFolder()
  const databases: FileObjectDatabase[] = []

  afterAll(async () => {
    for (const database of databases) await database.close()
    folder.remove()
  })

  async function openAt(path: string): Promise<FileObjectDatabase> {
    const database = new FileObjectDatabase(await findGitDirectory(path))
    databases.push(database)
    return database
  }

  let grown: TestRepository | undefined

  /** Forty versions of one file, and one too large to be kept in memory: Git packs most of them as deltas. */
  function growingRepository(name: string): TestRepository {
    grown ??= grow()
    const path = join(folder.path, name)
    cpSync(grown.path, path, { recursive: true })
    return new TestRepository(path)
  }

  function grow(): TestRepository {
    const repository = new TestRepository(join(folder.path, 'grown'))
    const lines = Array.from({ length: 400 }, (_, line) => `line ${line}: ${(line * 7919) % 1000}`)
    for (let version = 0; version < 40; version += 1) {
      lines[(version * 37) % lines.length] = `changed in ${version}`
      repository.commit(`version ${version}`, {
        'a.txt': lines.join('\n'),
        'large.txt': lines.join('\n').repeat(40 + version),
      })
    }
    return repository
  }

  /** Every object of the repository, as git itself reads it. */
  function allObjects(repository: TestRepository): readonly { oid: string; type: string }[] {
    return repository
      .git('cat-file', '--batch-all-objects', '--batch-check=%(objectname) %(objecttype)')
      .trim()
      .split('\n')
      .map(line => {
        const [oid = '', type = ''] = line.split(' ')
        return { oid, type }
      })
  }

  it.each([
    ['offsets', 'true'],
    ['ids', 'false'],
  ])('reads every object of a pack whose deltas name their bases by %s', async (name, byOffset) => {
    const repository = growingRepository(`deltas-by-${name}`)
    repository.git(
      '-c',
      `repack.useDeltaBaseOffset=${byOffset}`,
      'repack',
      '-q',
      '-a',
      '-d',
      '-f',
      '--depth=50',
    )
    const deltas = repository
      .git('cat-file', '--batch-all-objects', '--batch-check=%(deltabase)')
      .split('\n')
      .filter(base => /[1-9a-f]/.test(base))
    expect(deltas.length).toBeGreaterThan(20)
    const database = await openAt(repository.path)
    const objects = allObjects(repository)
    // Ids are random: bases are asked for after and before what is made of them.
    for (const { oid, type } of objects) {
      const object = await database.read(oid)
      expect(object.type).toBe(type)
      const header = `${type} ${object.bytes.length}\0`
      expect(createHash('sha1').update(header).update(object.bytes).digest('hex')).toBe(oid)
    }
    expect(objects.length).toBeGreaterThan(100)
  })

  it('finds an object by the beginning of its id in a pack and beside it, and tells when several begin so', async () => {
    const repository = growingRepository('prefixes')
    repository.git('repack', '-q', '-a', '-d')
    const loose = repository.gitWithInput('loose', 'hash-object', '-w', '--stdin').trim()
    const database = await openAt(repository.path)
    expect(await database.expand(loose.slice(0, 10))).toBe(loose)
    expect(await database.expand(repository.head().slice(0, 10))).toBe(repository.head())
    expect(await database.expand('0000000000')).toBeUndefined()
    // Of some hundred blobs two share their first four digits.
    const seen = new Map<string, string>()
    let shared: string | undefined
    for (let number = 0; shared === undefined; number += 1) {
      const oid = await database.write('blob', Buffer.from(`blob ${number}`))
      if (seen.has(oid.slice(0, 4))) shared = oid.slice(0, 4)
      seen.set(oid.slice(0, 4), oid)
    }
    await expect(database.expand(shared)).rejects.toThrow('several objects start so')
  })

  it('says so when a pack or a loose object is damaged, and reads the rest', async () => {
    const repository = growingRepository('damaged')
    repository.git('repack', '-q', '-a', '-d', '-f')
    const packs = join(repository.path, '.git/objects/pack')
    const pack = join(packs, readdirSync(packs).find(name => name.endsWith('.pack')) ?? '')
    const bytes = readFileSync(pack)
    bytes.fill(0xff, bytes.length - 2_000, bytes.length - 1_500)
    chmodSync(pack, 0o600)
    writeFileSync(pack, bytes)
    const loose = repository.gitWithInput('to be damaged', 'hash-object', '-w', '--stdin').trim()
    const file = join(repository.path, '.git/objects', loose.slice(0, 2), loose.slice(2))
    chmodSync(file, 0o600)
    writeFileSync(file, 'no zlib data')
    const database = await openAt(repository.path)
    await expect(database.read(loose)).rejects.toMatchObject({ code: 'corrupt' })
    const codes = new Map<string, number>()
    for (const { oid } of allObjects(repository)) {
      const code = await database.read(oid).then(
        () => 'read',
        (error: { code: string }) => error.code,
      )
      codes.set(code, (codes.get(code) ?? 0) + 1)
    }
    // What a damaged head says of an object's size may be more than what is read.
    expect(['corrupt', 'read', 'unsupported']).toEqual(expect.arrayContaining([...codes.keys()]))
    expect(codes.get('corrupt')).toBeGreaterThan(0)
    expect(codes.get('read')).toBeGreaterThan(20)
  })

  it('refuses an object whose deltas together are larger than any, and reads what they are deltas of', async () => {
    const repository = new TestRepository(join(folder.path, 'heavy-chain'))
    const size = 8 * 1024 * 1024
    const base = Buffer.alloc(size, 'a')
    const entries = [wholeEntry('blob', base)]
    let last = base
    for (let number = 0; number < 20; number += 1) {
      last = Buffer.alloc(size, `b${number}`)
      entries.push(deltaEntry((entries.at(-1) as Buffer).length, deltaOf(size, size, insertions(last))))
    }
    repository.gitWithInput(packOf(entries), 'index-pack', '--stdin')
    const database = await openAt(repository.path)
    expect((await database.read(objectId('blob', base))).bytes.equals(base)).toBe(true)
    await expect(database.read(objectId('blob', last))).rejects.toMatchObject({ code: 'unsupported' })
  })

  it('refuses an object that is larger than what is read', async () => {
    const repository = new TestRepository(join(folder.path, 'huge'))
    repository.commit('huge', { 'zeros.bin': Buffer.alloc(33 * 1024 * 1024) })
    const oid = repository.head('HEAD:zeros.bin')
    await expect((await openAt(repository.path)).read(oid)).rejects.toMatchObject({ code: 'unsupported' })
    repository.git('repack', '-q', '-a', '-d')
    await expect((await openAt(repository.path)).read(oid)).rejects.toMatchObject({ code: 'unsupported' })
  })
})
