import { BowlineError, type Clock, type Logger, messageOf } from '../../base/index.ts'
import type {
  ContainerConfig,
  ContainerStatus,
  ExecResult,
  HostRoom,
  ImageStatus,
  LogLine,
  LogOptions,
  OpenRuntime,
  RegistryAuth,
  RuntimeEvent,
  RuntimeInfo,
  RuntimeVolumes,
  SandboxConfig,
  SandboxStatus,
} from './runtime.ts'

export interface AwaitedRuntimeOptions {
  /** The name of what is waited for. */
  readonly name: string
  /** Undefined while there is nothing to open; an error counts the same and is logged once. */
  readonly open: () => Promise<OpenRuntime | undefined>
  /** What a person can do about its absence. */
  readonly hint: string
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
}

/** How often an absent engine is looked for. */
const LOOK_AGAIN_MS = 1_000

/**
 * A runtime that may not be there yet: every call is `unavailable` (retryable) until it can be opened, as of an engine that is
 * down. The agent runs meanwhile, with its node NotReady and the reason in its condition. Resolves after the first look, so
 * that an engine that is there is never reported missing.
 */
export async function awaitRuntime(options: AwaitedRuntimeOptions): Promise<OpenRuntime> {
  const runtime = await tryOpen(options)
  return runtime ?? new AwaitedRuntime(options)
}

async function tryOpen({ open, log }: AwaitedRuntimeOptions): Promise<OpenRuntime | undefined> {
  try {
    return await open()
  } catch (error) {
    log.debug('The container runtime could not be opened', { error: messageOf(error) })
    return undefined
  }
}

class AwaitedRuntime implements OpenRuntime {
  readonly name: string
  readonly #options: AwaitedRuntimeOptions
  readonly #closed = new AbortController()
  readonly #opening: Promise<void>
  #runtime: OpenRuntime | undefined

  constructor(options: AwaitedRuntimeOptions) {
    this.name = options.name
    this.#options = options
    options.log.warn('No container runtime answers; waiting for one', {
      runtime: options.name,
      next: options.hint,
    })
    this.#opening = this.#openWhenThere()
  }

  async #openWhenThere(): Promise<void> {
    const { clock, log, signal } = this.#options
    const ended = AbortSignal.any([signal, this.#closed.signal])
    while (this.#runtime === undefined && !ended.aborted) {
      await clock.sleep(LOOK_AGAIN_MS, ended).catch(() => undefined)
      if (ended.aborted) return
      this.#runtime = await tryOpen(this.#options)
      if (this.#runtime !== undefined) log.info('The container runtime answers', { runtime: this.name })
    }
  }

  #required(): OpenRuntime {
    if (this.#runtime === undefined)
      throw new BowlineError('unavailable', `Cannot reach the ${this.name} runtime: ${this.#options.hint}`, {
        retryable: true,
      })
    return this.#runtime
  }

  get volumes(): RuntimeVolumes | undefined {
    return this.#required().volumes
  }

  get room(): HostRoom | undefined {
    return this.#runtime?.room
  }

  async info(signal?: AbortSignal): Promise<RuntimeInfo> {
    return this.#required().info(signal)
  }

  async listSandboxes(signal?: AbortSignal): Promise<readonly SandboxStatus[]> {
    return this.#required().listSandboxes(signal)
  }

  async runSandbox(config: SandboxConfig, signal?: AbortSignal): Promise<SandboxStatus> {
    return this.#required().runSandbox(config, signal)
  }

  async stopSandbox(id: string): Promise<void> {
    return this.#required().stopSandbox(id)
  }

  async removeSandbox(id: string): Promise<void> {
    return this.#required().removeSandbox(id)
  }

  async listContainers(signal?: AbortSignal): Promise<readonly ContainerStatus[]> {
    return this.#required().listContainers(signal)
  }

  async containerStatus(id: string): Promise<ContainerStatus | undefined> {
    return this.#required().containerStatus(id)
  }

  async createContainer(sandboxId: string, config: ContainerConfig, signal?: AbortSignal): Promise<string> {
    return this.#required().createContainer(sandboxId, config, signal)
  }

  async startContainer(id: string): Promise<void> {
    return this.#required().startContainer(id)
  }

  async stopContainer(id: string, graceMs: number): Promise<void> {
    return this.#required().stopContainer(id, graceMs)
  }

  async removeContainer(id: string): Promise<void> {
    return this.#required().removeContainer(id)
  }

  async imageStatus(image: string): Promise<ImageStatus | undefined> {
    return this.#required().imageStatus(image)
  }

  async pullImage(image: string, auth: RegistryAuth | undefined, signal?: AbortSignal): Promise<ImageStatus> {
    return this.#required().pullImage(image, auth, signal)
  }

  async exec(id: string, command: readonly string[], timeoutMs: number): Promise<ExecResult> {
    return this.#required().exec(id, command, timeoutMs)
  }

  async *logs(id: string, options: LogOptions, signal: AbortSignal): AsyncGenerator<LogLine, void, void> {
    yield* this.#required().logs(id, options, signal)
  }

  /** Counts from the call, as of every runtime: not from the first time that somebody asks for an event. */
  events(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    return this.#runtime === undefined ? this.#noEvents() : this.#runtime.events(signal)
  }

  // biome-ignore lint/correctness/useYield: it throws before there is anything to yield
  async *#noEvents(): AsyncGenerator<RuntimeEvent, void, void> {
    this.#required()
  }

  async close(): Promise<void> {
    this.#closed.abort()
    await this.#opening
    await this.#runtime?.close()
  }

  async purge(): Promise<void> {
    await this.#required().purge()
  }
}
