import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/base/index.ts'
import { findGit, type GitBinary } from '../../../src/sync/git/git-binary.ts'
import { openRepository } from '../../../src/sync/repository/open-repository.ts'
import { describeProblem, type Repository } from '../../../src/sync/repository/repository.ts'
import { type GitHttpServer, startGitHttpServer } from '../git-http-server.ts'
import { TestRepository, temporaryFolder } from '../repository-builder.ts'

const native = (await findGit(process.env)) as GitBinary
const PASSWORD = 'p@ss word/1'

describe.each([
  ['native git', native],
  ['isomorphic-git', undefined],
] as const)('RemoteRepository over %s', (_, git) => {
  const folder = temporaryFolder()
  const opened: Repository[] = []
  const { signal } = new AbortController()
  let server: GitHttpServer
  let closed: GitHttpServer
  let work: TestRepository
  let cache = 0

  async function open(
    url: string,
    options: { branch?: string; credentialsFile?: string; cacheFolder?: string } = {},
  ) {
    cache += 1
    const { branch = 'main', cacheFolder = join(folder.path, `cache-${cache}`), credentialsFile } = options
    const source = { repository: url, branch, ...(credentialsFile === undefined ? {} : { credentialsFile }) }
    const repository = await openRepository(source, { cacheFolder, git, clock: systemClock })
    opened.push(repository)
    return repository
  }

  function credentials(...lines: string[]): string {
    cache += 1
    const file = join(folder.path, `credentials-${cache}`)
    writeFileSync(file, `${lines.join('\n')}\n`)
    return file
  }

  beforeAll(async () => {
    const root = join(folder.path, 'served')
    mkdirSync(root)
    work = new TestRepository(join(folder.path, 'work'))
    work.commit('one', { 'a.yaml': 'a: 1\n' })
    work.commit('two', { 'a.yaml': 'a: 2\n' })
    work.git('clone', '-q', '--bare', work.path, join(root, 'app.git'))
    work.git('remote', 'add', 'origin', join(root, 'app.git'))
    server = await startGitHttpServer(root)
    closed = await startGitHttpServer(root, PASSWORD)
  })

  afterAll(async () => {
    for (const repository of opened) await repository.close()
    await server.close()
    await closed.close()
    folder.remove()
  })

  it('head() fetches the whole history once, then asks only for the refs', async () => {
    const repository = await open(`${server.url}/app.git`)
    expect(await repository.head(signal)).toBe(work.head())
    expect((await repository.reader.readCommit(await repository.reader.resolve('main~1'))).subject).toBe(
      'one',
    )
    const before = server.requests.length
    expect(await repository.head(signal)).toBe(work.head())
    expect(server.requests.slice(before).length).toBeLessThanOrEqual(2)
  })

  it('head() fetches from a repository whose HEAD names no branch that is there', async () => {
    const bare = join(folder.path, 'served', `headless-${git === undefined}.git`)
    work.git('clone', '-q', '--bare', work.path, bare)
    work.git('-C', bare, 'symbolic-ref', 'HEAD', 'refs/heads/none')
    const repository = await open(`${server.url}/headless-${git === undefined}.git`)
    expect(await repository.head(signal)).toBe(work.git('-C', bare, 'rev-parse', 'main').trim())
  })

  it('head() follows pushes and a rewritten branch', async () => {
    const repository = await open(`${server.url}/app.git`)
    await repository.head(signal)
    const pushed = work.commit('three', { 'b.yaml': 'b: 1\n' })
    work.git('push', '-q', 'origin', 'main')
    expect(await repository.head(signal)).toBe(pushed)
    expect(await repository.reader.resolve('HEAD~1')).toBe(work.head('HEAD~1'))
    work.git('reset', '-q', '--hard', 'HEAD~2')
    const rewritten = work.commit('another two', { 'c.yaml': 'c: 1\n' })
    work.git('push', '-q', '--force', 'origin', 'main')
    expect(await repository.head(signal)).toBe(rewritten)
    const { tree } = await repository.reader.readCommit(rewritten)
    expect((await repository.reader.readTree(tree)).map(({ name }) => name)).toEqual(['a.yaml', 'c.yaml'])
  })

  it('keeps its clone across restarts, and makes it anew when it is damaged', async () => {
    const cacheFolder = join(folder.path, `kept-${git === undefined}`)
    const first = await open(`${server.url}/app.git`, { cacheFolder })
    const head = await first.head(signal)
    await first.close()
    const second = await open(`${server.url}/app.git`, { cacheFolder })
    const before = server.requests.length
    expect(await second.head(signal)).toBe(head)
    expect(
      server.requests.slice(before).filter(({ line }) => line.startsWith('POST')).length,
    ).toBeLessThanOrEqual(1)
    await second.close()
    const [clone = ''] = readdirSync(cacheFolder)
    rmSync(join(cacheFolder, clone, 'objects'), { recursive: true })
    mkdirSync(join(cacheFolder, clone, 'objects'))
    const third = await open(`${server.url}/app.git`, { cacheFolder })
    expect(await third.head(signal)).toBe(head)
    expect((await third.reader.readCommit(head)).id).toBe(head)
  })

  it('makes its clone anew when somebody throws it away while it is in use', async () => {
    const cacheFolder = join(folder.path, `thrown-away-${git === undefined}`)
    const repository = await open(`${server.url}/app.git`, { cacheFolder })
    await repository.head(signal)
    rmSync(cacheFolder, { recursive: true })
    const pushed = work.commit('after the clone was gone', { 'd.yaml': 'd: 1\n' })
    work.git('push', '-q', 'origin', 'main')
    expect(await repository.head(signal)).toBe(pushed)
    const { tree } = await repository.reader.readCommit(pushed)
    expect((await repository.reader.readTree(tree)).map(({ name }) => name)).toContain('d.yaml')
  })

  it('publish() pushes a commit, and refuses when the branch has moved', async () => {
    const repository = await open(`${server.url}/app.git`)
    const head = await repository.head(signal)
    const { tree } = await repository.reader.readCommit(head)
    const text = `tree ${tree}\nparent ${head}\nauthor A <a@b> 1800000000 +0000\ncommitter A <a@b> 1800000000 +0000\n\npushed\n`
    const commit = await repository.write('commit', Buffer.from(text))
    await repository.publish(commit, head, signal)
    work.git('fetch', '-q', 'origin')
    expect(work.head('origin/main')).toBe(commit)
    expect(await repository.head(signal)).toBe(commit)
    await expect(repository.publish(commit, head, signal)).rejects.toMatchObject({ code: 'conflict' })
    work.git('reset', '-q', '--hard', 'origin/main')
  })

  it('presents credentials from the file to their own host and to nobody else', async () => {
    const { host } = new URL(closed.url)
    const file = credentials(
      'https://ada:wrong@other.example',
      `http://ada:wrong@${host}/other/`,
      `http://ada:${encodeURIComponent(PASSWORD)}@${host}`,
    )
    const repository = await open(`${closed.url}/app.git`, { credentialsFile: file })
    expect(await repository.head(signal)).toBe(work.head('origin/main'))
    const elsewhere = await open(`${server.url}/app.git`, { credentialsFile: file })
    const before = server.requests.length
    await elsewhere.head(signal)
    expect(server.requests.slice(before).some(({ authorized }) => authorized)).toBe(false)
  })

  it('says what is wrong, without a secret, as a typed problem', async () => {
    const { host } = new URL(closed.url)
    const wrong = credentials(`http://ada:hunter2secret@${host}`)
    async function problemOf(url: string, options: Parameters<typeof open>[1] = {}) {
      const repository = await open(url, options)
      const error = await repository.head(signal).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      return describeProblem(error)
    }
    const refused = await problemOf(`${closed.url}/app.git`, { credentialsFile: wrong })
    expect(refused.code).toBe('unauthorized')
    expect(refused.message).not.toMatch(/hunter2|YWRhO/)
    expect((await problemOf(`${closed.url}/app.git`)).code).toBe('unauthorized')
    expect(await problemOf(`${server.url}/app.git`, { branch: 'nothing' })).toEqual({
      code: 'missing-branch',
      message: `Cannot read branch nothing of ${server.url}/app.git: there is no such branch`,
    })
    expect((await problemOf(`${server.url}/none.git`)).code).toBe('unreadable')
    expect((await problemOf('http://127.0.0.1:1/app.git')).code).toBe('unreachable')
    expect((await problemOf(`${server.url}/app.git`, { credentialsFile: '/nonexistent' })).message).toContain(
      'ENOENT',
    )
  })

  it.each([
    ['in place of its refs', true],
    ['in place of a pack', false],
  ])('passes on nothing that a terminal obeys of what a server says %s', async (_, isEarly) => {
    const repository = await open(`${server.url}/app.git`)
    const evil = packetLine('ERR \u001b]0;pwned\u0007\u009b31m no\r\n')
    server.intercept = (request, response) => {
      const isAsk = request.url?.includes('info/refs') === true
      const kind = isAsk ? 'advertisement' : 'result'
      response.writeHead(200, { 'Content-Type': `application/x-git-upload-pack-${kind}` })
      if (!isAsk) response.end(evil)
      else
        response.end(
          isEarly ? `${packetLine('# service=git-upload-pack\n')}0000${evil}` : advertise(work.head()),
        )
    }
    try {
      const error = await repository.head(signal).catch((thrown: unknown) => thrown)
      const { code, message } = describeProblem(error)
      expect(code).toBe('unreachable')
      expect(message).not.toMatch(/(?![\n\t])\p{Cc}/u)
    } finally {
      server.intercept = undefined
    }
  })

  it('hears a server out that says a lot', async () => {
    const repository = await open(`${server.url}/app.git`)
    server.intercept = (_, response) =>
      response.writeHead(500, { 'Content-Type': 'text/plain' }).end('word'.repeat(500_000))
    try {
      const error = await repository.head(signal).catch((thrown: unknown) => thrown)
      expect(describeProblem(error)).toMatchObject({
        code: 'unreachable',
        message: expect.stringMatching(/^Cannot read .*500$/),
      })
    } finally {
      server.intercept = undefined
    }
  })

  it('follows no redirect, and names the address to use', async () => {
    const { host } = new URL(closed.url)
    const file = credentials(`http://ada:${encodeURIComponent(PASSWORD)}@${host}`)
    const repository = await open(`${closed.url}/app.git`, { credentialsFile: file })
    const before = server.requests.length
    closed.intercept = (request, response) =>
      response.writeHead(302, { Location: `${server.url}${request.url}` }).end()
    try {
      const error = await repository.head(signal).catch((thrown: unknown) => thrown)
      expect(describeProblem(error)).toMatchObject({
        code: 'unsupported',
        message: expect.stringContaining('redirect'),
      })
      expect(server.requests.length).toBe(before)
    } finally {
      closed.intercept = undefined
    }
  })

  it('gives up at once when the signal aborts', async () => {
    const repository = await open(`${server.url}/app.git`)
    const controller = new AbortController()
    server.intercept = () => controller.abort(new Error('enough'))
    try {
      await expect(repository.head(controller.signal)).rejects.toThrow('enough')
    } finally {
      server.intercept = undefined
    }
  })

  it('breaks a transfer off with all that takes part in it, when the signal aborts in the middle', async () => {
    const repository = await open(`${server.url}/app.git`)
    const controller = new AbortController()
    const left = new Promise<void>(resolve => {
      server.intercept = (request, response) => {
        if (request.url?.includes('info/refs')) {
          const advertisement = { 'Content-Type': 'application/x-git-upload-pack-advertisement' }
          response.writeHead(200, advertisement).end(advertise(work.head()))
          return
        }
        response.writeHead(200, { 'Content-Type': 'application/x-git-upload-pack-result' })
        response.write(packetLine('NAK\n'))
        const trickle = setInterval(() => response.write(packetLine('\u0002.')), 50)
        response.on('close', () => {
          clearInterval(trickle)
          resolve()
        })
        setTimeout(() => controller.abort(new Error('enough')), 500)
      }
    })
    try {
      await expect(repository.head(controller.signal)).rejects.toThrow('enough')
      await left
    } finally {
      server.intercept = undefined
    }
  })

  it('removes what a transfer left that was broken off', async () => {
    const cacheFolder = join(folder.path, `unfinished-${git === undefined}`)
    const repository = await open(`${server.url}/app.git`, { cacheFolder })
    const packs = join(cacheFolder, readdirSync(cacheFolder)[0] as string, 'objects/pack')
    const unfinished = join(packs, 'tmp_pack_abcdef')
    writeFileSync(unfinished, 'half of it')
    await repository.head(signal)
    expect(existsSync(unfinished)).toBe(false)
  })

  it.each([
    ['https://user:secret@example.org/x.git'],
    ['https://token@example.org/x.git'],
    ['ext::sh -c touch'],
    ['file:///etc'],
    ['git://example.org/x'],
    ['ssh://example.org/x'],
    ['--upload-pack=touch'],
    ['../relative'],
    ['https://example.org/x?token=secret'],
  ])('refuses the address %s', async url => {
    const error = await open(url).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'bad-config' })
    expect(String(error)).not.toContain('secret')
  })

  it('leaves no credential in the clone', async () => {
    const cacheFolder = join(folder.path, `clean-${git === undefined}`)
    const { host } = new URL(closed.url)
    const file = credentials(`http://ada:${encodeURIComponent(PASSWORD)}@${host}`)
    const repository = await open(`${closed.url}/app.git`, { credentialsFile: file, cacheFolder })
    await repository.head(signal)
    const [clone = ''] = readdirSync(cacheFolder)
    const config = readFileSync(join(cacheFolder, clone, 'config'), 'utf8')
    expect(config).not.toMatch(/ada|p@ss|p%40ss|Basic/)
  })
})

/** The refs of a repository with one branch, as a server of the first protocol says them. */
function advertise(oid: string): string {
  const capabilities = 'symref=HEAD:refs/heads/main side-band-64k ofs-delta'
  const refs = [`${oid} HEAD\0${capabilities}\n`, `${oid} refs/heads/main\n`].map(packetLine).join('')
  return `${packetLine('# service=git-upload-pack\n')}0000${refs}0000`
}

function packetLine(text: string): string {
  return `${(text.length + 4).toString(16).padStart(4, '0')}${text}`
}
