import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { KeptShell } from '../../../../src/agents/network/iproute/kept-shell.ts'
import { type Ids, systemIds } from '../../../../src/base/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { FakeClock } from '../../../base/fake-clock.ts'

describe('KeptShell', () => {
  let clock: FakeClock
  let shell: KeptShell
  let folder: string

  beforeEach(async () => {
    clock = new FakeClock()
    shell = new KeptShell({ clock, ids: systemIds })
    folder = await mkdtemp(join(tmpdir(), 'bowline-shell-'))
  })
  afterEach(async () => {
    await shell.close()
    await rm(folder, { recursive: true, force: true })
  })

  /** The shell itself, of which a subshell is a child. */
  async function shellPid(): Promise<number> {
    return Number((await shell.run('echo $$')).output)
  }

  /** What a script has written into this file. */
  function written(file: string): Promise<string> {
    return eventually(`something in ${file}`, async () => await readFile(file, 'utf8').catch(() => undefined))
  }

  it('gives the exit code and both outputs of a script apart', async () => {
    expect(await shell.run('echo out; echo err >&2; exit 3')).toEqual({
      code: 3,
      output: 'out\n',
      complaint: 'err\n',
    })
  })

  it('gives what does not end in a line as it is, and nothing as nothing', async () => {
    expect((await shell.run('printf "no end"; printf "none either" >&2')).complaint).toBe('none either')
    expect((await shell.run('printf "no end"')).output).toBe('no end')
    expect(await shell.run('')).toEqual({ code: 0, output: '', complaint: '' })
  })

  it.each([
    ['an exit', 'exit 7', 7],
    ['a failure under -e', 'set -e; false; echo not here', 1],
    ['an error of syntax', 'if then', 2],
    ['a quote that is not closed', `echo '`, 2],
    ['a bracket too many', 'true )', 2],
    ['outputs that it closes', 'exec >&- 2>&-; exit 5', 5],
    ['another folder and other variables', 'cd /proc; PATH=; IFS=x; printf() { :; }', 0],
    ['a read', 'read line; read line; echo "$line"', 0],
    ['a signal', 'kill -9 $(exec sh -c "echo \\$PPID")', 137],
  ])('is not confused by %s', async (_, script, code) => {
    const pid = await shellPid()
    expect((await shell.run(script)).code).toBe(code)
    expect(await shell.run('pwd; echo next')).toEqual({ code: 0, output: '/\nnext\n', complaint: '' })
    expect(await shellPid()).toBe(pid)
  })

  it('is not confused by what looks like the end of a script', async () => {
    const marks: string[] = []
    const ids: Ids = {
      ...systemIds,
      uid() {
        marks.push(systemIds.uid())
        return marks.at(-1) as string
      },
    }
    const told = new KeptShell({ clock, ids })
    await told.run('true')
    const text = `\n${marks[0]} 0\n`
    const { code, output } = await told.run(`printf '${text}'; printf '${text}' >&2; exit 4`)
    expect({ code, output }).toEqual({ code: 4, output: text })
    await told.close()
  })

  it('gives a megabyte of output whole, and the beginning of as long a complaint', async () => {
    const million = `head -c 1000000 /dev/zero | tr '\\0' x`
    const { code, output, complaint } = await shell.run(`${million}; ${million} >&2; echo ä >&2; exit 6`)
    expect({ code, output: output.length, complaint }).toEqual({
      code: 6,
      output: 1_000_000,
      complaint: 'x'.repeat(1_000),
    })
  })

  it('ends a script that prints without an end', async () => {
    await expect(shell.run('yes')).rejects.toThrow(/printed more than/)
    expect((await shell.run('echo next')).output).toBe('next\n')
  })

  it('takes a script of any length with any text', async () => {
    const text = `'"\\$(exit 9)\`exit 9\`\nEND\n`.repeat(10_000)
    const { output } = await shell.run(`cat <<'THE END'\n${text}THE END\n`)
    expect(output).toBe(text)
  })

  it('refuses a script that no shell could read', async () => {
    await expect(shell.run('echo \0')).rejects.toThrow(TypeError)
    expect((await shell.run('echo next')).output).toBe('next\n')
  })

  it('answers each of many callers with what it asked for, one script at a time in one shell', async () => {
    const file = join(folder, 'running')
    const script = (n: number) =>
      `[ -e ${file} ] && exit 1; : > ${file}; echo ${n}; rm ${file}; echo $$ >&2; exit ${n}`
    const results = await Promise.all(Array.from({ length: 100 }, (_, n) => shell.run(script(n))))
    expect(results.map(({ code, output }) => [code, output])).toEqual(results.map((_, n) => [n, `${n}\n`]))
    expect(new Set(results.map(({ complaint }) => complaint)).size).toBe(1)
  })

  it('fails a script whose shell was ended, and starts another for the next', async () => {
    const pid = await shellPid()
    const scripts = [shell.run('kill -9 $$; echo not whole'), shell.run('echo next')]
    await expect(scripts[0]).rejects.toMatchObject({ code: 'unavailable', retryable: true })
    expect((await scripts[1])?.output).toBe('next\n')
    expect(await shellPid()).not.toBe(pid)
  })

  it('starts another shell when it was ended while it had nothing to do', async () => {
    const pid = await shellPid()
    process.kill(pid, 'SIGKILL')
    await eventually('the shell to be gone', () => !isRunning(pid))
    const { output } = await eventually('another shell', () => shell.run('echo $$').catch(() => undefined))
    expect(Number(output)).not.toBe(pid)
  })

  it('ends a script that hangs with all that it started, and goes on with the next', async () => {
    const file = join(folder, 'pids')
    const hangs = shell.run(`sleep 1000 & echo $! $$ > ${file}.new; mv ${file}.new ${file}; wait`)
    const next = shell.run('echo next')
    const pids = (await written(file)).trim().split(' ').map(Number)
    await Promise.all([expect(hangs).rejects.toMatchObject({ code: 'timeout' }), clock.advance(10_000)])
    expect(pids.filter(isRunning)).toEqual([])
    expect((await next).output).toBe('next\n')
  })

  it('ends its shell when it had nothing to do for a while, and starts one again', async () => {
    const pid = await shellPid()
    await clock.advance(29_000)
    expect(await shellPid()).toBe(pid)
    await clock.advance(30_000)
    await eventually('the shell to end', () => !isRunning(pid))
    expect(await shellPid()).not.toBe(pid)
  })

  it('ends everything when it is closed: what runs, what waits and what comes later', async () => {
    const file = join(folder, 'pids')
    const runs = shell.run(`echo $$ > ${file}.new; mv ${file}.new ${file}; sleep 1000`)
    const waits = shell.run(`: > ${folder}/waited`)
    const pid = Number(await written(file))
    const failed = Promise.all(
      [runs, waits].map(script => expect(script).rejects.toMatchObject({ code: 'aborted' })),
    )
    await shell.close()
    await failed
    await expect(shell.run('true')).rejects.toMatchObject({ code: 'aborted' })
    expect(isRunning(pid)).toBe(false)
    expect(existsSync(join(folder, 'waited'))).toBe(false)
    expect(clock.pending).toBe(0)
  })

  it('says so where there is no shell', async () => {
    vi.stubEnv('PATH', folder)
    try {
      await expect(shell.run('true')).rejects.toMatchObject({ code: 'unsupported' })
    } finally {
      vi.unstubAllEnvs()
    }
    expect((await shell.run('echo next')).output).toBe('next\n')
  })
})

/** One that has ended and was not waited for yet runs nothing any more. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
