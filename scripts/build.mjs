// Builds dist/ from src/. It is made beside the old one and takes its place at once, so that nothing that runs from dist/
// finds it half-written, and no file of an earlier build stays. With --if-needed, only when src/ is newer; then types are not
// checked either, because that is the business of `npm run check`. With `--to FOLDER` only the program, into that folder.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheFolder } from './cache-folder.mjs'

const ROOT = resolve(import.meta.dirname, '..')
const INPUTS = ['src', 'scripts/schemas', 'scripts/generate-schemas.ts', 'package.json', 'tsconfig.json']

/** What is started by itself: the command, and the thread that parses. */
const ENTRIES = { main: 'src/main.ts', 'parse-worker': 'src/sync/revision/parse-worker.ts' }

/** What the program reads from beside itself. */
const DATA = ['src/kube/generated/descriptions.json']

/**
 * How the command starts itself. A shell reads the second line and puts Node in its own place; for Node it is a string and a
 * comment. Services give memory back when they are quiet (src/cli/young-memory.ts), for which V8 has to offer its collector: it may
 * take 48 MB for what is young while there is much to do, with which a busy server does a sixth more. The C library would give threads
 * arenas of their own, whose free parts nobody else gets: with one for all, an agent that is loaded holds 5 MB less. V8 would compile the parser of
 * HTTP answers (undici's, in WebAssembly) once more to make it faster, for which it takes 30 MB that stay with the process: 109 MB
 * an agent instead of 79. Agents of `up` inherit all three.
 */
const LAUNCHER = `#!/bin/sh
':' //; export MALLOC_ARENA_MAX="\${MALLOC_ARENA_MAX:-1}"; exec node --expose-gc --liftoff-only "$0" "$@"
`

export async function build({ ifNeeded = false } = {}) {
  if (ifNeeded && !isStale()) return
  removeRemains()
  const out = `dist.${process.pid}`
  try {
    run(['--import', 'tsx', 'scripts/generate-schemas.ts'])
    if (!ifNeeded) run(['node_modules/typescript/bin/tsc', '--noEmit'])
    await writeProgram(join(ROOT, out))
    takePlace(out)
  } finally {
    rmSync(join(ROOT, out), { recursive: true, force: true })
  }
}

/**
 * The program in a few files, one for what each command loads: Node takes twice the time to start from a file for every module, and
 * keeps megabytes of each process for them. Packages stay outside.
 */
async function writeProgram(folder) {
  // Not above: `npm run demo` loads this file before anything is installed.
  const esbuild = await import('esbuild')
  await esbuild.build({
    absWorkingDir: ROOT,
    entryPoints: ENTRIES,
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'warning',
  })
  for (const path of DATA) copyFileSync(join(ROOT, path), join(folder, basename(path)))
  makeCommand(join(folder, 'main.js'))
}

function makeCommand(path) {
  const text = readFileSync(path, 'utf8').replace(/^#!.*\n/, LAUNCHER)
  writeFileSync(path, text)
  chmodSync(path, 0o755)
}

/** What builds that were killed have left. */
function removeRemains() {
  for (const name of readdirSync(ROOT)) {
    const pid = /^dist\.(\d+)(\.old)?$/.exec(name)?.[1]
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(ROOT, name), { recursive: true, force: true })
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function isStale() {
  const built = modifiedAt(join(ROOT, 'dist/main.js'))
  return built === 0 || INPUTS.some(input => newest(join(ROOT, input)) > built)
}

function newest(path) {
  if (!statSync(path).isDirectory()) return modifiedAt(path)
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  return Math.max(0, ...files.map(entry => modifiedAt(join(entry.parentPath, entry.name))))
}

function modifiedAt(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/** Two builds at once both succeed; the later one stays. */
function takePlace(out) {
  const old = join(ROOT, `${out}.old`)
  for (let attempt = 0; ; attempt += 1) {
    try {
      renameSync(join(ROOT, 'dist'), old)
    } catch (error) {
      if (error.code !== 'ENOENT') throw error
    }
    try {
      renameSync(join(ROOT, out), join(ROOT, 'dist'))
      break
    } catch (error) {
      if (attempt >= 10 || !['ENOTEMPTY', 'EEXIST'].includes(error.code)) throw error
    }
  }
  rmSync(old, { recursive: true, force: true })
}

function run(args) {
  const { status, signal } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, TMPDIR: cacheFolder() },
    stdio: 'inherit',
  })
  if (status !== 0) throw new Error(`Cannot build: node ${args[0]} ended with ${signal ?? status}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const [option, folder] = process.argv.slice(2)
    if (option === '--to') await writeProgram(resolve(folder))
    else await build({ ifNeeded: option === '--if-needed' })
  } catch (error) {
    console.error(error.message)
    process.exitCode = 1
  }
}
