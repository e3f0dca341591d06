// Makes a fresh clone ready: installs the locked dependencies and generates the schema modules, each only when needed.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'

function run(command, args) {
  const { status } = spawnSync(command, args, { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

function isOlder(target, source) {
  return !existsSync(target) || statSync(target).mtimeMs < statSync(source).mtimeMs
}

if (isOlder('node_modules/.package-lock.json', 'package-lock.json'))
  run('npm', ['ci', '--no-fund', '--no-audit'])
run('npm', ['run', '--silent', 'generate'])
