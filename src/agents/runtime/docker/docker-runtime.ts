import { availableParallelism } from 'node:os'
import { BowlineError, type Clock, hasCode, Limit, type Logger } from '../../../base/index.ts'
import type { PodNetwork } from '../pod-network.ts'
import {
  type ContainerConfig,
  type ContainerStatus,
  type ExecResult,
  type HostRoom,
  type ImageStatus,
  type LogLine,
  type LogOptions,
  type OpenRuntime,
  type RegistryAuth,
  type RuntimeEvent,
  type RuntimeInfo,
  type RuntimeVolumes,
  type SandboxConfig,
  type SandboxStatus,
  SLOW_START_MS,
} from '../runtime.ts'
import { containerBody } from './container-spec.ts'
import { containerStatus } from './container-status.ts'
import { Engine } from './engine/engine.ts'
import { followEvents } from './events.ts'
import { execInContainer } from './exec.ts'
import { dockerHostRoom } from './host-room.ts'
import { PAUSE_IMAGE } from './images/pause-image.ts'
import { imageStatus, pullImage } from './images/pull.ts'
import { type ContainerInspect, shortId } from './inspect.ts'
import { readLogLines } from './log-stream.ts'
import { containerName, Labels, type Owner } from './names.ts'
import { removeEngineNetwork } from './network/engine-network.ts'
import { type Made, OwnContainers } from './own-containers.ts'
import { Sandboxes } from './sandboxes.ts'
import { engineVolumes, withMountHint, withSourceHint } from './volumes.ts'

export interface DockerRuntimeOptions {
  /** The path of the engine's socket, or `unix://…`, or `tcp://host:port`. */
  readonly socketPath: string
  readonly clusterUid: string
  readonly nodeName: string
  readonly clock: Clock
  readonly log: Logger
  readonly options?: {
    /**
     * A folder of this node on the engine's host, for the pods' `/etc/hosts` and `/etc/resolv.conf`.
     */
    readonly stateDir?: string
    /**
     * Wires every sandbox. Without it or without `stateDir`, or with an engine elsewhere, the engine does: pods are then reached from
     * this host only.
     */
    readonly podNetwork?: PodNetwork
    /** How many containers start at once. Default: two a core; more only makes each take longer. */
    readonly startsAtOnce?: number
    /** How many processes and threads a container may have. Default, and 0: as many as the host can have. */
    readonly pidsLimit?: number
  }
}

/** Containers that ran out of memory, remembered for their status. */
const MAX_OUT_OF_MEMORY = 1_000

/**
 * Docker Engine behind the runtime contract. Throws `unavailable` when no engine answers; an engine that goes away later
 * fails each call with `unavailable` until it is back, with nothing to reopen.
 */
export async function openDockerRuntime(options: DockerRuntimeOptions): Promise<DockerRuntime> {
  const { clusterUid, nodeName, clock, log } = options
  const owner = { clusterUid, nodeName }
  const engine = await Engine.connect(options.socketPath, clock)
  const containers = new OwnContainers(engine, owner)
  const sandboxes = await Sandboxes.open({
    engine,
    owner,
    containers,
    clock,
    log,
    folder: options.options?.stateDir,
    podNetwork: options.options?.podNetwork,
  })
  log.info('opened the container engine', {
    engine: engine.version.engine,
    api: engine.version.api,
    wiring: sandboxes.wiring,
  })
  const startsAtOnce = options.options?.startsAtOnce ?? 2 * availableParallelism()
  const isLocal = !options.socketPath.includes('://') || options.socketPath.startsWith('unix://')
  const pidsLimit = options.options?.pidsLimit ?? 0
  return new DockerRuntime(engine, owner, clock, sandboxes, containers, { startsAtOnce, pidsLimit, isLocal })
}

export class DockerRuntime implements OpenRuntime {
  readonly name = 'docker'
  readonly volumes: RuntimeVolumes
  readonly room: HostRoom
  readonly #engine: Engine
  readonly #owner: Owner
  readonly #clock: Clock
  readonly #sandboxes: Sandboxes
  readonly #containers: OwnContainers
  readonly #starts: Limit
  readonly #pidsLimit: number | undefined
  readonly #closing = new AbortController()
  /** Containers that the engine's events named as out of memory, the latest ones. */
  readonly #outOfMemory = new Set<string>()

  constructor(
    engine: Engine,
    owner: Owner,
    clock: Clock,
    sandboxes: Sandboxes,
    containers: OwnContainers,
    {
      startsAtOnce,
      pidsLimit,
      isLocal,
    }: { readonly startsAtOnce: number; readonly pidsLimit: number; readonly isLocal: boolean },
  ) {
    this.#engine = engine
    this.volumes = engineVolumes(engine)
    this.room = dockerHostRoom(engine, owner, isLocal)
    this.#owner = owner
    this.#clock = clock
    this.#sandboxes = sandboxes
    this.#containers = containers
    this.#starts = new Limit(startsAtOnce)
    this.#pidsLimit = pidsLimit === 0 ? undefined : pidsLimit
  }

  /** Who wires the sandboxes: `agent` or `engine`. */
  get wiring(): 'agent' | 'engine' {
    return this.#sandboxes.wiring
  }

  async info(signal?: AbortSignal): Promise<RuntimeInfo> {
    const info = await this.#engine.call<EngineInfo>({
      method: 'GET',
      path: '/info',
      action: 'ask the engine about its host',
      ...(signal && { signal }),
    })
    return {
      version: `docker://${info.ServerVersion}`,
      operatingSystem: info.OSType,
      osImage: info.OperatingSystem,
      kernelVersion: info.KernelVersion,
      architecture: this.#engine.version.architecture,
      cpus: info.NCPU,
      memoryBytes: info.MemTotal,
    }
  }

  listSandboxes(signal?: AbortSignal): Promise<readonly SandboxStatus[]> {
    return this.#sandboxes.list(signal)
  }

  runSandbox(config: SandboxConfig, signal?: AbortSignal): Promise<SandboxStatus> {
    return this.#starts.run(() => {
      throwIfAborted(signal, `start the sandbox of the pod ${config.pod.namespace}/${config.pod.name}`)
      return this.#sandboxes.run(config)
    })
  }

  async stopSandbox(id: string): Promise<void> {
    if (await this.#owns(id)) await this.#sandboxes.stop(id)
  }

  async removeSandbox(id: string): Promise<void> {
    await this.#sandboxes.remove(id)
  }

  async listContainers(signal?: AbortSignal): Promise<readonly ContainerStatus[]> {
    const found = await this.#containers.inspectAll('container', signal)
    return found.map(one => this.#statusOf(one))
  }

  async containerStatus(id: string): Promise<ContainerStatus | undefined> {
    const found = await this.#containers.inspect(id)
    return found && this.#statusOf(found)
  }

  #statusOf(inspect: ContainerInspect): ContainerStatus {
    return containerStatus(inspect, this.#outOfMemory.has(inspect.Id))
  }

  async createContainer(sandboxId: string, config: ContainerConfig, signal?: AbortSignal): Promise<string> {
    const action = `create the container ${config.name} of the pod ${config.pod.namespace}/${config.pod.name}`
    throwIfAborted(signal, action)
    const extraMounts = await this.#sandboxes.mountsFor(sandboxId)
    // An engine that may not lower the score could not start the container at all.
    const oomScoreAdj = this.#sandboxes.lowersOomScore ? config.oomScoreAdj : Math.max(0, config.oomScoreAdj)
    const name = containerName(this.#owner, config.pod, config.name, config.attempt)
    const around = { extraMounts, pidsLimit: this.#pidsLimit }
    const body = containerBody(this.#owner, sandboxId, { ...config, oomScoreAdj }, around)
    const create = async (): Promise<string> => {
      const { Id } = await this.#engine.call<{ Id: string }>({
        method: 'POST',
        path: '/containers/create',
        query: { name },
        body,
        action,
        ...(signal && { signal }),
      })
      this.#containers.created(Id, { labels: body.Labels, hostname: '', tty: config.tty })
      return Id
    }
    try {
      return await create()
    } catch (error) {
      if (!hasCode(error, 'conflict')) throw withSourceHint(error)
      const existing = await this.#containers.inspect(name)
      if (existing === undefined) throw error
      if (isSame(existing, sandboxId, config)) return existing.Id
      // The same attempt of an older spec or sandbox: it can go unless it ever ran, for then its log must stay readable.
      if (this.#statusOf(existing).state !== 'created') throw error
      await this.#containers.remove(existing.Id)
      return await create()
    }
  }

  async startContainer(id: string): Promise<void> {
    const action = `start the container ${shortId(id)}`
    await this.#requireOwn(id, action)
    const start = () =>
      this.#engine
        .call({ method: 'POST', path: `/containers/${id}/start`, action, timeoutMs: 120_000 })
        .catch(error => Promise.reject(withMountHint(error)))
    await this.#starts.runBriefly<unknown>(start, this.#clock, SLOW_START_MS)
  }

  async stopContainer(id: string, graceMs: number): Promise<void> {
    if (!(await this.#owns(id))) return
    await this.#engine
      .call({
        method: 'POST',
        path: `/containers/${id}/stop`,
        // Whole seconds are all that the engine counts.
        query: { t: Math.ceil(graceMs / 1_000) },
        action: `stop the container ${shortId(id)}`,
        timeoutMs: graceMs + 60_000,
        // The engine goes on with it alone.
        signal: this.#closing.signal,
      })
      .catch((error: unknown) => {
        if (!hasCode(error, 'not-found')) throw error
      })
  }

  async removeContainer(id: string): Promise<void> {
    if (await this.#owns(id)) await this.#containers.remove(id)
  }

  imageStatus(image: string): Promise<ImageStatus | undefined> {
    return imageStatus(this.#engine, image)
  }

  pullImage(image: string, auth: RegistryAuth | undefined, signal?: AbortSignal): Promise<ImageStatus> {
    return pullImage(this.#engine, this.#clock, image, auth, signal)
  }

  async exec(id: string, command: readonly string[], timeoutMs: number): Promise<ExecResult> {
    await this.#requireOwn(id, `run a command in the container ${shortId(id)}`)
    const request = { container: id, command, timeoutMs, signal: this.#closing.signal }
    return await execInContainer(this.#engine, this.#clock, request)
  }

  async *logs(id: string, options: LogOptions, signal: AbortSignal): AsyncGenerator<LogLine, void, void> {
    const action = `read the log of the container ${shortId(id)}`
    const { tty } = await this.#requireOwn(id, action)
    const ended = AbortSignal.any([signal, this.#closing.signal])
    if (ended.aborted) return
    const source = await this.#engine.stream({
      method: 'GET',
      path: `/containers/${id}/logs`,
      query: {
        stdout: true,
        stderr: true,
        timestamps: true,
        follow: options.follow,
        tail: options.tailLines ?? 'all',
        since: options.sinceMs === undefined ? undefined : (options.sinceMs / 1_000).toFixed(3),
      },
      action,
    })
    const onEnd = (): void => void source.destroy()
    ended.addEventListener('abort', onEnd, { once: true })
    try {
      yield* readLogLines(source, tty)
    } catch (error) {
      if (ended.aborted) return
      throw new BowlineError('unavailable', `Cannot ${action}: the engine broke off`, {
        cause: error,
        retryable: true,
      })
    } finally {
      ended.removeEventListener('abort', onEnd)
      source.destroy()
    }
  }

  events(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    const ended = AbortSignal.any([signal, this.#closing.signal])
    // The time is taken here, not when the reader first asks: nothing between the two is missed.
    return followEvents(this.#engine, this.#owner, this.#clock.now(), id => this.#noteOutOfMemory(id), ended)
  }

  #noteOutOfMemory(id: string): void {
    this.#outOfMemory.add(id)
    const [oldest] = this.#outOfMemory
    if (this.#outOfMemory.size > MAX_OUT_OF_MEMORY && oldest !== undefined) this.#outOfMemory.delete(oldest)
  }

  /** Ends every stream; containers stay. */
  async close(): Promise<void> {
    this.#closing.abort()
  }

  /** Removes everything of this cluster and node, and the cluster's network once no other node uses it. */
  async purge(): Promise<void> {
    for (const { id } of await this.#sandboxes.list()) await this.#sandboxes.remove(id)
    const rest = await this.#containers.ids()
    await Promise.all(rest.map(id => this.#containers.remove(id)))
    await removeEngineNetwork(this.#engine, this.#owner)
    // The image stays while another cluster's sandboxes use it.
    await this.#engine
      .call({ method: 'DELETE', path: `/images/${PAUSE_IMAGE}`, action: `remove the image ${PAUSE_IMAGE}` })
      .catch((error: unknown) => {
        if (!hasCode(error, 'conflict') && !hasCode(error, 'not-found')) throw error
      })
  }

  async #owns(id: string): Promise<boolean> {
    return (await this.#containers.made(id)) !== undefined
  }

  async #requireOwn(id: string, action: string): Promise<Made> {
    const found = await this.#containers.made(id)
    if (found !== undefined) return found
    throw new BowlineError('not-found', `Cannot ${action}: it does not exist`)
  }
}

interface EngineInfo {
  readonly ServerVersion: string
  readonly OSType: string
  readonly OperatingSystem: string
  readonly KernelVersion: string
  readonly NCPU: number
  readonly MemTotal: number
}

function isSame(existing: ContainerInspect, sandboxId: string, config: ContainerConfig): boolean {
  const labels = existing.Config.Labels
  return labels[Labels.specHash] === config.specHash && labels[Labels.sandbox] === sandboxId
}

function throwIfAborted(signal: AbortSignal | undefined, action: string): void {
  if (signal?.aborted)
    throw new BowlineError('aborted', `Cannot ${action}: aborted`, { cause: signal.reason })
}
