// Runs every test, as three at a time: the unit tests, the end-to-end tests of several hosts, and those of one host. The end-to-end
// tests mostly wait for engines and clocks, and have the first right to the processors. With arguments it is `vitest run` with these
// arguments.
import { spawn } from 'node:child_process'
import { setPriority } from 'node:os'
import { resolve } from 'node:path'
import './setup.mjs'

const ROOT = resolve(import.meta.dirname, '..')
const VITEST = resolve(ROOT, 'node_modules/vitest/vitest.mjs')

/** Takes what others leave of the processors (setpriority(2)): with 5, a third of the share of one with 0. */
const NICE = 5

/**
 * A network with an address and no way out, for what follows. Unit tests run agents on this machine's network meanwhile: neither
 * meets the other's ports and routes.
 */
const OWN_NETWORK = `
ip link set lo up
ip link add eth0 type veth peer name far
ip address add 198.18.0.1/24 dev eth0
ip link set far up
ip link set eth0 up
exec "$@"`

/** Resolves to the exit code. What is `quiet` is printed at its end and in one piece. */
function vitest(args, { quiet = false, nice = 0, ownNetwork = false } = {}) {
  return new Promise((done, fail) => {
    const stdio = ['inherit', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit']
    const command = [process.execPath, VITEST, 'run', ...args]
    const [program, ...rest] = ownNetwork
      ? ['unshare', '--net', 'sh', '-ec', OWN_NETWORK, 'sh', ...command]
      : command
    const child = spawn(program, rest, { cwd: ROOT, stdio })
    const printed = []
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', chunk => printed.push(chunk))
    child.on('error', fail)
    child.on('spawn', () => setPriority(child.pid, nice))
    child.on('close', code => {
      process.stdout.write(Buffer.concat(printed))
      done(code ?? 1)
    })
  })
}

async function everything() {
  // Where engines of tests run (test/support/dockerd.ts), networks can be made as well.
  const ownNetwork = process.platform === 'linux' && process.getuid() === 0
  const codes = await Promise.all([
    vitest(['--project', 'unit', '--project', 'package'], { nice: NICE }),
    vitest(['--project', 'e2e-hosts'], { quiet: true }),
    vitest(['--project', 'e2e'], { quiet: true, ownNetwork }),
  ])
  return Math.max(...codes)
}

const args = process.argv.slice(2)
process.exitCode = args.length === 0 ? await everything() : await vitest(args)
