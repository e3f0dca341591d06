import { createHash } from 'node:crypto'
import {
  BowlineError,
  Broadcast,
  Channel,
  type Clock,
  formatIpv4,
  type Logger,
  messageOf,
  parseSubnet,
  type Subnet,
  sizeOf,
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

export interface HollowRuntimeOptions {
  readonly clock: Clock
  readonly log: Logger
  /** Pods get their addresses from it, which nothing answers. Default `10.128.0.0/12`. */
  readonly subnet?: string
  readonly cpus?: number
  readonly memoryBytes?: number
}

/**
 * A runtime without containers, for simulated fleets: it keeps the states in memory and runs nothing. Every image exists,
 * every container runs until it is stopped or told to exit, every command succeeds and says nothing.
 */
export function createHollowRuntime(options: HollowRuntimeOptions): HollowRuntime {
  return new HollowRuntime(options)
}

export class HollowRuntime implements OpenRuntime {
  readonly name = 'hollow'
  readonly room = undefined
  readonly #clock: Clock
  readonly #info: RuntimeInfo
  readonly #subnet: Subnet
  readonly #sandboxes = new Map<string, SandboxStatus>()
  readonly #containers = new Map<string, ContainerStatus>()
  readonly #events: Broadcast<RuntimeEvent>
  readonly #closing = new AbortController()
  #addresses = 0

  constructor({
    clock,
    log,
    subnet = '10.128.0.0/12',
    cpus = 4,
    memoryBytes = 8 * 2 ** 30,
  }: HollowRuntimeOptions) {
    const parsed = parseSubnet(subnet)
    if (parsed === undefined)
      throw new BowlineError('bad-config', `Cannot use the pod subnet "${subnet}": it is not an IPv4 network`)
    this.#clock = clock
    this.#subnet = parsed
    this.#events = new Broadcast(error =>
      log.error('a follower of events failed', { error: messageOf(error) }),
    )
    this.#info = {
      version: 'hollow://1.0.0',
      operatingSystem: 'linux',
      osImage: 'none',
      kernelVersion: 'none',
      architecture: 'amd64',
      cpus,
      memoryBytes,
    }
  }

  info(): Promise<RuntimeInfo> {
    return Promise.resolve(this.#info)
  }

  async listSandboxes(): Promise<readonly SandboxStatus[]> {
    return [...this.#sandboxes.values()]
  }

  async runSandbox({ pod, attempt }: SandboxConfig): Promise<SandboxStatus> {
    const id = idOf('sandbox', pod.uid, String(attempt))
    const existing = this.#sandboxes.get(id)
    if (existing?.state === 'ready') return existing
    const sandbox: SandboxStatus = {
      id,
      pod,
      attempt,
      state: 'ready',
      ip: this.#nextAddress(),
      createdAt: this.#clock.now(),
    }
    this.#sandboxes.set(id, sandbox)
    return sandbox
  }

  async stopSandbox(id: string): Promise<void> {
    const sandbox = this.#sandboxes.get(id)
    if (sandbox === undefined || sandbox.state === 'not-ready') return
    for (const container of this.#membersOf(id)) this.exitContainer(container.id, 137)
    const { ip: _, ...rest } = sandbox
    this.#sandboxes.set(id, { ...rest, state: 'not-ready' })
    this.#events.publish({ type: 'sandbox-stopped', id, podUid: sandbox.pod.uid })
  }

  async removeSandbox(id: string): Promise<void> {
    await this.stopSandbox(id)
    for (const container of this.#membersOf(id)) await this.removeContainer(container.id)
    this.#sandboxes.delete(id)
  }

  async listContainers(): Promise<readonly ContainerStatus[]> {
    return [...this.#containers.values()]
  }

  async containerStatus(id: string): Promise<ContainerStatus | undefined> {
    return this.#containers.get(id)
  }

  async createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    const sandbox = this.#sandboxes.get(sandboxId)
    if (sandbox === undefined)
      throw new BowlineError('not-found', `Cannot join the sandbox ${sandboxId}: it does not exist`)
    const id = idOf('container', config.pod.uid, config.name, String(config.attempt))
    const existing = this.#containers.get(id)
    if (existing !== undefined && existing.state !== 'created') {
      if (existing.specHash === config.specHash && existing.sandboxId === sandboxId) return id
      throw new BowlineError(
        'conflict',
        `Cannot create the container ${config.name}: this attempt already ran`,
      )
    }
    this.#containers.set(id, {
      id,
      sandboxId,
      pod: config.pod,
      name: config.name,
      attempt: config.attempt,
      state: 'created',
      image: config.image,
      imageId: imageIdOf(config.image),
      specHash: config.specHash,
      ...(config.home !== undefined && { home: config.home }),
      createdAt: this.#clock.now(),
    })
    return id
  }

  async startContainer(id: string): Promise<void> {
    const container = this.#require(id, 'start')
    if (container.state === 'running') return
    if (container.state === 'exited')
      throw new BowlineError('conflict', `Cannot start the container ${container.name}: it already ran`)
    this.#containers.set(id, { ...container, state: 'running', startedAt: this.#clock.now() })
    this.#events.publish({ type: 'container-started', id, podUid: container.pod.uid })
  }

  async stopContainer(id: string): Promise<void> {
    this.exitContainer(id, 0)
  }

  async removeContainer(id: string): Promise<void> {
    const container = this.#containers.get(id)
    if (container === undefined) return
    this.exitContainer(id, 137)
    this.#containers.delete(id)
    this.#events.publish({ type: 'container-removed', id, podUid: container.pod.uid })
  }

  /** Makes a running container exit by itself; for fleets that fail. Nothing happens to one that does not run. */
  exitContainer(id: string, exitCode: number): void {
    const container = this.#containers.get(id)
    if (container?.state !== 'running') return
    const reason = exitCode === 0 ? 'Completed' : 'Error'
    this.#containers.set(id, {
      ...container,
      state: 'exited',
      exitCode,
      reason,
      finishedAt: this.#clock.now(),
    })
    this.#events.publish({ type: 'container-exited', id, podUid: container.pod.uid })
  }

  async imageStatus(image: string): Promise<ImageStatus> {
    return { id: imageIdOf(image), digests: [] }
  }

  pullImage(image: string): Promise<ImageStatus> {
    return this.imageStatus(image)
  }

  async exec(id: string): Promise<ExecResult> {
    const container = this.#require(id, 'run a command in')
    if (container.state !== 'running')
      throw new BowlineError(
        'conflict',
        `Cannot run a command in the container ${container.name}: it is not running`,
      )
    return { exitCode: 0, stdout: '', stderr: '' }
  }

  /** Nothing is ever said; with `follow` the silence lasts until the container exits. */
  logs(id: string, { follow }: LogOptions, signal: AbortSignal): AsyncIterable<LogLine> {
    const { state } = this.#require(id, 'read the log of')
    const silence = new Channel<LogLine>(1, () => new RangeError('nothing is ever said'))
    if (!follow || state === 'exited') silence.end()
    const unsubscribe = this.#events.subscribe(event => {
      if (event.id !== id || event.type === 'container-started') return
      unsubscribe()
      silence.end()
    })
    const ended = AbortSignal.any([signal, this.#closing.signal])
    ended.addEventListener('abort', unsubscribe, { once: true })
    return silence.endOn(ended)
  }

  events(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    const ended = AbortSignal.any([signal, this.#closing.signal])
    const channel = new Channel<RuntimeEvent>(
      10_000,
      () =>
        new BowlineError('unavailable', 'Cannot follow events: the reader fell too far behind', {
          retryable: true,
        }),
    ).endOn(ended)
    // A channel whose reader has left, or that was aborted, takes nothing any more.
    const unsubscribe = this.#events.subscribe(event => {
      if (!channel.push(event)) unsubscribe()
    })
    return channel
  }

  async close(): Promise<void> {
    this.#closing.abort()
  }

  async purge(): Promise<void> {
    for (const id of [...this.#sandboxes.keys()]) await this.removeSandbox(id)
  }

  #membersOf(sandboxId: string): readonly ContainerStatus[] {
    return [...this.#containers.values()].filter(container => container.sandboxId === sandboxId)
  }

  #require(id: string, verb: string): ContainerStatus {
    const container = this.#containers.get(id)
    if (container !== undefined) return container
    throw new BowlineError('not-found', `Cannot ${verb} the container ${id.slice(0, 12)}: it does not exist`)
  }

  /** Goes round the subnet, without its first and last address. */
  #nextAddress(): string {
    this.#addresses = (this.#addresses % (sizeOf(this.#subnet) - 2)) + 1
    return formatIpv4(this.#subnet.base + this.#addresses)
  }
}

function idOf(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex')
}

function imageIdOf(image: string): string {
  return `sha256:${idOf('image', image)}`
}
