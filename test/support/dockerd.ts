/**
 * A Docker Engine for tests: a private dockerd under a folder of its own, started on demand, as many side by side as a
 * test wants. It touches no engine that runs on the machine already.
 *
 *     const availability = testEngineAvailability()
 *     describe.skipIf(!availability.available)(`… (${availability.reason})`, () => {
 *       let engine: TestEngine
 *       beforeAll(async () => { engine = await startTestEngine() })
 *       afterAll(() => engine.destroy())
 *       it('…', async () => { … engine.socketPath, engine.docker, TEST_IMAGE … })
 *     })
 *
 * `kill()` ends dockerd as kill -9 does (its containers go on), `start()` starts it again on the same data, `destroy()`
 * removes everything: containers, networks, mounts, files. Each engine has the image `TEST_IMAGE`, a static busybox, made
 * with the engine's import; nothing is pulled. Networks come from 10.64.0.0/10, a /16 an engine; there is no default
 * bridge, because all engines of a host would share the interface docker0.
 *
 * It needs Linux, root, and the programs dockerd, containerd, runc, ip and a static busybox (Debian: docker.io,
 * busybox-static, iproute2). Without them tests are skipped, with `CI=true` they fail. `BOWLINE_TEST_DOCKER=<socket>` names
 * an engine to use instead; it cannot be killed or started, and only its own containers are removed by the tests.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { accessSync, constants, existsSync, openSync, readFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import Docker from 'dockerode'
import { busyboxRoot } from '../../src/agents/runtime/docker/images/busybox-image.ts'
import { packTar } from '../../src/agents/runtime/docker/images/tar.ts'

/** Runs busybox: a shell, sleep, httpd, wget and the rest. Its `/etc` holds users and groups only. */
export const TEST_IMAGE = 'bowline.test/busybox:1'

/** Whether an engine can be had here, and in words why not. Throws with `CI=true` when it cannot. */
export function testEngineAvailability(): { readonly available: boolean; readonly reason: string } {
  const reason = whyNot()
  if (reason === undefined) return { available: true, reason: 'with a private dockerd' }
  if (process.env.CI === 'true') throw new Error(`CI needs a Docker Engine for tests: ${reason}`)
  return { available: false, reason: `skipped: ${reason}` }
}

export interface TestEngineOptions {
  /**
   * The name of a network namespace (`ip netns add`) that the engine lives in. It has a default bridge there, and may be a
   * Swarm's manager without meeting others on this machine. Never the engine of `BOWLINE_TEST_DOCKER`.
   */
  readonly networkNamespace?: string
}

/** Starts an engine and loads the test image. */
export async function startTestEngine(options: TestEngineOptions = {}): Promise<TestEngine> {
  const given = options.networkNamespace === undefined ? process.env.BOWLINE_TEST_DOCKER : undefined
  const engine = new TestEngine(
    given ?? (await mkdtemp(join(tmpdir(), 'bowline-dockerd-'))),
    given !== undefined,
    options.networkNamespace,
  )
  if (given === undefined) await engine.start()
  await importBusybox(engine.docker)
  return engine
}

export class TestEngine {
  readonly socketPath: string
  /** A client of its own, for looking behind the back of what is tested. */
  readonly docker: Docker
  readonly #folder: string
  readonly #isGiven: boolean
  readonly #networkNamespace: string | undefined
  #daemon: ChildProcess | undefined
  #rangesTaken = 0

  constructor(place: string, isGiven: boolean, networkNamespace: string | undefined) {
    this.#folder = place
    this.#isGiven = isGiven
    this.#networkNamespace = networkNamespace
    this.socketPath = isGiven ? place.replace(/^unix:\/\//, '') : join(place, 'docker.sock')
    this.docker = new Docker({
      socketPath: this.socketPath,
      host: undefined,
      port: undefined,
    } as Docker.DockerOptions)
  }

  /** A /24 of the engine's addresses that it will not come to, another one each time. */
  takeRange(): string {
    this.#rangesTaken += 1
    return poolOf(this.#folder).replace('.0.0/16', `.${256 - this.#rangesTaken}.0/24`)
  }

  /** False for an engine that was named by `BOWLINE_TEST_DOCKER`. */
  get canBeKilled(): boolean {
    return !this.#isGiven
  }

  /**
   * Starts dockerd on this engine's folder and waits until it answers. On a busy machine it may give up on its containerd, which takes
   * more than ten seconds then; as a service manager does, it is started again.
   */
  async start(): Promise<void> {
    this.#refuseIfGiven()
    await this.#startOnce().catch(async (error: Error) => {
      if (!error.message.includes('timeout waiting for containerd to start')) throw error
      await this.#endContainerd('SIGKILL')
      await this.#startOnce()
    })
  }

  async #startOnce(): Promise<void> {
    const folder = this.#folder
    await this.#forgetContainerd()
    const log = openSync(join(folder, 'dockerd.log'), 'a')
    const namespace = this.#networkNamespace
    const [program = 'dockerd', ...args] = [
      // Not `ip netns exec`: it mounts /sys anew, without the cgroups that dockerd needs.
      ...(namespace === undefined ? [] : ['nsenter', `--net=/run/netns/${namespace}`]),
      ...['dockerd', '--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
      ...['--pidfile', join(folder, 'docker.pid'), '-H', `unix://${this.socketPath}`],
      ...(namespace === undefined ? ['--bridge', 'none'] : []),
      ...['--default-address-pool', `base=${poolOf(folder)},size=24`],
    ]
    // Its own group, so that an interrupted test run does not end it before it is cleaned up.
    const daemon = spawn(program, args, { stdio: ['ignore', log, log], detached: true })
    this.#daemon = daemon
    await this.#untilItAnswers(daemon)
  }

  /** As `kill -9` of dockerd: containerd and the containers go on. */
  async kill(): Promise<void> {
    this.#refuseIfGiven()
    await ended(this.#daemon, 'SIGKILL')
  }

  /** As a service manager stops it: the containers end. */
  async stop(): Promise<void> {
    this.#refuseIfGiven()
    await ended(this.#daemon, 'SIGTERM')
  }

  /** As a power cut: dockerd, containerd and every container end at once, and what they kept in memory is gone. */
  async crash(): Promise<void> {
    this.#refuseIfGiven()
    await ended(this.#daemon, 'SIGKILL')
    await this.#endContainerd('SIGKILL')
    await this.#endOrphans()
    for (const mount of mountsUnder(this.#folder)) await run('umount', ['-l', mount]).catch(() => undefined)
    await rm(join(this.#folder, 'exec'), { recursive: true, force: true, maxRetries: 5 })
    await rm(join(this.#folder, 'docker.pid'), { force: true })
  }

  /** Removes what the engine holds, ends it and deletes its folder. An engine that was named stays as it is. */
  async destroy(): Promise<void> {
    if (this.#isGiven) return
    if (this.#daemon?.exitCode !== null || this.#daemon.signalCode !== null)
      await this.start().catch(() => undefined)
    await this.#empty().catch(() => undefined)
    await ended(this.#daemon, 'SIGTERM')
    await this.#endContainerd('SIGTERM')
    await this.#endOrphans()
    for (const mount of mountsUnder(this.#folder)) await run('umount', ['-l', mount]).catch(() => undefined)
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 })
  }

  async #empty(): Promise<void> {
    const containers = await this.docker.listContainers({ all: true })
    await Promise.all(
      containers.map(({ Id }) =>
        this.docker
          .getContainer(Id)
          .remove({ force: true, v: true })
          .catch(() => undefined),
      ),
    )
    await this.docker.pruneNetworks()
  }

  /**
   * dockerd's containerd dies with it. One that nobody has reaped yet still has its process number, which dockerd would
   * take for a containerd that runs, and wait for it.
   */
  async #forgetContainerd(): Promise<void> {
    const folder = join(this.#folder, 'exec/containerd')
    const pid = await readFile(join(folder, 'containerd.pid'), 'utf8').catch(() => undefined)
    if (pid === undefined) return
    const stat = await readFile(`/proc/${Number(pid)}/stat`, 'utf8').catch(() => '')
    if (/\(containerd\) [^Z]/.test(stat)) return
    await rm(join(folder, 'containerd.pid'), { force: true })
  }

  async #endContainerd(signal: NodeJS.Signals): Promise<void> {
    const pid = Number(
      await readFile(join(this.#folder, 'exec/containerd/containerd.pid'), 'utf8').catch(() => ''),
    )
    if (pid > 1) endProcess(pid, signal)
  }

  /** What is left when the engine could not be started again to remove it: containers, and the shims that hold them. */
  async #endOrphans(): Promise<void> {
    const tasks = join(this.#folder, 'exec/containerd/daemon/io.containerd.runtime.v2.task/moby')
    for (const id of await readdir(tasks).catch(() => [])) {
      const pid = Number(await readFile(join(tasks, id, 'init.pid'), 'utf8').catch(() => ''))
      const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '')
      if (pid > 1 && groups.includes(id)) endProcess(pid, 'SIGKILL')
    }
    for (const name of await readdir('/proc')) {
      if (!/^\d+$/.test(name)) continue
      const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')
      if (command.includes('containerd-shim') && command.includes(`${this.#folder}/`))
        endProcess(Number(name), 'SIGKILL')
    }
  }

  async #untilItAnswers(daemon: ChildProcess): Promise<void> {
    for (const deadline = Date.now() + 30_000; Date.now() < deadline; ) {
      if (daemon.exitCode !== null)
        throw new Error(
          `dockerd ended: ${(await readFile(join(this.#folder, 'dockerd.log'), 'utf8')).slice(-2_000)}`,
        )
      if (
        await this.docker.ping().then(
          () => true,
          () => false,
        )
      )
        return
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    throw new Error('dockerd did not answer within 30 s')
  }

  #refuseIfGiven(): void {
    if (this.#isGiven) throw new Error('the engine of BOWLINE_TEST_DOCKER cannot be started or ended')
  }
}

const run = promisify(execFile)

function whyNot(): string | undefined {
  if (process.env.BOWLINE_TEST_DOCKER !== undefined) return undefined
  if (process.platform !== 'linux') return 'a private dockerd needs Linux'
  if (process.getuid?.() !== 0) return 'a private dockerd needs root'
  const missing = ['dockerd', 'containerd', 'runc', 'ip', 'busybox'].filter(
    name => findProgram(name) === undefined,
  )
  return missing.length === 0 ? undefined : `not installed: ${missing.join(', ')}`
}

function findProgram(name: string): string | undefined {
  const folders = `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter)
  return folders.map(folder => join(folder, name)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return existsSync(path)
  } catch {
    return false
  }
}

/** A /16 of 10.64.0.0/10 that follows from the folder's random name. */
function poolOf(folder: string): string {
  let sum = 0
  for (const character of folder) sum = (sum * 31 + character.charCodeAt(0)) % 64
  return `10.${64 + sum}.0.0/16`
}

/** Loads the test image into an engine, under another name and with an instruction of a Dockerfile where they are given. */
export async function importBusybox(
  docker: Docker,
  image: string = TEST_IMAGE,
  changes?: string,
): Promise<void> {
  const root = packTar(busyboxRoot(readFileSync(findProgram('busybox') ?? '/bin/busybox')))
  const [repo = '', tag = ''] = image.split(':')
  // A stream of one chunk: iterating a Buffer would send its bytes one by one.
  const answer = await docker.importImage(Readable.from([root]) as never, {
    repo,
    tag,
    ...(changes && { changes }),
  })
  for await (const _ of answer);
}

function endProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended by itself.
  }
}

function ended(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise(resolve => {
    child.once('exit', () => resolve())
    child.kill(signal)
  })
}

/** Deepest first. */
function mountsUnder(folder: string): readonly string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map(line => line.split(' ')[1] ?? '')
    .filter(path => path.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length)
}
