// Makes a fresh clone ready: installs the locked dependencies and generates the schema modules, each only when needed.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { cacheFolder } from './cache-folder.mjs'

const ROOT = resolve(import.meta.dirname, '..')

function run(command, args, env = process.env) {
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', env })
  if (error !== undefined) console.error(`Cannot run ${command}: ${error.message}`)
  if (status !== 0) process.exit(status ?? 1)
}

function isOlder(target, source) {
  return !existsSync(target) || statSync(target).mtimeMs < statSync(source).mtimeMs
}

/** `>=20.19`, as package.json says it. */
function refuseOldNode() {
  const { engines } = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8'))
  const [major, minor] = process.versions.node.split('.').map(Number)
  const [wantedMajor, wantedMinor] = engines.node.replace('>=', '').split('.').map(Number)
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return
  console.error(`Cannot go on with Node ${process.versions.node}: ${engines.node} is needed`)
  process.exit(1)
}

refuseOldNode()
if (isOlder(resolve(ROOT, 'node_modules/.package-lock.json'), resolve(ROOT, 'package-lock.json')))
  run('npm', ['ci', '--no-fund', '--no-audit'])
run(process.execPath, ['--import', 'tsx', 'scripts/generate-schemas.ts'], {
  ...process.env,
  TMPDIR: cacheFolder(),
})
