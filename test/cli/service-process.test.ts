import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'

const CLI = pathToFileURL(join(import.meta.dirname, '../../src/cli')).href

describe('a process that serves', () => {
  it('logLostPromises() tells of a failure that nobody waits for, and the process goes on', () => {
    const { status, stdout, stderr } = run(`
      const end = logLostPromises(createLogger('info'))
      void Promise.reject(new Error('nobody waits'))
      await later(50)
      console.log('alive')
      end()
    `)
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'alive\n' })
    expect(JSON.parse(stderr)).toMatchObject({ level: 50, msg: 'A failure was lost', error: 'nobody waits' })
  })

  it.runIf(existsSync('/dev/full'))('createLogger() goes on when its lines cannot be written', () => {
    const full = openSync('/dev/full', 'w')
    try {
      const { status, stdout } = run(
        `
        const log = createLogger('info')
        for (let index = 0; index < 5_000; index += 1) log.info('a line', { text: 'x'.repeat(1_000) })
        await later(50)
        log.info('another')
        console.log('alive')
      `,
        { stderr: full },
      )
      expect({ status, stdout }).toEqual({ status: 0, stdout: 'alive\n' })
    } finally {
      closeSync(full)
    }
  })

  it('createTerminal() goes on when its reader went away', () => {
    const { status, stderr } = run(`
      const terminal = createTerminal({ stdout: process.stdout, stderr: process.stderr, noColor: true })
      process.stdout.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
      await later(50)
      terminal.note('alive')
    `)
    expect({ status, stderr }).toEqual({ status: 0, stderr: 'alive\n' })
  })

  it.runIf(existsSync('/dev/full'))(
    'createTerminal() goes on when what it prints cannot be written, and runCli() ends with 1 for that',
    () => {
      const full = openSync('/dev/full', 'w')
      try {
        const terminal = run(
          `
          const terminal = createTerminal({ stdout: process.stdout, stderr: process.stderr, noColor: true })
          for (let index = 0; index < 2; index += 1) {
            terminal.print('serving')
            await later(50)
          }
          terminal.note('alive')
        `,
          { stdout: full },
        )
        expect({ status: terminal.status, stderr: terminal.stderr }).toEqual({ status: 0, stderr: 'alive\n' })
        const help = run(`process.exitCode = await runCli(['node', 'bowline', '--version'])`, {
          stdout: full,
        })
        expect(help.status).toBe(1)
        expect(help.stderr).toMatch(/^error: Cannot write the answer: ENOSPC: [^\n]+\n$/)
      } finally {
        closeSync(full)
      }
    },
  )

  it('returnYoungMemory() gives memory back once there is nothing to do, and not before', () => {
    const { status, stdout, stderr } = run(
      `
      let look = () => undefined
      const end = returnYoungMemory({ after: (_, callback) => ((look = callback), () => (look = undefined)) })
      const megabytes = () =>
        getHeapSpaceStatistics().find(space => space.space_name === 'new_space').physical_space_size / 2 ** 20
      await later(1)
      // Enough that lives through collections makes V8 take more room for it.
      let alive = []
      for (let round = 0; round < 200 && megabytes() < 8; round += 1)
        alive = Array.from({ length: 50_000 }, (_, index) => ({ index }))
      alive = []
      const busy = megabytes()
      look()
      const stillBusy = megabytes()
      // V8 gives back only when there was little to do for some seconds.
      for (let tries = 0; tries < 100 && megabytes() >= 4; tries += 1) {
        await later(200)
        look()
      }
      const quiet = megabytes()
      end()
      console.log(JSON.stringify({ grew: busy >= 8, kept: stillBusy >= 8, gone: quiet < 4, ended: look === undefined }))
    `,
      { flags: ['--expose-gc'] },
    )
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(JSON.parse(stdout)).toEqual({ grew: true, kept: true, gone: true, ended: true })
  })
})

/** Runs a program of its own with what a service is made of. */
function run(
  program: string,
  {
    stdout = 'pipe',
    stderr = 'pipe',
    flags = [],
  }: {
    readonly stdout?: number | 'pipe'
    readonly stderr?: number | 'pipe'
    readonly flags?: readonly string[]
  } = {},
) {
  const source = `
    import { createLogger } from '${CLI}/log.ts'
    import { logLostPromises } from '${CLI}/lost-promises.ts'
    import { returnYoungMemory } from '${CLI}/young-memory.ts'
    import { getHeapSpaceStatistics } from 'node:v8'
    import { createTerminal } from '${CLI}/terminal.ts'
    import { runCli } from '${CLI}/program.ts'
    const later = ms => new Promise(resolve => setTimeout(resolve, ms))
    ${program}
  `
  return spawnSync(process.execPath, [...flags, '--import', 'tsx', '--input-type=module', '--eval', source], {
    encoding: 'utf8',
    stdio: ['ignore', stdout, stderr],
    timeout: 30_000,
  })
}
