// Runs every test: the end-to-end tests of several hosts, which mostly wait for engines and clocks, beside the unit tests and then the
// end-to-end tests of one host. With arguments it is `vitest run` with these arguments.
import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import './setup.mjs'

const ROOT = resolve(import.meta.dirname, '..')
const VITEST = resolve(ROOT, 'node_modules/vitest/vitest.mjs')

/** Resolves to the exit code. What is `quiet` is printed at its end and in one piece. */
function vitest(args, { quiet = false } = {}) {
  return new Promise((done, fail) => {
    const stdio = ['inherit', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit']
    const child = spawn(process.execPath, [VITEST, 'run', ...args], { cwd: ROOT, stdio })
    const printed = []
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', chunk => printed.push(chunk))
    child.on('error', fail)
    child.on('close', code => {
      process.stdout.write(Buffer.concat(printed))
      done(code ?? 1)
    })
  })
}

async function everything() {
  const hosts = vitest(['--project', 'e2e-hosts'], { quiet: true })
  const unit = await vitest(['--project', 'unit'])
  const host = await vitest(['--project', 'e2e'])
  return Math.max(unit, host, await hosts)
}

const args = process.argv.slice(2)
process.exitCode = args.length === 0 ? await everything() : await vitest(args)
