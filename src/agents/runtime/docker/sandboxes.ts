import { BowlineError, type Clock, hasCode, type Logger, messageOf } from '../../../base/index.ts'
import type { PodNetwork } from '../pod-network.ts'
import type { ContainerMount, SandboxConfig, SandboxStatus } from '../runtime.ts'
import type { Engine } from './engine/engine.ts'
import { ensurePauseImage } from './images/pause-image.ts'
import type { ContainerInspect } from './inspect.ts'
import { attemptOf, Labels, type Owner, podOf, sandboxName } from './names.ts'
import { ensureAnchor } from './network/anchor.ts'
import { type EngineNetwork, ensureEngineNetwork } from './network/engine-network.ts'
import { openNamespace } from './network/namespace.ts'
import { PodFiles } from './network/pod-files.ts'
import type { OwnContainers } from './own-containers.ts'
import { sandboxBody, type Wiring } from './sandbox-spec.ts'

export interface SandboxesOptions {
  readonly engine: Engine
  readonly owner: Owner
  readonly containers: OwnContainers
  readonly clock: Clock
  readonly log: Logger
  /** Where the pods' network files are kept. Without it the engine wires every sandbox. */
  readonly folder: string | undefined
  /** Wires every sandbox where the engine is on this host; undefined: the engine does. */
  readonly podNetwork: PodNetwork | undefined
}

/**
 * The sandboxes of one node: containers that only hold a pod's network and hostname.
 *
 * Where the agent may, it wires them itself: pods then have addresses that the whole cluster reaches, and a container without an
 * engine's network starts in a third of the time. Where it may not, all are on one bridge network of the engine.
 *
 * None are started ahead of time: Docker cannot change the hostname of a container that runs, and a pod's is its name.
 */
export class Sandboxes {
  readonly #engine: Engine
  readonly #owner: Owner
  readonly #containers: OwnContainers
  readonly #clock: Clock
  readonly #log: Logger
  readonly #files: PodFiles | undefined
  readonly #podNetwork: PodNetwork | undefined
  #wiring: Wires = { by: 'engine', network: { id: '' } }
  /** The id of the image of sandboxes. */
  #image = ''
  #lowersOomScore = false

  private constructor(options: SandboxesOptions) {
    this.#engine = options.engine
    this.#owner = options.owner
    this.#containers = options.containers
    this.#clock = options.clock
    this.#log = options.log
    this.#files = options.folder === undefined ? undefined : new PodFiles(options.folder)
    this.#podNetwork = options.podNetwork
  }

  static async open(options: SandboxesOptions): Promise<Sandboxes> {
    const sandboxes = new Sandboxes(options)
    await sandboxes.#prepare()
    return sandboxes
  }

  /** `agent` or `engine`: who wires sandboxes. */
  get wiring(): Wires['by'] {
    return this.#wiring.by
  }

  /** Whether containers of this engine may have an OOM score below 0. */
  get lowersOomScore(): boolean {
    return this.#lowersOomScore
  }

  async list(signal?: AbortSignal): Promise<readonly SandboxStatus[]> {
    // Read before the list: what appears in between belongs to a sandbox that the list has.
    const withFiles = (await this.#files?.list()) ?? []
    const found = await this.#containers.inspectAll('sandbox', signal)
    const ids = new Set(found.map(item => item.Id))
    for (const id of withFiles) if (!ids.has(id)) await this.#files?.remove(id)
    await this.#keepAnchor()
    const attached = await this.#attached()
    return found.map(item => this.#statusOf(item, attached))
  }

  async run(config: SandboxConfig): Promise<SandboxStatus> {
    try {
      return await this.#run(config)
    } catch (error) {
      // The image or the network was pruned from under us, or the engine lost it.
      if (!hasCode(error, 'not-found')) throw error
      await this.#prepare()
      return await this.#run(config)
    }
  }

  async stop(id: string): Promise<void> {
    const members = await this.#membersOf(id)
    await Promise.all(members.map(member => this.#kill(member)))
    await this.#kill(id)
  }

  async remove(id: string): Promise<void> {
    const sandbox = await this.#containers.made(id)
    const members = await this.#membersOf(id)
    await Promise.all(members.map(member => this.#containers.remove(member)))
    if (sandbox !== undefined) await this.#containers.remove(id)
    await this.#files?.remove(id)
    const address = sandbox?.labels[Labels.address]
    if (address !== undefined) this.#podNetwork?.release(address)
  }

  /** What containers that join this sandbox must mount besides their own. */
  async mountsFor(id: string): Promise<readonly ContainerMount[]> {
    const sandbox = await this.#containers.made(id)
    if (sandbox === undefined)
      throw new BowlineError('not-found', `Cannot join the sandbox ${id.slice(0, 12)}: it does not exist`)
    const address = sandbox.labels[Labels.address]
    if (address === undefined || this.#files === undefined) return []
    return await this.#files.ensure(id, sandbox.hostname, address)
  }

  async #prepare(): Promise<void> {
    const [engine, owner] = [this.#engine, this.#owner]
    const image = await ensurePauseImage(engine)
    this.#image = image
    const podNetwork = this.#files && this.#podNetwork
    if (podNetwork !== undefined) {
      const anchor = await ensureAnchor(engine, owner, { image, network: undefined })
      this.#lowersOomScore = anchor.lowersOomScore
      this.#wiring = { by: 'agent', network: podNetwork }
      podNetwork.setReach(anchor.isHere)
      if (anchor.isHere) return
      this.#log.warn(
        'the engine is on another host: it wires the pods, which have neither services nor the names of the cluster, and no other host reaches them',
      )
    }
    const network = await ensureEngineNetwork(engine, owner, this.#clock, this.#log)
    this.#wiring = { by: 'engine', network }
    this.#lowersOomScore = (await ensureAnchor(engine, owner, { image, network })).lowersOomScore
  }

  /** The list is the safety net of everything else; it does not fail for the anchor's sake. */
  async #keepAnchor(): Promise<void> {
    const network = this.#wiring.by === 'engine' ? this.#wiring.network : undefined
    try {
      await ensureAnchor(this.#engine, this.#owner, { image: this.#image, network })
    } catch (error) {
      this.#log.warn('could not keep the image and the network of pods in use', { error: messageOf(error) })
    }
  }

  async #run(config: SandboxConfig): Promise<SandboxStatus> {
    try {
      return await this.#make(config)
    } catch (error) {
      if (!hasCode(error, 'conflict')) throw error
      const existing = await this.#containers.inspect(sandboxName(this.#owner, config.pod, config.attempt))
      if (existing === undefined) throw error
      const status = this.#statusOf(existing, await this.#attached())
      if (status.state === 'ready') return status
      // Killed between its creation and its wiring, or stopped: nothing runs in it that could be kept.
      await this.remove(existing.Id)
      return await this.#make(config)
    }
  }

  /** Fails with `conflict` when there is one of its name. */
  async #make(config: SandboxConfig): Promise<SandboxStatus> {
    const wiring = this.#wiring
    if (wiring.by === 'agent') return await this.#runWired(config, wiring.network)
    const id = await this.#start(config, { by: 'engine', networkId: wiring.network.id })
    return this.#readyStatus(await this.#inspect(id), NOT_WIRED)
  }

  async #runWired(config: SandboxConfig, network: PodNetwork): Promise<SandboxStatus> {
    const address = network.reserve()
    let id: string | undefined
    try {
      id = await this.#start(config, { by: 'agent', address })
      const started = await this.#inspect(id)
      // Before the sandbox can be ready: an agent that dies in between makes both anew.
      await this.#files?.ensure(id, config.hostname, address, config.names)
      const namespace = await openNamespace(started.State.Pid, id)
      try {
        await network.attach({ sandboxId: id, address, namespaceFd: namespace.fd })
      } finally {
        await namespace.close()
      }
      return this.#readyStatus(started, new Map([[id, address]]))
    } catch (error) {
      if (id !== undefined) {
        await network.detach(address, id)
        await this.#containers.remove(id)
      }
      network.release(address)
      throw error
    }
  }

  async #start(config: SandboxConfig, wiring: Wiring): Promise<string> {
    const pod = `${config.pod.namespace}/${config.pod.name}`
    const body = sandboxBody(this.#owner, config, { image: this.#image, wiring })
    const { Id } = await this.#engine.call<{ Id: string }>({
      method: 'POST',
      path: '/containers/create',
      query: { name: sandboxName(this.#owner, config.pod, config.attempt) },
      body,
      action: `create the sandbox of the pod ${pod}`,
    })
    this.#containers.created(Id, { labels: body.Labels, hostname: config.hostname, tty: false })
    try {
      await this.#engine.call({
        method: 'POST',
        path: `/containers/${Id}/start`,
        action: `start the sandbox of the pod ${pod}`,
        timeoutMs: 120_000,
      })
    } catch (error) {
      await this.#containers.remove(Id).catch(() => undefined)
      throw error
    }
    return Id
  }

  async #inspect(id: string): Promise<ContainerInspect> {
    const found = await this.#containers.inspect(id)
    if (found !== undefined) return found
    throw new BowlineError('conflict', `Cannot use the sandbox ${id.slice(0, 12)}: somebody removed it`, {
      retryable: true,
    })
  }

  #readyStatus(inspect: ContainerInspect, attached: ReadonlyMap<string, string>): SandboxStatus {
    const status = this.#statusOf(inspect, attached)
    if (status.state === 'ready') return status
    throw new BowlineError('conflict', `Cannot use the sandbox ${inspect.Id.slice(0, 12)}: it has stopped`, {
      retryable: true,
    })
  }

  #attached(): Promise<ReadonlyMap<string, string>> {
    return this.#wiring.by === 'agent' ? this.#wiring.network.attached() : Promise.resolve(NOT_WIRED)
  }

  /** One that is wired otherwise than this agent does it counts as not wired: others could not reach it, or it them. */
  #statusOf(inspect: ContainerInspect, attached: ReadonlyMap<string, string>): SandboxStatus {
    const labels = inspect.Config.Labels
    const label = labels[Labels.address]
    const wired = this.#wiring.by === 'agent' ? attached.get(inspect.Id) : engineAddress(inspect)
    const ip = inspect.State.Running && (label === undefined || label === wired) ? wired : undefined
    return {
      id: inspect.Id,
      pod: podOf(labels),
      attempt: attemptOf(labels),
      state: ip === undefined ? 'not-ready' : 'ready',
      ...(ip !== undefined && { ip }),
      createdAt: Date.parse(inspect.Created),
    }
  }

  /** The containers that joined a sandbox; none for a sandbox that is not this owner's. */
  #membersOf(sandboxId: string): Promise<readonly string[]> {
    return this.#containers.ids({ [Labels.sandbox]: sandboxId })
  }

  async #kill(id: string): Promise<void> {
    await this.#engine
      .call({
        method: 'POST',
        path: `/containers/${id}/kill`,
        query: { signal: 'SIGKILL' },
        action: `kill the container ${id.slice(0, 12)}`,
      })
      .catch((error: unknown) => {
        // Gone (404) or not running (409; 500 on old engines).
        if (!hasCode(error, 'not-found') && !hasCode(error, 'conflict')) throw error
      })
  }
}

type Wires =
  | { readonly by: 'engine'; readonly network: EngineNetwork }
  | { readonly by: 'agent'; readonly network: PodNetwork }

const NOT_WIRED: ReadonlyMap<string, string> = new Map()

function engineAddress({ NetworkSettings }: ContainerInspect): string | undefined {
  return Object.values(NetworkSettings.Networks).find(({ IPAddress }) => IPAddress !== '')?.IPAddress
}
