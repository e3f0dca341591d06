import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, type as osType, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { arch } from 'node:process'
import {
  BowlineError,
  Broadcast,
  Channel,
  type Clock,
  isObject,
  type Logger,
  messageOf,
  type Subnet,
} from '../../../base/index.ts'
import type {
  ContainerConfig,
  ContainerStatus,
  ExecResult,
  ImageStatus,
  LogLine,
  LogOptions,
  OpenRuntime,
  RuntimeEvent,
  RuntimeInfo,
  SandboxConfig,
  SandboxStatus,
} from '../runtime.ts'
import { execBeside } from './exec.ts'
import { readKeptJson } from './kept-json.ts'
import { canListenOn, defaultSubnet, parseLoopbackSubnet, pickAddress } from './loopback-addresses.ts'
import { type ContainerRecord, ProcessContainer } from './process-container.ts'
import { findRunUser, type RunUser } from './run-user.ts'

export interface ProcessRuntimeOptions {
  /** A folder that is this node's alone; everything that must outlive the agent is in it. */
  readonly stateDir: string
  readonly clusterUid: string
  readonly nodeName: string
  readonly clock: Clock
  readonly log: Logger
  /** Where pods get their addresses from, within 127.0.0.0/8. Default: a /24 that follows from cluster and node. */
  readonly subnet?: string
}

/**
 * Containers as groups of host processes: for the demo and for hosts that are told to, never chosen by itself.
 *
 * It isolates nothing. The image is ignored and the command is one of the host's; under root it runs as `nobody`. A pod's
 * address is one of the loopback's, on which its programs must listen by themselves. Mounts are not made: a mountPath is
 * whatever the host has there. Limits of CPU and memory, capabilities and terminals have no effect; ports of the host are not its to serve.
 */
export async function openProcessRuntime(options: ProcessRuntimeOptions): Promise<ProcessRuntime> {
  const subnet = parseLoopbackSubnet(options.subnet ?? defaultSubnet(options.clusterUid, options.nodeName))
  const user = await findRunUser()
  await mkdir(join(options.stateDir, 'sandboxes'), { recursive: true, mode: 0o700 })
  await mkdir(join(options.stateDir, 'containers'), { recursive: true, mode: 0o700 })
  const runtime = new ProcessRuntime(options, subnet, user)
  await runtime.adopt()
  return runtime
}

/** What the watching of folders might miss is found this often. */
const LOOK_EVERY_MS = 1_000

interface SandboxRecord {
  readonly id: string
  readonly pod: SandboxConfig['pod']
  readonly attempt: number
  readonly ip: string
  readonly createdAt: number
  readonly stopped: boolean
}

export class ProcessRuntime implements OpenRuntime {
  readonly name = 'process'
  readonly room = undefined
  readonly #folder: string
  readonly #clock: Clock
  readonly #log: Logger
  readonly #subnet: Subnet
  readonly #user: RunUser
  readonly #sandboxes = new Map<string, SandboxRecord>()
  readonly #containers = new Map<string, ProcessContainer>()
  readonly #events: Broadcast<RuntimeEvent>
  readonly #closing = new AbortController()
  #cancelLook: () => void = () => undefined
  /** Addresses are given out one at a time. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor({ stateDir, clock, log }: ProcessRuntimeOptions, subnet: Subnet, user: RunUser) {
    this.#folder = stateDir
    this.#clock = clock
    this.#log = log
    this.#subnet = subnet
    this.#user = user
    this.#events = new Broadcast(error =>
      log.error('a follower of events failed', { error: messageOf(error) }),
    )
  }

  /** Takes over what an earlier agent left in the folder, running or not. */
  async adopt(): Promise<void> {
    for (const value of await this.#readRecords('sandboxes', '')) {
      const sandbox = value as SandboxRecord
      this.#sandboxes.set(sandbox.id, sandbox)
    }
    const containers = await this.#readRecords('containers', 'config.json')
    // Together: after the machine started anew each of them waits a moment for output that never comes.
    await Promise.all(containers.map(value => this.#adoptContainer(value as ContainerRecord)))
    this.#lookLater()
  }

  async #adoptContainer(record: ContainerRecord): Promise<void> {
    const container = this.#containerOf(record)
    this.#containers.set(record.id, container)
    if ((await container.status()).state === 'running') container.watch()
    await container.look()
  }

  async info(): Promise<RuntimeInfo> {
    return {
      version: 'process://1.0.0',
      operatingSystem: osType().toLowerCase(),
      osImage: await osImage(),
      kernelVersion: release(),
      architecture: arch === 'x64' ? 'amd64' : arch,
      cpus: availableParallelism(),
      memoryBytes: totalmem(),
    }
  }

  async listSandboxes(): Promise<readonly SandboxStatus[]> {
    return [...this.#sandboxes.values()].map(statusOf)
  }

  async runSandbox({ pod, attempt }: SandboxConfig): Promise<SandboxStatus> {
    const id = idOf('sandbox', pod.uid, String(attempt))
    const run = async (): Promise<SandboxStatus> => {
      const existing = this.#sandboxes.get(id)
      if (existing !== undefined && !existing.stopped) return statusOf(existing)
      const record = {
        id,
        pod,
        attempt,
        createdAt: this.#clock.now(),
        stopped: false,
        ip: await this.#pickAddress(),
      }
      await this.#saveSandbox(record)
      return statusOf(record)
    }
    const mine = this.#turn.then(run)
    this.#turn = mine.catch(() => undefined)
    return await mine
  }

  async stopSandbox(id: string): Promise<void> {
    const sandbox = this.#sandboxes.get(id)
    if (sandbox === undefined) return
    await Promise.all(this.#membersOf(id).map(container => container.stop(0)))
    if (sandbox.stopped) return
    await this.#saveSandbox({ ...sandbox, stopped: true })
    this.#events.publish({ type: 'sandbox-stopped', id, podUid: sandbox.pod.uid })
  }

  async removeSandbox(id: string): Promise<void> {
    await this.stopSandbox(id)
    await Promise.all(this.#membersOf(id).map(container => this.removeContainer(container.record.id)))
    this.#sandboxes.delete(id)
    await rm(this.#sandboxPath(id), { force: true })
  }

  async listContainers(): Promise<readonly ContainerStatus[]> {
    return await Promise.all([...this.#containers.values()].map(container => container.status()))
  }

  async containerStatus(id: string): Promise<ContainerStatus | undefined> {
    return await this.#containers.get(id)?.status()
  }

  async createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    const sandbox = this.#sandboxes.get(sandboxId)
    if (sandbox === undefined || sandbox.stopped)
      throw new BowlineError(
        'not-found',
        `Cannot join the sandbox ${sandboxId.slice(0, 12)}: it does not run`,
      )
    if (config.command === undefined || config.command.length === 0)
      throw new BowlineError(
        'bad-config',
        `Cannot create the container ${config.name}: the process runtime has no images, so the container must name its command`,
      )
    const id = idOf('container', config.pod.uid, config.name, String(config.attempt))
    const existing = this.#containers.get(id)
    if (existing !== undefined) {
      const { record } = existing
      if (record.config.specHash === config.specHash && record.sandboxId === sandboxId) return id
      if ((await existing.status()).state !== 'created')
        throw new BowlineError(
          'conflict',
          `Cannot create the container ${config.name}: this attempt already ran`,
        )
    }
    const container = this.#containerOf({ id, sandboxId, config, createdAt: this.#clock.now() })
    await container.save()
    this.#containers.set(id, container)
    return id
  }

  async startContainer(id: string): Promise<void> {
    const container = this.#require(id, 'start')
    const { state } = await container.status()
    if (state === 'running') return
    if (state === 'exited')
      throw new BowlineError(
        'conflict',
        `Cannot start the container ${container.record.config.name}: it already ran`,
      )
    await container.start()
    this.#events.publish({ type: 'container-started', id, podUid: container.record.config.pod.uid })
  }

  async stopContainer(id: string, graceMs: number): Promise<void> {
    await this.#containers.get(id)?.stop(graceMs)
  }

  async removeContainer(id: string): Promise<void> {
    const container = this.#containers.get(id)
    if (container === undefined) return
    await container.remove()
    this.#containers.delete(id)
    this.#events.publish({ type: 'container-removed', id, podUid: container.record.config.pod.uid })
  }

  /** Every image counts as present: none is looked at. */
  async imageStatus(image: string): Promise<ImageStatus> {
    return { id: image, digests: [], user: String(this.#user.uid) }
  }

  pullImage(image: string): Promise<ImageStatus> {
    return this.imageStatus(image)
  }

  async exec(id: string, command: readonly string[], timeoutMs: number): Promise<ExecResult> {
    const container = this.#require(id, 'run a command in')
    if ((await container.status()).state !== 'running')
      throw new BowlineError(
        'conflict',
        `Cannot run a command in the container ${container.record.config.name}: it is not running`,
      )
    return await execBeside(
      { ...(await container.invocation()), command },
      this.#user,
      this.#clock,
      timeoutMs,
    )
  }

  async *logs(id: string, options: LogOptions, signal: AbortSignal): AsyncGenerator<LogLine, void, void> {
    const container = this.#require(id, 'read the log of')
    yield* container.logs(options, AbortSignal.any([signal, this.#closing.signal]))
  }

  events(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    const channel = new Channel<RuntimeEvent>(
      10_000,
      () =>
        new BowlineError('unavailable', 'Cannot follow events: the reader fell too far behind', {
          retryable: true,
        }),
    ).endOn(AbortSignal.any([signal, this.#closing.signal]))
    // A channel whose reader has left, or that was aborted, takes nothing any more.
    const unsubscribe = this.#events.subscribe(event => {
      if (!channel.push(event)) unsubscribe()
    })
    return channel
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#cancelLook()
    for (const container of this.#containers.values()) container.unwatch()
  }

  async purge(): Promise<void> {
    for (const id of [...this.#sandboxes.keys()]) await this.removeSandbox(id)
    for (const id of [...this.#containers.keys()]) await this.removeContainer(id)
    await rm(join(this.#folder, 'sandboxes'), { recursive: true, force: true })
    await rm(join(this.#folder, 'containers'), { recursive: true, force: true })
  }

  #containerOf(record: ContainerRecord): ProcessContainer {
    return new ProcessContainer(record, {
      folder: join(this.#folder, 'containers', record.id),
      user: this.#user,
      clock: this.#clock,
      log: this.#log,
      onExit: () =>
        this.#events.publish({ type: 'container-exited', id: record.id, podUid: record.config.pod.uid }),
    })
  }

  #membersOf(sandboxId: string): readonly ProcessContainer[] {
    return [...this.#containers.values()].filter(container => container.record.sandboxId === sandboxId)
  }

  #require(id: string, verb: string): ProcessContainer {
    const container = this.#containers.get(id)
    if (container !== undefined) return container
    throw new BowlineError('not-found', `Cannot ${verb} the container ${id.slice(0, 12)}: it does not exist`)
  }

  #lookLater(): void {
    if (this.#closing.signal.aborted) return
    this.#cancelLook = this.#clock.after(LOOK_EVERY_MS, () => {
      void Promise.all([...this.#containers.values()].map(container => container.look())).then(() =>
        this.#lookLater(),
      )
    })
  }

  /** An address keeps its pod while the record exists, whatever runs. */
  async #pickAddress(): Promise<string> {
    const taken = new Set([...this.#sandboxes.values()].map(({ ip }) => ip))
    const address = pickAddress(this.#subnet, taken)
    if (await canListenOn(address)) return address
    this.#log.warn('this host answers only on 127.0.0.1, so pods share that address', { address })
    return '127.0.0.1'
  }

  #sandboxPath(id: string): string {
    return join(this.#folder, 'sandboxes', `${id}.json`)
  }

  async #saveSandbox(record: SandboxRecord): Promise<void> {
    const path = this.#sandboxPath(record.id)
    await writeFile(`${path}.new`, JSON.stringify(record), { mode: 0o600 })
    await rename(`${path}.new`, path)
    this.#sandboxes.set(record.id, record)
  }

  /** What an agent that was killed was still writing is left out: to the outside it never happened. */
  async #readRecords(kind: 'sandboxes' | 'containers', file: string): Promise<readonly unknown[]> {
    const folder = join(this.#folder, kind)
    const names = (await readdir(folder)).filter(name => !name.endsWith('.new'))
    const records = await Promise.all(names.map(name => readKeptJson(join(folder, name, file))))
    return records.filter(isObject)
  }
}

function statusOf({ id, pod, attempt, ip, createdAt, stopped }: SandboxRecord): SandboxStatus {
  return { id, pod, attempt, createdAt, ...(stopped ? { state: 'not-ready' } : { state: 'ready', ip }) }
}

async function osImage(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '')
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(text)?.[1] ?? osType()
}

function idOf(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex')
}
