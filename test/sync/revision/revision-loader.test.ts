import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { silentLogger, systemClock } from '../../../src/base/index.ts'
import { findGit, type GitBinary } from '../../../src/sync/git/git-binary.ts'
import type { GitReader } from '../../../src/sync/git/git-reader.ts'
import { LocalRepository } from '../../../src/sync/repository/local-repository.ts'
import { ParseCache } from '../../../src/sync/revision/parse-cache.ts'
import { ParsePool } from '../../../src/sync/revision/parse-pool.ts'
import type { Revision } from '../../../src/sync/revision/revision.ts'
import { RevisionLoader } from '../../../src/sync/revision/revision-loader.ts'
import { TestRepository, temporaryFolder } from '../repository-builder.ts'

const native = (await findGit(process.env)) as GitBinary

function configMap(name: string, value = 'v', more = ''): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n${more}data:\n  k: ${value}\n`
}

/** A ConfigMap of a namespace that is no app's. */
function shared(name: string, value?: string): string {
  return configMap(name, value, '  namespace: shared\n')
}

/** The keys of the objects that were not taken over from an earlier revision. */
function newObjects(revision: Revision, earlier: Revision): string[] {
  const known = new Set(earlier.apps.flatMap(({ objects }) => objects.map(({ object }) => object)))
  const all = revision.apps.flatMap(({ objects }) => objects)
  return all.filter(({ object }) => !known.has(object)).map(({ key }) => key)
}

/** Counts what is read, so that a test can say what was not. */
/** All that a revision says of its apps, whatever it was made from. */
function plain({ apps }: Revision): unknown {
  return apps.map(({ declared, kinds, objects, ...app }) => ({
    ...app,
    objects: objects.map(({ key, blob, source, object }) => ({ key, blob, source, object })),
    declared: [...declared].map(([key, { source }]) => [key, source]).sort(),
    kinds: [...kinds].map(({ kind }) => kind).sort(),
  }))
}

function counting(reader: GitReader): { reader: GitReader; read: { blobs: number; trees: number } } {
  const read = { blobs: 0, trees: 0 }
  return {
    read,
    reader: {
      ...reader,
      readTree: oid => {
        read.trees += 1
        return reader.readTree(oid)
      },
      readBlob: oid => {
        read.blobs += 1
        return reader.readBlob(oid)
      },
      readBlobs: oids => {
        read.blobs += oids.length
        return reader.readBlobs(oids)
      },
    },
  }
}

describe.each([
  ['native git', native],
  ['isomorphic-git', undefined],
] as const)('RevisionLoader over %s', (_, git) => {
  const folder = temporaryFolder()
  const opened: LocalRepository[] = []
  const { signal } = new AbortController()
  let number = 0
  let repository: TestRepository

  beforeAll(() => {
    repository = newRepository()
  })
  afterAll(async () => {
    for (const local of opened) await local.close()
    folder.remove()
  })

  function newRepository(): TestRepository {
    number += 1
    return new TestRepository(join(folder.path, `repo-${number}`))
  }

  async function openLoader(
    at: TestRepository,
    {
      path = '',
      cacheFolder,
      version = '1',
      onDamage = () => undefined,
    }: { path?: string; cacheFolder?: string; version?: string; onDamage?: () => void } = {},
  ): Promise<{ loader: RevisionLoader; read: { blobs: number; trees: number }; cache: ParseCache }> {
    const local = await LocalRepository.open(at.path, 'main', git)
    opened.push(local)
    const { reader, read } = counting(local.reader)
    const cache = await ParseCache.open(cacheFolder, { log: silentLogger, version, onDamage })
    const pool = new ParsePool({ clock: systemClock, workers: 0 })
    const whole = { name: 'whole', namespace: 'default' }
    return {
      loader: new RevisionLoader({ reader, pool, cache, folder: path, whole }),
      read,
      cache,
    }
  }

  async function load(at: TestRepository, path = ''): Promise<Revision> {
    const { loader } = await openLoader(at, { path })
    return loader.load(at.head(), { signal })
  }

  function summary(revision: Revision): string[] {
    return [
      ...revision.diagnostics.map(({ file, line, code }) => `! ${file}:${line} ${code}`),
      ...revision.apps.flatMap(app => [
        `${app.name} in ${app.namespace}`,
        ...app.objects.map(({ key, source }) => `  ${key} ${source.file}:${source.line}:${source.column}`),
        ...app.diagnostics.map(({ file, line, code }) => `  ! ${file}:${line} ${code}`),
      ]),
    ]
  }

  it('makes the whole folder one app without bowline.yaml', async () => {
    const at = newRepository()
    at.commit('one', {
      'a.yaml': `${configMap('a')}---\n${configMap('b')}`,
      'README.md': '# not a manifest: [',
      'deep/er/c.json': JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' } }),
      'deep/list.yml': `apiVersion: v1\nkind: List\nitems:\n- ${configMap('d').trim().replace(/\n/g, '\n  ')}\n`,
      '.github/workflow.yaml.txt': 'no',
    })
    expect(summary(await load(at))).toEqual([
      'whole in default',
      '  /ConfigMap/default/a a.yaml:1:1',
      '  /ConfigMap/default/b a.yaml:8:1',
      '  /ConfigMap/default/d deep/list.yml:4:3',
      '  /ConfigMap/default/c deep/er/c.json:1:1',
    ])
    expect(summary(await load(at, 'deep/er'))).toEqual([
      'whole in default',
      '  /ConfigMap/default/c deep/er/c.json:1:1',
    ])
  })

  it('makes every folder that bowline.yaml names an app with its own namespace', async () => {
    repository.commit('apps', {
      'bowline.yaml': 'apps: apps/*\n',
      'outside.yaml': 'not: [read',
      'apps/shop/a.yaml': configMap('a'),
      'apps/blog/a.yaml': configMap('a', 'v', '  namespace: elsewhere\n'),
      'apps/file.yaml': 'no: [app',
    })
    const revision = await load(repository)
    expect(summary(revision)).toEqual([
      'blog in blog',
      '  /ConfigMap/elsewhere/a apps/blog/a.yaml:1:1',
      'shop in shop',
      '  /ConfigMap/shop/a apps/shop/a.yaml:1:1',
    ])
    expect(revision.commit.subject).toBe('apps')
    expect(revision.allowDelete).toBeUndefined()
  })

  it('holds only the app whose file is bad, and reports all of its problems with excerpts', async () => {
    const at = newRepository()
    at.commit('bad', {
      'bowline.yaml': 'apps: [apps/*]\n',
      'apps/good/a.yaml': configMap('a'),
      'apps/bad/a.yaml': `${configMap('a')}dat: {}\n---\nkind: ConfigMap\n---\n${configMap('a')}`,
      'apps/bad/b.yaml': 'a: [1\n',
      'apps/bad/c.yaml': 'a: 1\na: 2\n',
      'apps/bad/d.json': Buffer.from([0xff]),
    })
    const revision = await load(at)
    const [bad, good] = revision.apps
    expect(good).toMatchObject({ name: 'good', diagnostics: [] })
    expect(
      bad?.diagnostics.map(({ file, line, column, code }) => `${file}:${line}:${column} ${code}`),
    ).toEqual([
      'apps/bad/a.yaml:7:1 unknown-field',
      'apps/bad/a.yaml:9:1 missing-field',
      expect.stringMatching(/^apps\/bad\/b\.yaml:\d+:\d+ syntax$/),
      'apps/bad/c.yaml:2:1 duplicate-key',
      'apps/bad/d.json:1:1 bad-encoding',
    ])
    expect(bad?.diagnostics[0]).toMatchObject({
      message: 'unknown field "dat"',
      excerpt: 'dat: {}\n^',
      hint: 'did you mean "data"?',
    })
    expect(bad?.objects.map(({ key }) => key)).toEqual(['/ConfigMap/bad/a'])
  })

  it('names both places of an object that is declared twice, in one app or in two', async () => {
    const at = newRepository()
    at.commit('twice', {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/one/a.yaml': `${configMap('x')}---\n${shared('w')}`,
      'apps/one/b.yaml': configMap('x'),
      'apps/two/a.yaml': shared('w'),
      'apps/three/a.yaml': configMap('x'),
    })
    const { apps } = await load(at)
    expect(
      apps.map(({ name, diagnostics }) => [
        name,
        diagnostics.map(({ file, line, message }) => `${file}:${line} ${message}`),
      ]),
    ).toEqual([
      [
        'one',
        [
          'apps/one/a.yaml:8 ConfigMap shared/w is also declared by app two in apps/two/a.yaml:1:1',
          'apps/one/b.yaml:1 ConfigMap one/x is also declared in apps/one/a.yaml:1:1',
        ],
      ],
      ['three', []],
      ['two', ['apps/two/a.yaml:1 ConfigMap shared/w is also declared by app one in apps/one/a.yaml:8:1']],
    ])
  })

  it('lifts a hold on an app when another app stops declaring its object', async () => {
    const at = newRepository()
    at.commit('clash', {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/one/a.yaml': shared('w'),
      'apps/two/a.yaml': shared('w'),
    })
    const { loader } = await openLoader(at)
    const clash = await loader.load(at.head(), { signal })
    expect(clash.apps.map(({ diagnostics }) => diagnostics.length)).toEqual([1, 1])
    at.commit('settled', { 'apps/two/a.yaml': configMap('z') })
    const settled = await loader.load(at.head(), { previous: clash, signal })
    expect(settled.apps.map(({ diagnostics }) => diagnostics.length)).toEqual([0, 0])
    expect(settled.apps.filter((app, index) => app === clash.apps[index])).toEqual([])
  })

  it('reports links, submodules, hostile names, missing folders and files that are too large', async () => {
    const at = newRepository()
    at.write({
      'a/ok.yaml': configMap('ok'),
      'a/big.yaml': `# ${'x'.repeat(1024 * 1024)}`,
      'b/huge.yaml': Buffer.alloc(33 * 1024 * 1024, '#'),
    })
    at.git('add', '-A')
    const blob = at.gitWithInput('../../../etc/passwd', 'hash-object', '-w', '--stdin').trim()
    const commit = at.commit('base')
    for (const [mode, oid, path] of [
      ['120000', blob, 'a/link.yaml'],
      ['120000', blob, 'a/linked-folder'],
      ['120000', blob, 'a/README.md'],
      ['160000', commit, 'a/sub'],
    ])
      at.git('update-index', '--add', '--cacheinfo', `${mode},${oid},${path}`)
    at.git('commit', '-q', '-m', 'odd')
    const revision = await load(at, 'a')
    expect(summary(revision)).toEqual([
      'whole in default',
      '  /ConfigMap/default/ok a/ok.yaml:1:1',
      '  ! a/big.yaml:1 file-too-large',
      '  ! a/link.yaml:1 symlink',
      '  ! a/linked-folder:1 symlink',
      '  ! a/sub:1 submodule',
    ])
    expect(summary(await load(at, 'b'))).toEqual(['whole in default', '  ! b/huge.yaml:1 file-too-large'])
    for (const path of ['nothing', 'a/linked-folder', 'a/sub', 'a/ok.yaml'])
      expect(summary(await load(at, path))).toEqual([`! ${path}:1 missing-folder`])
    for (const path of ['../x', '/etc', 'a/../../x'])
      await expect(openLoader(at, { path })).rejects.toMatchObject({ code: 'bad-config' })
    const evil = at.gitWithInput(`040000 tree ${at.head('HEAD:a')}\t..\n`, 'mktree').trim()
    const hostile = at.gitWithInput('x', 'commit-tree', evil).trim()
    const { loader } = await openLoader(at)
    expect(summary(await loader.load(hostile, { signal }))).toEqual(['whole in default', '  ! ..:1 bad-name'])
  })

  /** A commit of twenty folders inside one another, each ten times in the one above: 10^20 places. */
  function folding(at: TestRepository, config?: string): string {
    const readme = at.gitWithInput('x', 'hash-object', '-w', '--stdin').trim()
    let tree = at.gitWithInput(`100644 blob ${readme}\tREADME\n`, 'mktree').trim()
    for (let level = 1; level <= 20; level += 1) {
      const entries = Array.from({ length: 10 }, (_, index) => `040000 tree ${tree}\td${index}\n`)
      if (config !== undefined && level === 20) {
        const blob = at.gitWithInput(config, 'hash-object', '-w', '--stdin').trim()
        entries.unshift(`100644 blob ${blob}\tbowline.yaml\n`)
      }
      tree = at.gitWithInput(entries.join(''), 'mktree').trim()
    }
    return at.gitWithInput('folding', 'commit-tree', tree).trim()
  }

  it('holds an app whose folders unfold without end, and leaves others their turns', async () => {
    const at = newRepository()
    const { loader } = await openLoader(at)
    let turns = 0
    const counter = setInterval(() => {
      turns += 1
    }, 1)
    const revision = await loader.load(folding(at), { signal }).finally(() => clearInterval(counter))
    expect(summary(revision)).toEqual(['whole in default', '  ! .:1 too-many-files'])
    expect(turns).toBeGreaterThan(3)
  })

  it.each(['apps: "*/*/*/*/*/*/*/*/*/*"\n', 'apps: "**/d1/**/d2"\n'])(
    'holds everything when patterns such as %j lead to folders without end',
    async config => {
      const at = newRepository()
      const { loader } = await openLoader(at)
      expect(summary(await loader.load(folding(at, config), { signal }))).toEqual([
        '! bowline.yaml:1 bad-config',
      ])
    },
  )

  it('takes nothing of an app that became too large for what it was before, and all of it afterwards', async () => {
    const at = newRepository()
    const blob = at.gitWithInput('x', 'hash-object', '-w', '--stdin').trim()
    const manifest = at.gitWithInput(configMap('kept'), 'hash-object', '-w', '--stdin').trim()
    const linkLines = Array.from({ length: 30_000 }, (_, index) => `120000 blob ${blob}\tl${index}\n`)
    const links = at.gitWithInput(linkLines.join(''), 'mktree').trim()
    const kept = at.gitWithInput(`100644 blob ${manifest}\ta.yaml\n`, 'mktree').trim()
    const commit = (folders: readonly string[], parent?: string): string => {
      const lines = [`040000 tree ${kept}\tz\n`, ...folders.map(name => `040000 tree ${links}\t${name}\n`)]
      const tree = at.gitWithInput(lines.join(''), 'mktree').trim()
      const parents = parent === undefined ? [] : ['-p', parent]
      return at.gitWithInput('x', 'commit-tree', ...parents, tree).trim()
    }
    const { loader } = await openLoader(at)
    const first = await loader.load(commit(['a']), { signal })
    expect(first.apps[0]?.objects).toHaveLength(1)
    const second = await loader.load(commit(['a', 'b']), { signal, previous: first })
    expect(summary(second)).toEqual(['whole in default', '  ! .:1 too-many-files'])
    const third = await loader.load(commit(['b']), { signal, previous: second })
    expect(plain(third)).toEqual(plain(await (await openLoader(at)).loader.load(third.commit.id, { signal })))
    expect(third.apps[0]?.objects).toHaveLength(1)
  })

  it('reads no folder of more entries than it can look at in a moment', async () => {
    const at = newRepository()
    const blob = at.gitWithInput('x', 'hash-object', '-w', '--stdin').trim()
    const lines = Array.from({ length: 150_000 }, (_, index) => `100644 blob ${blob}\tfile-${index}.txt\n`)
    const commit = at
      .gitWithInput('x', 'commit-tree', at.gitWithInput(lines.join(''), 'mktree').trim())
      .trim()
    const { loader } = await openLoader(at)
    await expect(loader.load(commit, { signal })).rejects.toMatchObject({ code: 'unsupported' })
  })

  it('reads nothing of a name that could write to a terminal, and shows the name without doing so', async () => {
    const at = newRepository()
    at.commit('base', { 'a/ok.yaml': configMap('ok') })
    at.write({
      'a/x\u001b]0;pwned\u0007.yaml': configMap('title'),
      'a/\u202egnp\u009b31m/b.json': configMap('b'),
    })
    at.commit('escapes')
    const { apps } = await load(at, 'a')
    expect(apps.flatMap(({ objects }) => objects.map(({ object }) => object.metadata.name))).toEqual(['ok'])
    expect(apps.flatMap(({ diagnostics }) => diagnostics.map(({ file, code }) => `${file} ${code}`))).toEqual(
      ['a/\\u{202e}gnp\\u{9b}31m bad-name', 'a/x\\u{1b}]0;pwned\\u{7}.yaml bad-name'],
    )
    at.commit('apps', { 'bowline.yaml': 'apps: apps/*\n', 'apps/x\u001b[2J/a.yaml': configMap('a') })
    expect((await load(at, '')).diagnostics).toMatchObject([{ file: 'apps/x\\u{1b}[2J', code: 'bad-app' }])
  })

  it.each([
    ['apps: nothing/*\n', ['! bowline.yaml:1 bad-config']],
    ['app: x\n', ['! bowline.yaml:1 bad-config', '! bowline.yaml:1 bad-config']],
    ['apps: [\n', [expect.stringContaining('! bowline.yaml')]],
    ['apps: [a/*, b/*]\n', ['! b/x:1 bad-app']],
    ['apps: c/*\n', ['! c/Not_A_Name:1 bad-app']],
  ])('holds everything, and forgets no app, when bowline.yaml says %j', async (config, expected) => {
    const at = newRepository()
    at.commit('x', {
      'bowline.yaml': config,
      'a/x/a.yaml': configMap('a'),
      'b/x/a.yaml': configMap('a'),
      'c/Not_A_Name/a.yaml': configMap('a'),
    })
    const revision = await load(at)
    const found = summary(revision).filter(line => line.startsWith('!'))
    if (config.includes('[\n')) expect(found.length).toBeGreaterThan(0)
    else expect(found).toEqual(expected)
  })

  it('reads only what changed, and keeps all else as it was', async () => {
    const at = newRepository()
    const files: Record<string, string> = { 'bowline.yaml': 'apps: apps/*\n' }
    for (let app = 0; app < 5; app += 1)
      for (let file = 0; file < 20; file += 1)
        files[`apps/app-${app}/${file % 4}/f-${file}.yaml`] = configMap(`c-${file}`)
    at.commit('many', files)
    const { loader, read } = await openLoader(at)
    const first = await loader.load(at.head(), { signal })
    expect(read.blobs).toBeGreaterThanOrEqual(20)
    at.commit('one file', { 'apps/app-3/1/f-1.yaml': configMap('c-1', 'changed') })
    read.blobs = 0
    read.trees = 0
    const second = await loader.load(at.head(), { previous: first, signal })
    // bowline.yaml and the file; the root, apps, app-3 and its folder 1.
    expect(read).toEqual({ blobs: 2, trees: 4 })
    expect(second.apps.filter((app, index) => app === first.apps[index]).map(({ name }) => name)).toEqual([
      'app-0',
      'app-1',
      'app-2',
      'app-4',
    ])
    expect(newObjects(second, first)).toEqual(['/ConfigMap/app-3/c-1'])
    read.blobs = 0
    const back = await loader.load(at.head('HEAD~1'), { previous: second, signal })
    expect(read.blobs).toBe(1)
    expect(newObjects(back, second)).toEqual(['/ConfigMap/app-3/c-1'])
    expect(newObjects(back, first)).toEqual([])
  })

  it('comes to the same by way of other commits as from nothing, whatever they moved, repeated or took away', async () => {
    const at = newRepository()
    const { loader } = await openLoader(at)
    const one = {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/shop/a.yaml': configMap('a'),
      'apps/shop/in/b.yaml': configMap('b'),
    }
    const steps: readonly Record<string, string | null>[] = [
      one,
      { 'apps/shop/in/b.yaml': configMap('b', 'changed') },
      { 'apps/shop/in/b.yaml': null, 'apps/shop/out/b.yaml': configMap('b', 'changed') },
      { 'apps/shop/again.yaml': configMap('a', 'twice') },
      { 'apps/shop/a.yaml': null },
      { 'apps/shop/two.yaml': `${configMap('c')}---\n${configMap('d')}` },
      { 'apps/shop/two.yaml': configMap('d') },
      // The same folder at another place is the same app, whose files are elsewhere.
      {
        'bowline.yaml': 'apps: services/*\n',
        ...{ 'apps/shop/again.yaml': null, 'services/shop/again.yaml': configMap('a', 'twice') },
        ...{ 'apps/shop/out/b.yaml': null, 'services/shop/out/b.yaml': configMap('b', 'changed') },
        ...{ 'apps/shop/two.yaml': null, 'services/shop/two.yaml': configMap('d') },
      },
      { 'services/shop/again.yaml': null },
      // Other apps, which declare what is declared already, and give it up again.
      {
        'services/blog/many.yaml': ['k', 'l', 'm', 'n', 'o', 'p', 'q']
          .map(name => configMap(name))
          .join('---\n'),
      },
      { 'services/blog/b.yaml': shared('b'), 'services/shop/shared.yaml': shared('x') },
      { 'services/blog/x.yaml': shared('x') },
      { 'services/blog/b.yaml': shared('b', 'changed') },
      { 'services/docs/x.yaml': shared('x') },
      { 'services/wiki/w.yaml': configMap('w') },
      { 'services/blog/x.yaml': null },
      { 'services/shop/shared.yaml': null },
      { 'services/shop/b.yaml': shared('b'), 'services/docs/x.yaml': shared('y') },
      { 'services/blog/b.yaml': null, 'services/blog/many.yaml': null },
    ]
    let previous: Revision | undefined
    for (const [index, files] of steps.entries()) {
      for (const [path, text] of Object.entries(files)) {
        if (text === null) at.git('rm', '-q', path)
        else at.write({ [path]: text })
      }
      at.commit(`step ${index}`)
      previous = await loader.load(at.head(), { previous, signal })
      const fresh = await load(at)
      expect(plain(previous)).toEqual(plain(fresh))
    }
  })

  it('parses nothing again after a restart, and gives the same revision', async () => {
    const at = newRepository()
    at.commit('one', { 'a.yaml': configMap('a'), 'b.yaml': 'bad: [', 'c.yaml': `${configMap('c')}dat: 1\n` })
    const cacheFolder = join(folder.path, `parse-cache-${git === undefined}`)
    const before = await openLoader(at, { cacheFolder })
    const first = await before.loader.load(at.head(), { signal })
    await before.cache.flush()
    await before.cache.close()
    const after = await openLoader(at, { cacheFolder })
    const second = await after.loader.load(at.head(), { signal })
    // Only the file whose fields are wrong is read again, to show its line.
    expect(after.read.blobs).toBe(1)
    expect(second.apps).toEqual(first.apps)
    await after.cache.close()
  })

  it('gives after a restart the very objects that it had checked, and checks them again as another program', async () => {
    const at = newRepository()
    const object = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a', labels: null },
      data: { k: 'v' },
    }
    at.commit('one', { 'two.yaml': `${JSON.stringify(object)}\n---\n${configMap('b')}` })
    const cacheFolder = join(folder.path, `verdicts-${git === undefined}`)
    const loads: Revision[] = []
    const caches: ParseCache[] = []
    for (const version of ['1', '1', '2']) {
      const { loader, cache } = await openLoader(at, { cacheFolder, version })
      loads.push(await loader.load(at.head(), { signal }))
      await cache.flush()
      caches.push(cache)
    }
    for (const { apps } of loads) {
      const [a, b] = apps[0]?.objects ?? []
      expect(a?.object).toEqual({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'a', namespace: 'default' },
        data: { k: 'v' },
      })
      expect(a?.ref).toEqual({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'a' })
      expect(b?.object.metadata).toEqual({ name: 'b', namespace: 'default' })
      expect(Object.isFrozen(a?.object.metadata)).toBe(true)
      expect(a?.object).toBe(a?.object)
      expect(a?.blob).toBe(at.head('HEAD:two.yaml'))
    }
    for (const cache of caches) await cache.close()
  })

  it('asks after a restart neither Git nor a file about folders that have not changed', async () => {
    const at = newRepository()
    at.commit('one', {
      'x/y/a.yaml': configMap('a'),
      'x/y/bad.yaml': `${configMap('bad')}dat: 1\n`,
      'x/z/b.yaml': `${configMap('b')}---\n${configMap('c')}`,
      'x/z/deep/d.yaml': configMap('d'),
      'x/empty.yaml': '# nothing\n',
      'e.yaml': configMap('e'),
    })
    const cacheFolder = join(folder.path, `folders-${git === undefined}`)
    const before = await openLoader(at, { cacheFolder })
    await before.loader.load(at.head(), { signal })
    await before.cache.flush()
    at.commit('two', {
      'e.yaml': configMap('e2'),
      'moved/d.yaml': configMap('d2'),
      'x/y/more.yaml': configMap('f'),
    })
    const after = await openLoader(at, { cacheFolder })
    const second = await after.loader.load(at.head(), { signal })
    // The root, `x` and `x/y` are others now, and `moved` is new: what is below `x/z` is not looked at.
    expect(after.read.trees).toBe(4)
    const { blobs } = after.read
    const fresh = await load(at)
    expect(second.apps).toEqual(fresh.apps)
    expect(second.apps[0]?.objects.map(({ object }) => object.metadata.name)).toEqual(
      fresh.apps[0]?.objects.map(({ object }) => object.metadata.name),
    )
    // What is new, and the one that is wrong, to show its line.
    expect(blobs).toBe(4)
    await before.cache.close()
    await after.cache.close()
  })

  it('does not take a folder for that of another namespace, or with a configuration in it for one without', async () => {
    const at = newRepository()
    const inner = { 'web/web.yaml': configMap('web'), 'bowline.yaml': 'apps: "*"\n' }
    at.commit('one', inner)
    const cacheFolder = join(folder.path, `namespaces-${git === undefined}`)
    const before = await openLoader(at, { cacheFolder })
    expect((await before.loader.load(at.head(), { signal })).apps.map(({ namespace }) => namespace)).toEqual([
      'web',
    ])
    await before.cache.flush()
    at.git('rm', '-rq', '.')
    at.commit('two', Object.fromEntries(Object.entries(inner).map(([path, text]) => [`all/${path}`, text])))
    const after = await openLoader(at, { cacheFolder })
    const second = await after.loader.load(at.head(), { signal })
    const fresh = await load(at)
    expect(second.apps).toEqual(fresh.apps)
    expect(second.apps[0]?.diagnostics).not.toEqual([])
    await before.cache.close()
    await after.cache.close()
  })

  it('reads again what a damaged cache has lost', async () => {
    const at = newRepository()
    at.commit('one', { 'a/a.yaml': configMap('a'), 'a/b.yaml': configMap('b') })
    const cacheFolder = join(folder.path, `damaged-${git === undefined}`)
    const before = await openLoader(at, { cacheFolder })
    await before.loader.load(at.head(), { signal })
    await before.cache.flush()
    await before.cache.close()
    const damaged = vi.fn()
    const after = await openLoader(at, { cacheFolder, onDamage: damaged })
    const objects = (await after.loader.load(at.head(), { signal })).apps[0]?.objects ?? []
    const file = join(cacheFolder, 'parsed-manifests')
    const text = readFileSync(file, 'latin1')
    writeFileSync(file, text.replace('"name":"a"', '"name":"x"'), 'latin1')
    expect(() => objects[0]?.object).toThrow('damaged')
    expect(() => objects[0]?.object).toThrow('damaged')
    expect(damaged).toHaveBeenCalledOnce()
    expect(objects[1]?.object.metadata.name).toBe('b')
    const again = (await after.loader.load(at.head(), { signal })).apps[0]?.objects ?? []
    expect(again.map(({ object }) => object.metadata.name)).toEqual(['a', 'b'])
    await after.cache.close()
  })

  it('throws, and so deletes nothing, when the repository lost an object', async () => {
    const at = newRepository()
    at.commit('one', { 'a.yaml': configMap('a'), 'b.yaml': configMap('b') })
    const { loader } = await openLoader(at)
    const missing = at.gitWithInput(`100644 blob ${'e'.repeat(40)}\tx.yaml\n`, 'mktree', '--missing').trim()
    const commit = at.gitWithInput('x', 'commit-tree', missing).trim()
    await expect(loader.load(commit, { signal })).rejects.toMatchObject({ code: 'not-found' })
    await expect(loader.load('f'.repeat(40), { signal })).rejects.toMatchObject({ code: 'not-found' })
    await expect(loader.load(at.head(), { signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow(
      'stop',
    )
  })

  it('reads the allowance to delete from HEAD only', async () => {
    const at = newRepository()
    at.commit('first\n\nBowline-Allow-Delete: all\n', { 'a.yaml': configMap('a') })
    expect((await load(at)).allowDelete).toBe('all')
    at.commit('second\n')
    expect((await load(at)).allowDelete).toBeUndefined()
  })

  it('shows no Secret value in any diagnostic', async () => {
    const at = newRepository()
    at.commit('secrets', {
      'a.yaml':
        'apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\nstringData:\n  password: [hunter2]\n  pin: 424242\nextra: hunter2\n',
      'b.json': '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"b"},"data":{"p":"hunter2!"}}',
    })
    const revision = await load(at)
    expect(revision.apps[0]?.diagnostics.length).toBeGreaterThanOrEqual(3)
    expect(JSON.stringify(revision.apps[0]?.diagnostics)).not.toMatch(/hunter2|424242/)
  })
})
