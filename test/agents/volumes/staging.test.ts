import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, open, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Staging } from '../../../src/agents/volumes/index.ts'
import { silentLogger } from '../../../src/base/index.ts'

describe.skipIf(userInfo().uid !== 0)('Staging', () => {
  let folder: string
  let staging: Staging

  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'bowline-staging-')))
    await mkdir(join(folder, 'data'))
    await mkdir(join(folder, 'host/disk'), { recursive: true })
    await writeFile(join(folder, 'host/file'), 'precious')
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'test', join(folder, 'host/disk')])
    await writeFile(join(folder, 'host/disk/file'), 'precious')
    staging = stagingOf('data')
  })
  afterEach(async () => {
    await staging.clear()
    execFileSync('umount', ['-l', join(folder, 'host/disk')])
    await rm(folder, { recursive: true })
  })

  function stagingOf(dataDir: string): Staging {
    return new Staging({
      parent: join(folder, 'mounts'),
      dataDir: join(folder, dataDir),
      log: silentLogger,
    })
  }

  async function stage(path: string, container = 'c', index = 0): Promise<string> {
    const handle = await open(join(folder, path), 'r')
    const staged = await staging.stage(container, index, handle)
    await handle.close()
    return staged ?? ''
  }

  async function expectNothingLost(): Promise<void> {
    const mounted = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')
    expect(mounted.filter(line => line.includes(`${folder}/mounts`))).toEqual([])
    expect(await readFile(join(folder, 'host/file'), 'utf8')).toBe('precious')
    expect(await readFile(join(folder, 'host/disk/file'), 'utf8')).toBe('precious')
  }

  it('shows folders with what is mounted in them, and files, until they are ended', async () => {
    const [host, file] = [await stage('host'), await stage('host/file', 'c', 1)]
    expect(await readFile(join(host, 'disk/file'), 'utf8')).toBe('precious')
    expect(await readFile(file, 'utf8')).toBe('precious')
    await staging.unstage('c')
    await staging.unstage('c')
    await expect(readFile(join(host, 'file'))).rejects.toThrow('ENOENT')
    await staging.clear()
    await expectNothingLost()
    expect(await readdir(join(folder, 'mounts'))).toEqual([])
  })

  it('ends what an agent left that was killed, and nothing of what was mounted', async () => {
    await stage('host')
    await stage('host/file', 'c', 1)
    // The next run of the same agent.
    await stagingOf('data').clear()
    await expectNothingLost()
  })

  it('ends what an agent left whose data is gone, and leaves other agents alone', async () => {
    const mine = await stage('host')
    await stagingOf('other').clear()
    expect(await readFile(join(mine, 'file'), 'utf8')).toBe('precious')
    await rm(join(folder, 'data'), { recursive: true })
    await stagingOf('other').clear()
    await expectNothingLost()
  })

  it('leaves what is mounted on the host where the host is told of mounts', async () => {
    // As on hosts with systemd, where what is mounted in one place appears in its copies, and what is unmounted goes from them.
    const host = join(folder, 'host')
    execFileSync('mount', ['--rbind', host, host])
    execFileSync('mount', ['--make-rshared', host])
    try {
      await stage('host')
      await staging.unstage('c')
      expect(await readFile(join(host, 'disk/file'), 'utf8')).toBe('precious')
      await stage('host')
      await stagingOf('data').clear()
      await expectNothingLost()
    } finally {
      execFileSync('umount', ['-R', host])
    }
  })
})
