import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runAgent } from '../../src/agent.ts'
import { silentLogger, systemClock, systemIds } from '../../src/base/index.ts'
import { runCommand } from '../../src/cli/program.ts'
import type { Terminal } from '../../src/cli/terminal.ts'

describe('runCommand()', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bowline-program-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  /** Of a service that would have to be ended it sees the start alone. */
  async function run(...words: readonly string[]): Promise<{ readonly code: number; readonly said: string }> {
    const lines: string[] = []
    const terminal: Terminal = {
      print: text => void lines.push(text),
      note: text => void lines.push(text),
      paint: (_, text) => text,
      progress: () => {},
      isTerminal: false,
      columns: 80,
    }
    const code = await runCommand(
      ['node', 'bowline', words[0] ?? '', '--data-dir', join(folder, 'data'), ...words.slice(1)],
      terminal,
      AbortSignal.abort(),
    )
    return { code, said: lines.join('\n') }
  }

  it('up: --allow-host takes one word, and not the repository after it', async () => {
    const repository = join(folder, 'shop')
    const { code, said } = await run('up', '--allow-host', '/srv', '--allow-host', 'privileged', repository)
    expect(said).toBe(`error: Cannot open ${repository}: there is no such folder`)
    expect(code).toBe(1)
  })

  it('up: a repository is named once', async () => {
    const { code, said } = await run('up', folder, '--repo', 'https://git.example.org/shop.git')
    expect(said).toBe(
      `error: Cannot follow both ${folder} and --repo https://git.example.org/shop.git\n  next: name the repository once`,
    )
    expect(code).toBe(1)
  })

  it.runIf(process.platform === 'linux')('says at once that a data directory cannot be made', async () => {
    for (const command of [['up'], ['server'], ['agent', '--server', 'https://127.0.0.1:1']]) {
      const { code, said } = await run(...command, '--data-dir', '/proc/bowline')
      expect(said).toContain('error: Cannot use the data directory /proc/bowline: ENOENT')
      expect(said).toContain('--data-dir')
      expect(code).toBe(1)
    }
  })

  it('up: a --listen without a host is no address', async () => {
    const { code, said } = await run('up', '--listen', '6443')
    expect(said).toBe('error: Cannot use --listen "6443": expected host:port, such as 127.0.0.1:6443')
    expect(code).toBe(1)
  })

  it.each(['127.0.0.1:6443', 'http://127.0.0.1:6443', 'server'])(
    'agent: a --server that is no https URL is refused: %s',
    async server => {
      const { code, said } = await run('agent', '--server', server)
      expect(said).toBe(
        `error: Cannot use --server "${server}": expected an https URL, such as https://server.example.org:6443`,
      )
      expect(code).toBe(1)
    },
  )

  it('names the file that a flag names and that is not there', async () => {
    const missing = join(folder, 'missing')
    const up = await run('up', '--acme-email', 'ada@example.org', '--acme-ca-file', missing)
    expect(up.said).toBe(`error: Cannot read --acme-ca-file ${missing}: there is no such file`)
    // The command itself would end with the process that started this one.
    const joined = runAgent(
      {
        ...{ server: 'https://127.0.0.1:1', tokenFile: missing, nodeName: 'host-1', runtime: 'process' },
        ...{ dataDir: folder, volumeDir: undefined, memoryDir: undefined, secretsKeyFile: undefined },
        mountDir: undefined,
        ...{
          dockerSockets: [],
          allowHost: [],
          pidsLimit: 0,
          ingress: undefined,
          capacityShare: 1,
          stopContainers: () => false,
        },
      },
      { clock: systemClock, ids: systemIds, log: silentLogger },
      AbortSignal.abort(),
    )
    await expect(joined).rejects.toThrow(`Cannot read the token file ${missing}: there is no such file`)
  })
})
