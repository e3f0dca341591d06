// `npm run demo`: makes a fresh clone ready, then runs the program in scripts/demo/.
import { spawnSync } from 'node:child_process'
import { existsSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from './build.mjs'

// Nothing is to stay behind, also no cache of the program that reads TypeScript and not the empty folder that it makes.
process.env.TSX_DISABLE_CACHE = '1'
const tsxFolder = join(tmpdir(), `tsx-${process.getuid?.() ?? 0}`)
if (!existsSync(tsxFolder))
  process.on('exit', () => {
    try {
      rmdirSync(tsxFolder)
    } catch {
      // It was never made, or something else uses it.
    }
  })

const { status } = spawnSync(process.execPath, [fileURLToPath(new URL('setup.mjs', import.meta.url))], {
  stdio: 'inherit',
})
if (status !== 0) process.exit(status ?? 1)
build({ ifNeeded: true })

const { register } = await import('tsx/esm/api')
register()
const { runDemo } = await import('./demo/main.ts')
process.exitCode = await runDemo(process.argv.slice(2))
