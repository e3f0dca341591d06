import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { KeptShell, runIpAcross } from '../../../../src/agents/network/iproute/index.ts'
import { systemClock, systemIds } from '../../../../src/base/index.ts'
import { netLabAvailability } from '../support/net-lab.ts'

const { available, reason } = netLabAvailability()

/** What is done here changes nothing: only a namespace that the test made is changed. */
describe.skipIf(!available)(`runIpAcross() (${reason})`, () => {
  let holder: ChildProcessWithoutNullStreams
  const shell = new KeptShell({ clock: systemClock, ids: systemIds })
  let namespace: FileHandle
  beforeAll(async () => {
    holder = spawn('unshare', ['--net', 'sh', '-c', 'echo; exec sleep 1000'])
    await once(holder.stdout, 'data')
    namespace = await open(`/proc/${holder.pid}/ns/net`)
  })
  afterAll(async () => {
    await shell.close()
    await namespace?.close()
    holder?.kill('SIGKILL')
  })

  function across(inside: readonly string[], here: readonly string[], sysctls = {}): Promise<void> {
    return runIpAcross(shell, { namespaceFd: namespace.fd, inside, here, sysctls })
  }

  /** The interfaces of the namespace that the test made. */
  async function interfaces(): Promise<string> {
    const { stdout } = await promisify(execFile)('nsenter', [
      '-t',
      `${holder.pid}`,
      '-n',
      'ip',
      '-br',
      'link',
    ])
    return stdout
  }

  it('does in the namespace what belongs there, and the rest here', async () => {
    const own = (await readFile('/proc/net/dev', 'utf8')).match(/^ *[^:\n]+(?=:)/gm)?.map(name => name.trim())
    await across(
      ['link add across-1 type bridge'],
      (own ?? []).map(name => `link show ${name}`),
    )
    expect(await interfaces()).toContain('across-1')
    expect(own).not.toContain('across-1')
  })

  it('ends with the first that fails, and says what it was', async () => {
    await expect(across(['link show not-there', 'link add across-2 type bridge'], [])).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('"not-there" does not exist'),
    })
    await expect(across(['link add across-3 type bridge'], ['link show not-here'])).rejects.toThrow(
      'not-here',
    )
    await expect(across([], [], { 'not/there': '1' })).rejects.toThrow('not/there')
    expect(await interfaces()).toMatch(/across-3/)
    expect(await interfaces()).not.toMatch(/across-2/)
  })

  it('tells of what is there already', async () => {
    await expect(across(['link add across-1 type bridge'], [])).rejects.toMatchObject({ code: 'conflict' })
    await expect(across([], ['link add lo type bridge'])).rejects.toMatchObject({ code: 'conflict' })
  })

  it('is not confused by a namespace that is gone', async () => {
    const gone = { namespaceFd: 1_000_000, inside: ['link show'], here: [], sysctls: {} }
    await expect(runIpAcross(shell, gone)).rejects.toMatchObject({ code: 'internal' })
    await across(['link show lo'], ['link show lo'])
  })
})
