// Runs every test in three rows side by side: the unit tests, and the end-to-end tests of several hosts and of one host, which mostly
// wait for engines and clocks. With arguments it is `vitest run` with these arguments.
import { spawn, spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import './setup.mjs'

const ROOT = resolve(import.meta.dirname, '..')
const VITEST = resolve(ROOT, 'node_modules/vitest/vitest.mjs')

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

/** The command that runs another one there. */
function inOwnNetwork(command) {
  return ['unshare', '--net', 'sh', '-ec', OWN_NETWORK, 'sh', ...command]
}

/** Whoever may not make a network has no engines of tests either (test/support/dockerd.ts), and meets nobody. */
function canHaveOwnNetwork() {
  const [program, ...args] = inOwnNetwork(['true'])
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0
}

/** Resolves to the exit code. What is `quiet` is printed at its end and in one piece. */
function vitest(args, { quiet = false, ownNetwork = false } = {}) {
  return new Promise((done, fail) => {
    const stdio = ['inherit', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit']
    const command = [process.execPath, VITEST, 'run', ...args]
    const [program, ...rest] = ownNetwork ? inOwnNetwork(command) : command
    const child = spawn(program, rest, { cwd: ROOT, stdio })
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
  const codes = await Promise.all([
    vitest(['--project', 'unit', '--project', 'package']),
    vitest(['--project', 'e2e-hosts'], { quiet: true }),
    vitest(['--project', 'e2e'], { quiet: true, ownNetwork: canHaveOwnNetwork() }),
  ])
  return Math.max(...codes)
}

const args = process.argv.slice(2)
process.exitCode = args.length === 0 ? await everything() : await vitest(args)
