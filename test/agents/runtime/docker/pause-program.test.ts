import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { arch, platform, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { assemblePauseProgram } from '../../../../src/agents/runtime/docker/images/pause-program.ts'
import { eventually } from '../../../base/eventually.ts'

const own = ({ x64: 'amd64', arm64: 'arm64' } as const)[arch() as 'x64' | 'arm64']

it.each([
  ['amd64', 62],
  ['arm64', 183],
] as const)('assemblePauseProgram() makes one page of static ELF for %s', (architecture, machine) => {
  const program = assemblePauseProgram(architecture)
  expect(program.length).toBeLessThan(4096)
  expect(program.toString('latin1', 0, 4)).toBe('\x7fELF')
  expect(program.readUInt16LE(18)).toBe(machine)
  const entry = Number(program.readBigUInt64LE(24)) - Number(program.readBigUInt64LE(64 + 16))
  expect(entry).toBe(120)
  // The last eight bytes are the signals waited for: 2 and 15.
  expect(program.readBigUInt64LE(program.length - 8)).toBe(0x4002n)
})

it.skipIf(platform() !== 'linux' || own === undefined).each(['SIGTERM', 'SIGINT'] as const)(
  'the pause program waits until %s and exits with 0',
  async signal => {
    const folder = await mkdtemp(join(tmpdir(), 'bowline-pause-'))
    try {
      const path = join(folder, 'pause')
      await writeFile(path, assemblePauseProgram(own), { mode: 0o755 })
      const child = spawn(path)
      const exit = new Promise(resolve => child.once('exit', (code, by) => resolve({ code, by })))
      const waits = async (): Promise<boolean> =>
        (await readFile(`/proc/${child.pid}/stat`, 'utf8')).startsWith(`${child.pid} (pause) S`)
      await eventually('the program to wait', waits)
      child.kill(signal)
      expect(await exit).toEqual({ code: 0, by: null })
    } finally {
      await rm(folder, { recursive: true })
    }
  },
)
