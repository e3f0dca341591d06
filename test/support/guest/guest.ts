/**
 * A host with a kernel of its own, for what the kernel of this machine may not have: an NFS client and server. It is
 * Debian's user-mode Linux, a kernel that runs as a process, with a Docker Engine inside (see init.sh beside this).
 *
 * The guest sees this machine's programs (/usr, read-only) and one folder, {@link Guest.shared}, under the same name, so
 * that an agent outside can hand files to the engine inside. Both meet over a link of their own. The guest ends with its
 * input, that is with this process at the latest, and nothing of it is left.
 */
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Docker from 'dockerode'
import { systemClock } from '../../../src/base/index.ts'
import { Program, runOk } from '../../e2e/support/program.ts'
import { importBusybox, testEngineAvailability } from '../dockerd.ts'

const KERNEL = '/usr/bin/linux.uml'
const MODULES = '/usr/lib/uml/modules'

/** What the guest loads, with all that these need. */
const WANTED = ['veth', 'bridge', 'overlay', 'dummy', 'nfsd', 'nfsv4']

/** Undefined where a guest can be started; else why not. With `CI=true` that is a failure. */
export function guestProblem(): string | undefined {
  const { available, reason } = testEngineAvailability()
  const problem = available ? missing() : reason
  if (problem !== undefined && process.env.CI === 'true')
    throw new Error(`CI needs user-mode Linux: ${problem}`)
  return problem
}

function missing(): string | undefined {
  if (process.arch !== 'x64') return 'skipped: user-mode Linux needs an x86 processor'
  const paths = [KERNEL, MODULES, '/dev/net/tun']
  const absent = paths.filter(path => !existsSync(path))
  return absent.length === 0 ? undefined : `skipped: not there: ${absent.join(', ')}`
}

export class Guest {
  /** A folder that has the same files inside and outside. */
  readonly shared: string
  /** The engine inside. */
  readonly socketPath: string
  readonly docker: Docker
  readonly #folder: string
  readonly #link: Link
  readonly #machine: Program

  private constructor(folder: string, link: Link, machine: Program) {
    this.shared = join(folder, 'shared')
    this.#folder = folder
    this.#link = link
    this.#machine = machine
    this.docker = new Docker({ host: link.inside, port: ENGINE_PORT, protocol: 'http' })
    this.socketPath = `tcp://${link.inside}:${ENGINE_PORT}`
  }

  /** Boots a guest, whose engine answers and has the test image then. */
  static async start(): Promise<Guest> {
    const folder = await mkdtemp(join(tmpdir(), 'bowline-guest-'))
    const link = linkOf(folder)
    await prepareRoot(folder)
    await runOk('ip', ['tuntap', 'add', 'dev', link.device, 'mode', 'tap'])
    await runOk('ip', ['address', 'add', `${link.outside}/30`, 'dev', link.device])
    await runOk('ip', ['link', 'set', link.device, 'up'])
    const guest = new Guest(folder, link, boot(folder, link))
    try {
      await guest.#untilTheEngineAnswers()
      await importBusybox(guest.docker)
    } catch (error) {
      await guest.destroy()
      throw error
    }
    return guest
  }

  /** Runs a script of the shell inside, as its root, and answers with what it printed. */
  run(script: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: this.#link.inside, port: SHELL_PORT })
      let text = ''
      socket.setEncoding('utf8')
      socket.on('data', chunk => {
        text += chunk
      })
      socket.once('error', reject)
      socket.once('close', () => resolve(text))
      socket.write(`exec 2>&1\n${script}\nexit\n`)
    })
  }

  /** Switches the guest off and removes what it had on this machine. */
  async destroy(): Promise<void> {
    this.#machine.child.stdin?.end()
    const kill = setTimeout(() => this.#machine.child.kill('SIGKILL'), 10_000)
    await this.#machine.ended
    clearTimeout(kill)
    await runOk('ip', ['link', 'delete', this.#link.device])
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #untilTheEngineAnswers(): Promise<void> {
    for (const deadline = systemClock.now() + BOOT_TIMEOUT_MS; systemClock.now() < deadline; ) {
      if (this.#machine.hasEnded) break
      const answers = await Promise.race([
        this.docker.ping().then(
          () => true,
          () => false,
        ),
        systemClock.sleep(1_000).then(() => false),
      ])
      if (answers) return
      await systemClock.sleep(50)
    }
    const log = await Promise.race([this.run('tail -n 20 /run/dockerd.log'), systemClock.sleep(2_000)]).catch(
      String,
    )
    throw new Error(
      `the guest's engine does not answer: ${this.#machine.stdout}${this.#machine.stderr}${log}`,
    )
  }
}

const ENGINE_PORT = 2375
const SHELL_PORT = 2323
/** Booting and starting an engine take 10 s on an idle machine. */
const BOOT_TIMEOUT_MS = 90_000

interface Link {
  readonly device: string
  readonly outside: string
  readonly inside: string
}

/** A link of four addresses out of 198.19.0.0/16 (RFC 2544: for tests) that follows from the folder's random name. */
function linkOf(folder: string): Link {
  let sum = 0
  for (const character of folder) sum = (sum * 31 + character.charCodeAt(0)) % 0x4000
  const base = `198.19.${sum >> 6}`
  const first = (sum & 63) * 4
  return { device: `guest${sum}`, outside: `${base}.${first + 1}`, inside: `${base}.${first + 2}` }
}

/** The folder that is the guest's root: places to mount at, and the list of modules. */
async function prepareRoot(folder: string): Promise<void> {
  const root = join(folder, 'root')
  for (const place of [
    'usr',
    'proc',
    'sys',
    'run',
    'dev',
    'tmp',
    'etc',
    'srv',
    'var',
    join(folder, 'shared'),
  ])
    mkdirSync(join(root, place), { recursive: true })
  mkdirSync(join(folder, 'shared'))
  for (const place of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${place}`, join(root, place))
  symlinkSync('/run', join(root, 'var/run'))
  await writeFile(join(root, 'init'), await readFile(new URL('init.sh', import.meta.url)), { mode: 0o700 })
  await writeFile(join(root, 'modules'), `${(await modulesToLoad()).join('\n')}\n`)
}

/** The modules' files in the order in which they can be loaded. */
async function modulesToLoad(): Promise<readonly string[]> {
  const [version = ''] = await readdir(MODULES)
  const lines = (await readFile(join(MODULES, version, 'modules.dep'), 'utf8')).split('\n')
  const ordered = WANTED.flatMap(name => {
    const line = lines.find(each => each.slice(0, each.indexOf(':')).endsWith(`/${name}.ko`))
    if (line === undefined) throw new Error(`user-mode Linux has no module ${name} in ${MODULES}/${version}`)
    const [path = '', needs = ''] = line.split(':')
    // What a module needs is listed from the nearest to the farthest.
    return [path, ...needs.split(' ').filter(Boolean)].reverse()
  })
  return [...new Set(ordered)].map(path => join(MODULES, version, path))
}

/** The mounts are the guest's alone, and go with it. */
function boot(folder: string, { device, inside }: Link): Program {
  const root = join(folder, 'root')
  const shared = join(folder, 'shared')
  const kernel = [
    ...[KERNEL, 'mem=1G', 'quiet', `uml_dir=${folder}`, 'con=null', 'con0=fd:0,fd:1'],
    ...['root=none', 'rootfstype=hostfs', 'rootflags=/', `hostfs=${root}`, 'rw', 'init=/init'],
    ...[`vec0:transport=tap,ifname=${device}`, `GUEST_ADDRESS=${inside}/30`, 'GUEST_MODULES=/modules'],
  ]
  const script = [
    `mount --bind -o ro /usr '${root}/usr'`,
    `mount --bind '${shared}' '${root}${shared}'`,
    `exec ${kernel.map(word => `'${word}'`).join(' ')}`,
  ].join(' && ')
  return new Program('unshare', ['--mount', 'sh', '-c', script], { keepInput: true })
}
