import {
  type BackoffOptions,
  BowlineError,
  backoffMs,
  type Clock,
  type Ids,
  isAborted,
  jittered,
  type Logger,
  messageOf,
} from '../../base/index.ts'
import type { Runtime, RuntimeEvent } from '../runtime/index.ts'
import { look } from './means.ts'
import type { ObservedPods } from './observed-pods.ts'

export interface RuntimeFollowerOptions {
  readonly runtime: Runtime
  readonly observed: ObservedPods
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
  /** Something of this pod has changed in the runtime. */
  readonly onChange: (uid: string) => void
  /** The engine went away or came back. */
  readonly onHealth: () => void
}

/** The events tell at once; this list finds what they missed. */
const LIST_EVERY_MS = 15_000
const RECONNECT: BackoffOptions = { initialMs: 100, maxMs: 5000 }
/** An engine that restarts is back within moments: a node does not lose its readiness for that. */
const TOLERATED_MS = 10_000

/** Keeps what is known of the runtime fresh: follows its events, lists now and then, and survives its restarts. */
export class RuntimeFollower {
  /** Resolves when everything that the runtime holds was first seen. */
  readonly listed: Promise<void>
  readonly #options: RuntimeFollowerOptions
  #markListed: () => void = () => {}
  #failedSince: number | undefined
  #failure = 'the container runtime has not answered yet'
  #hasListed = false

  constructor(options: RuntimeFollowerOptions) {
    this.#options = options
    this.listed = new Promise(resolve => {
      this.#markListed = resolve
    })
  }

  /** Why nothing can be started; undefined when the runtime answers, or did until a moment ago. */
  get problem(): string | undefined {
    if (!this.#hasListed) return `container runtime is down: ${this.#failure}`
    const since = this.#failedSince
    if (since === undefined || this.#options.clock.now() - since < TOLERATED_MS) return undefined
    return `container runtime is down: ${this.#failure}`
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, ids, log } = this.#options
    let failures = 0
    while (!signal.aborted) {
      const attempt = new AbortController()
      const either = AbortSignal.any([signal, attempt.signal])
      try {
        await Promise.all([this.#followEvents(either), this.#listRegularly(either, () => (failures = 0))])
      } catch (error) {
        if (signal.aborted) return
        if (!isAborted(error)) this.#fail(error, log)
        failures += 1
      } finally {
        attempt.abort()
      }
      await clock.sleep(jittered(backoffMs(failures, RECONNECT), 0.2, ids.random()), signal).catch(() => {})
    }
  }

  async #followEvents(signal: AbortSignal): Promise<void> {
    for await (const event of this.#options.runtime.events(signal)) void this.#take(event)
    if (!signal.aborted)
      throw new BowlineError('unavailable', 'Cannot follow the container runtime: its event stream ended')
  }

  async #take({ type, id, podUid }: RuntimeEvent): Promise<void> {
    const { observed, onChange, log } = this.#options
    try {
      // Whoever started it has looked already.
      if (type === 'container-started' && observed.container(id)?.state === 'running') return
      if (type === 'sandbox-stopped') observed.markStopped(id)
      else if (type === 'container-removed') observed.removeContainer(id)
      else await look(id, this.#options)
      onChange(podUid)
    } catch (error) {
      // The next list sees it.
      log.debug('a container was not looked at', { container: id, error: messageOf(error) })
    }
  }

  async #listRegularly(signal: AbortSignal, onSuccess: () => void): Promise<void> {
    const { clock, ids } = this.#options
    while (!signal.aborted) {
      await this.#list(signal)
      onSuccess()
      await clock.sleep(jittered(LIST_EVERY_MS, 0.1, ids.random()), signal)
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { runtime, observed, onChange, onHealth, log } = this.#options
    const since = observed.beginList()
    const [sandboxes, containers] = await Promise.all([
      runtime.listSandboxes(signal),
      runtime.listContainers(signal),
    ])
    for (const uid of observed.replace(since, sandboxes, containers)) onChange(uid)
    const wasDown = this.#failedSince !== undefined
    this.#failedSince = undefined
    if (wasDown) log.info('container runtime is back', { runtime: runtime.name })
    if (wasDown || !this.#hasListed) onHealth()
    this.#hasListed = true
    this.#markListed()
  }

  #fail(error: unknown, log: Logger): void {
    const { clock, runtime, onHealth } = this.#options
    this.#failure = messageOf(error)
    if (this.#failedSince !== undefined) return
    this.#failedSince = clock.now()
    log.warn('container runtime does not answer', { runtime: runtime.name, error: this.#failure })
    onHealth()
  }
}
