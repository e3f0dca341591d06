import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { silentLogger, systemClock } from '../src/base/index.ts'
import { loadKubeconfig } from '../src/client/index.ts'
import { ensureKubeconfig, keepKubeconfig } from '../src/kubeconfig-file.ts'
import { type Authority, createAuthority, DAY_MS, readCertificate } from '../src/pki/index.ts'
import { FakeClock } from './base/fake-clock.ts'

const SERVER = 'https://127.0.0.1:6443'

describe('the kubeconfig', () => {
  let folder: string
  let path: string
  let authority: Authority
  let clock: FakeClock

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bowline-kubeconfig-'))
    path = join(folder, 'data', 'kubeconfig')
    clock = new FakeClock(systemClock.now())
    authority = await createAuthority(clock)
  })

  afterEach(() => rm(folder, { recursive: true, force: true }))

  async function ensure(options: { server?: string; authority?: Authority } = {}): Promise<string> {
    await ensureKubeconfig({ path, server: SERVER, authority, clock, log: silentLogger, ...options })
    return readFile(path, 'utf8')
  }

  function credentials(text: string): unknown {
    return loadKubeconfig(text).credentials
  }

  function certificateIn(text: string): string {
    return (credentials(text) as { certificate: string }).certificate
  }

  it('makes one for the administrator, which its owner alone may read', async () => {
    const text = await ensure()
    expect(loadKubeconfig(text)).toMatchObject({ ca: authority.certificate, server: SERVER })
    const { subject } = readCertificate(certificateIn(text))
    expect(subject).toEqual({ commonName: 'bowline-admin', organizations: ['system:masters'] })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('keeps what it holds, so that copies of it stay good, and takes it away from others', async () => {
    const first = await ensure()
    await chmod(path, 0o644)
    expect(await ensure()).toBe(first)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('leads to the server where that listens now', async () => {
    const first = await ensure()
    const second = await ensure({ server: 'https://127.0.0.1:7443' })
    expect(loadKubeconfig(second).server).toBe('https://127.0.0.1:7443')
    expect(credentials(second)).toEqual(credentials(first))
  })

  it('makes a fresh one once 70 % of its time are over', async () => {
    const first = await ensure()
    await clock.advance(250 * DAY_MS)
    expect(await ensure()).toBe(first)
    await clock.advance(7 * DAY_MS)
    expect(credentials(await ensure())).not.toEqual(credentials(first))
  })

  it('makes a fresh one in place of what another authority gave, and of what is none', async () => {
    const foreign = await ensure({ authority: await createAuthority(clock) })
    const own = await ensure()
    expect(credentials(own)).not.toEqual(credentials(foreign))
    for (const text of ['', 'rubbish: [', own.replace(/client-key-data: .*/, 'client-key-data: AAAA')]) {
      await writeFile(path, text)
      expect(loadKubeconfig(await ensure()).ca).toBe(authority.certificate)
    }
  })

  it('is replaced while the server runs, before its time is over', async () => {
    const first = await ensure()
    const stop = new AbortController()
    const running = keepKubeconfig(
      { path, server: SERVER, authority, clock, log: silentLogger },
      stop.signal,
    ).catch(() => undefined)
    for (let day = 1; day <= 365; day += 1) {
      const { notAfter } = readCertificate(certificateIn(await readFile(path, 'utf8')))
      expect(clock.now()).toBeLessThan(notAfter)
      await clock.advance(DAY_MS)
      await vi.waitFor(() => expect(clock.pending).toBe(1), { interval: 1 })
    }
    expect(credentials(await readFile(path, 'utf8'))).not.toEqual(credentials(first))
    // Somebody put a token into it.
    const theirs = (await readFile(path, 'utf8')).replace(/client-.*\ncontexts/s, 'token: abc\ncontexts')
    await writeFile(path, theirs)
    await clock.advance(DAY_MS)
    await vi.waitFor(() => expect(clock.pending).toBe(1), { interval: 1 })
    expect(await readFile(path, 'utf8')).toBe(theirs)
    // Somebody took it away.
    await rm(path)
    await clock.advance(DAY_MS)
    await vi.waitFor(() => expect(clock.pending).toBe(1), { interval: 1 })
    await expect(stat(path)).rejects.toThrow('ENOENT')
    stop.abort()
    await running
  })
})
