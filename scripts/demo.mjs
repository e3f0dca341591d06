// `npm run demo`: makes a fresh clone ready, then runs the program in scripts/demo/.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { build } from './build.mjs'
import { cacheFolder } from './cache-folder.mjs'

const setup = fileURLToPath(new URL('setup.mjs', import.meta.url))
const { status } = spawnSync(process.execPath, [setup], { stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)
await build({ ifNeeded: true })

const temporary = process.env.TMPDIR
process.env.TMPDIR = cacheFolder()
const { register } = await import('tsx/esm/api')
register()
if (temporary === undefined) delete process.env.TMPDIR
else process.env.TMPDIR = temporary

const { runDemo } = await import('./demo/main.ts')
process.exitCode = await runDemo(process.argv.slice(2))
