import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findGitDirectory, type GitDirectory } from '../../../src/sync/git/git-directory.ts'
import { createGitReader, type GitReader } from '../../../src/sync/git/git-reader.ts'
import type { ObjectDatabase } from '../../../src/sync/git/object-database.ts'
import { TestRepository, temporaryFolder } from '../repository-builder.ts'

/** What every implementation of ObjectDatabase, and the reader over it, must do with a real repository. */
export function describeObjectDatabase(
  name: string,
  open: (directory: GitDirectory) => Promise<ObjectDatabase>,
): void {
  describe(`ObjectDatabase of ${name}`, () => {
    const folder = temporaryFolder()
    const databases: ObjectDatabase[] = []
    let repository: TestRepository
    let database: ObjectDatabase
    let reader: GitReader

    async function openAt(path: string): Promise<ObjectDatabase> {
      const opened = await open(await findGitDirectory(path))
      databases.push(opened)
      return opened
    }

    beforeAll(async () => {
      repository = new TestRepository(join(folder.path, 'repo'))
      repository.commit('first\n\nwith a body\n', {
        'a.yaml': 'a: 1\n',
        'dir/ü.yaml': 'b: 2\n',
        'dir.x': 'x',
      })
      repository.commit('second', { 'a.yaml': 'a: 2\n', bin: Buffer.from([0, 10, 255, 13]) })
      repository.git('tag', '-a', '-m', 'a tag', 'v1')
      repository.git('checkout', '-q', '-b', 'side', 'HEAD~1')
      repository.commit('on the side', { 'side.yaml': 's: 1\n' })
      repository.git('checkout', '-q', 'main')
      repository.commit('third')
      repository.git('merge', '-q', '--no-ff', '-m', 'merge side', 'side')
      repository.commit('fourth: ends\nhere')
      database = await openAt(repository.path)
      reader = createGitReader(database)
    })

    afterAll(async () => {
      for (const opened of databases) await opened.close()
      folder.remove()
    })

    it('resolve() names commits as git rev-parse does', async () => {
      const head = repository.head()
      for (const revision of [
        'HEAD',
        'main',
        'side',
        'v1',
        'refs/heads/side',
        'HEAD~1',
        'HEAD~',
        'HEAD^',
        'main~1^2',
        'HEAD~1^1~1',
        'HEAD^0',
        head,
        head.slice(0, 8),
      ])
        expect(await reader.resolve(revision), revision).toBe(repository.head(`${revision}^{commit}`))
    })

    it('resolve() refuses what names no commit, with a reason', async () => {
      for (const revision of ['nothing', 'HEAD~99', 'HEAD^3', 'deadbeef', 'abc', '0'.repeat(40)])
        await expect(reader.resolve(revision), revision).rejects.toMatchObject({ code: 'not-found' })
      const tree = repository.git('rev-parse', 'HEAD^{tree}').trim()
      await expect(reader.resolve(tree)).rejects.toThrow('it names a tree')
      for (const revision of [
        '',
        '--upload-pack=x',
        'a b',
        'HEAD:a.yaml',
        'main..side',
        'HEAD@{1}',
        'a\nb',
        '^main',
      ])
        await expect(reader.resolve(revision), revision).rejects.toMatchObject({
          code: expect.stringMatching(/bad-input|not-found/),
        })
    })

    it('readCommit() gives author, committer, parents and message', async () => {
      const merge = await reader.readCommit(await reader.resolve('HEAD~1'))
      expect(merge.parents).toEqual([repository.head('HEAD~2'), repository.head('side')])
      const first = await reader.readCommit(await reader.resolve('v1~1'))
      expect(first).toMatchObject({
        tree: repository.git('rev-parse', 'v1~1^{tree}').trim(),
        parents: [],
        author: {
          name: 'Ada',
          email: 'ada@example.org',
          time: '2023-11-14T23:43:21+01:30',
          timeMs: 1_700_000_001_000,
        },
        committer: { name: 'Grace', time: '2023-11-14T17:13:21-05:00' },
        message: 'first\n\nwith a body',
        subject: 'first',
      })
      expect((await reader.readCommit(repository.head())).subject).toBe('fourth: ends here')
    })

    it('readTree() gives entries with mode, type and id, and readBlob() their bytes', async () => {
      const { tree } = await reader.readCommit(repository.head())
      const entries = await reader.readTree(tree)
      const listed = repository
        .git('ls-tree', '-z', 'HEAD')
        .split('\0')
        .filter(line => line !== '')
      expect(entries.map(({ mode, type, oid, name: file }) => `${mode} ${type} ${oid}\t${file}`)).toEqual(
        listed,
      )
      const bin = entries.find(entry => entry.name === 'bin')
      expect(await reader.readBlob(bin?.oid ?? '')).toEqual(Buffer.from([0, 10, 255, 13]))
      const dir = entries.find(entry => entry.name === 'dir')
      expect((await reader.readTree(dir?.oid ?? '')).map(entry => entry.name)).toEqual(['ü.yaml'])
    })

    it('names symbolic links and submodules for what they are', async () => {
      const odd = new TestRepository(join(folder.path, 'odd'))
      const target = odd.gitWithInput('../../etc/passwd', 'hash-object', '-w', '--stdin').trim()
      const commit = odd.commit('x', { a: '1' })
      const tree = odd.gitWithInput(
        `120000 blob ${target}\tlink.yaml\n160000 commit ${commit}\tsub\n100755 blob ${target}\tprogram\n`,
        'mktree',
      )
      const entries = await createGitReader(await openAt(odd.path)).readTree(tree.trim())
      expect(entries.map(entry => [entry.name, entry.type])).toEqual([
        ['link.yaml', 'symlink'],
        ['program', 'blob'],
        ['sub', 'commit'],
      ])
    })

    it('readBlobs() keeps the order and gives an error in the place of what cannot be read', async () => {
      const blobs = repository
        .git('ls-tree', '-r', 'HEAD')
        .trim()
        .split('\n')
        .map(line => line.split(/\s/)[2] as string)
      const { tree } = await reader.readCommit(repository.head())
      const asked = [blobs[0] as string, 'f'.repeat(40), blobs[1] as string, tree, blobs[0] as string]
      const answers: (Buffer | Error)[] = []
      for await (const answer of reader.readBlobs(asked)) answers.push(answer)
      expect(answers.map(answer => answer instanceof Error)).toEqual([false, true, false, true, false])
      expect(answers[1]).toMatchObject({ code: 'not-found' })
      expect(answers[4]).toEqual(answers[0])
    })

    it('readBlobs() survives a consumer that stops early', async () => {
      const { tree } = await reader.readCommit(repository.head())
      const oids = (await reader.readTree(tree))
        .filter(entry => entry.type === 'blob')
        .map(entry => entry.oid)
      for await (const _ of reader.readBlobs(Array(500).fill(oids[0]))) break
      expect(await reader.readBlob(oids[1] as string)).toBeInstanceOf(Buffer)
    })

    it('log() lists what one commit has and another has not, as git rev-list does', async () => {
      for (const [from, to] of [
        ['v1', 'main'],
        ['side', 'main'],
        ['main', 'side'],
        ['main', 'main'],
        ['main~1', 'main'],
        ['v1~1', 'side'],
      ] as const) {
        const listed = repository.git('rev-list', `${from}..${to}`).trim().split('\n').filter(Boolean)
        const log = await reader.log(await reader.resolve(from), await reader.resolve(to), 100)
        expect(log.map(({ id }) => id).sort(), `${from}..${to}`).toEqual(listed.sort())
      }
      const all = await reader.log(undefined, repository.head(), 3)
      expect(all.map(({ id }) => id)).toEqual(repository.git('rev-list', '-3', 'HEAD').trim().split('\n'))
    })

    it('isAncestor() agrees with git merge-base', async () => {
      const of = (revision: string): string => repository.head(`${revision}^{commit}`)
      expect(await reader.isAncestor(of('v1'), of('main'))).toBe(true)
      expect(await reader.isAncestor(of('main'), of('v1'))).toBe(false)
      expect(await reader.isAncestor(of('side'), of('v1'))).toBe(false)
      expect(await reader.isAncestor(of('main'), of('main'))).toBe(true)
      expect(await reader.isAncestor('f'.repeat(40), of('main'))).toBe(false)
    })

    it('reads after gc, repack and a new commit without being opened again', async () => {
      const moving = new TestRepository(join(folder.path, 'moving'))
      for (let index = 0; index < 20; index += 1) moving.commit(`c${index}`, { 'a.yaml': `a: ${index}\n` })
      const opened = await openAt(moving.path)
      const moved = createGitReader(opened)
      const oldest = moving.head('HEAD~19')
      expect((await moved.readCommit(oldest)).subject).toBe('c0')
      moving.git('gc', '-q', '--prune=now')
      expect(await moved.resolve('main')).toBe(moving.head())
      expect((await moved.readCommit(oldest)).subject).toBe('c0')
      const next = moving.commit('after gc', { 'b.yaml': 'b: 1\n' })
      moving.git('repack', '-q', '-a', '-d', '-f')
      expect(await moved.resolve('HEAD')).toBe(next)
      expect((await moved.readCommit(next)).subject).toBe('after gc')
    })

    it('opens bare repositories, linked work trees and .git files alike', async () => {
      repository.git('clone', '-q', '--bare', repository.path, join(folder.path, 'bare.git'))
      repository.git('worktree', 'add', '-q', join(folder.path, 'linked'), 'side')
      mkdirSync(join(folder.path, 'pointer'), { recursive: true })
      writeFileSync(join(folder.path, 'pointer/.git'), 'gitdir: ../repo/.git\n')
      const bare = createGitReader(await openAt(join(folder.path, 'bare.git')))
      expect(await bare.resolve('main')).toBe(repository.head())
      const linked = createGitReader(await openAt(join(folder.path, 'linked')))
      expect(await linked.resolve('HEAD')).toBe(repository.head('side'))
      expect(await linked.resolve('main')).toBe(repository.head())
      const pointer = createGitReader(await openAt(join(folder.path, 'pointer')))
      expect(await pointer.resolve('HEAD')).toBe(repository.head())
    })

    it('write() stores objects that git itself reads', async () => {
      const bytes = Buffer.from('written\n')
      const oid = await database.write('blob', bytes)
      expect(oid).toBe(repository.gitWithInput(bytes, 'hash-object', '--stdin').trim())
      expect(repository.git('cat-file', 'blob', oid)).toBe('written\n')
      expect(await database.write('blob', bytes)).toBe(oid)
      expect((await database.read(oid)).bytes).toEqual(bytes)
      expect(repository.git('fsck', '--strict', '--no-dangling')).toBe('')
    })

    it('moveRef() moves a ref only from where it is said to be', async () => {
      const [head, before] = [repository.head(), repository.head('HEAD~1')]
      expect(await database.moveRef('refs/heads/moved/by/us', before, undefined)).toBe(true)
      expect(await database.moveRef('refs/heads/moved/by/us', head, undefined)).toBe(false)
      expect(await database.moveRef('refs/heads/moved/by/us', before, head)).toBe(false)
      expect(repository.head('refs/heads/moved/by/us')).toBe(before)
      repository.git('pack-refs', '--all')
      expect(await database.moveRef('refs/heads/moved/by/us', head, before)).toBe(true)
      expect(repository.head('refs/heads/moved/by/us')).toBe(head)
    })

    it('moveRef() under contention lets exactly one writer win each time', async () => {
      const [head, before] = [repository.head(), repository.head('HEAD~1')]
      await database.moveRef('refs/heads/contended', before, undefined)
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, () => database.moveRef('refs/heads/contended', head, before)),
      )
      expect(results.filter(result => result.status === 'fulfilled' && result.value)).toHaveLength(1)
      for (const result of results)
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ retryable: true })
    })

    it('never reads through replace refs', async () => {
      const [head, other] = [repository.head(), repository.head('v1~1')]
      repository.git('replace', head, other)
      try {
        expect((await reader.readCommit(head)).subject).toBe('fourth: ends here')
      } finally {
        repository.git('replace', '-d', head)
      }
    })
  })
}
