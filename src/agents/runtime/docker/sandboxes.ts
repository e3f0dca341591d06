import {
  BowlineError,
  type Clock,
  formatIpv4,
  hasCode,
  type Logger,
  messageOf,
  parseIpv4,
} from '../../../base/index.ts'
import type { ContainerMount, SandboxConfig, SandboxStatus } from '../runtime.ts'
import type { Engine } from './engine/engine.ts'
import { ensurePauseImage } from './images/pause-image.ts'
import {
  type ContainerInspect,
  inspectAll,
  inspectOwned,
  labelsOf,
  listIds,
  removeContainer,
} from './inspect.ts'
import { attemptOf, Labels, type Owner, podOf, sandboxName } from './names.ts'
import { AddressPool } from './network/address-pool.ts'
import { ensureAnchor } from './network/anchor.ts'
import { PodFiles } from './network/pod-files.ts'
import { ensurePodNetwork, type PodNetwork } from './network/pod-network.ts'
import { attachInterface, canAttach, detachInterface, isAttached, isTaken } from './network/veth.ts'
import { sandboxBody, type Wiring } from './sandbox-spec.ts'

export interface SandboxesOptions {
  readonly engine: Engine
  readonly owner: Owner
  readonly clock: Clock
  readonly log: Logger
  /** Where the pods' network files are kept. Without it the engine wires every sandbox. */
  readonly folder: string | undefined
}

/**
 * The sandboxes of one node: containers that only hold a pod's network and hostname.
 *
 * Where the agent may, it wires them itself: a container without an engine's network starts in a third of the time.
 * Pods with host ports, and all pods where the agent may not, get theirs from the engine. Both kinds are on one bridge.
 *
 * None are started ahead of time: Docker cannot change the hostname of a container that runs, and a pod's is its name.
 */
export class Sandboxes {
  readonly #engine: Engine
  readonly #owner: Owner
  readonly #clock: Clock
  readonly #log: Logger
  readonly #files: PodFiles | undefined
  #network: PodNetwork
  /** Undefined where the engine wires every sandbox. */
  #addresses: AddressPool | undefined
  #lowersOomScore = false

  private constructor(options: SandboxesOptions, network: PodNetwork) {
    this.#engine = options.engine
    this.#owner = options.owner
    this.#clock = options.clock
    this.#log = options.log
    this.#files = options.folder === undefined ? undefined : new PodFiles(options.folder)
    this.#network = network
  }

  static async open(options: SandboxesOptions): Promise<Sandboxes> {
    const { engine, owner, clock, log } = options
    await ensurePauseImage(engine)
    const sandboxes = new Sandboxes(options, await ensurePodNetwork(engine, owner, clock, log))
    await sandboxes.#prepare()
    return sandboxes
  }

  /** `agent` or `engine`: who wires pods without host ports. */
  get wiring(): Wiring['by'] {
    return this.#addresses === undefined ? 'engine' : 'agent'
  }

  /** Whether containers of this engine may have an OOM score below 0. */
  get lowersOomScore(): boolean {
    return this.#lowersOomScore
  }

  async list(signal?: AbortSignal): Promise<readonly SandboxStatus[]> {
    // Read before the list: what appears in between belongs to a sandbox that the list has.
    const withFiles = (await this.#files?.list()) ?? []
    const found = await inspectAll(this.#engine, this.#owner, 'sandbox', signal)
    const ids = new Set(found.map(item => item.Id))
    for (const id of withFiles) if (!ids.has(id)) await this.#files?.remove(id)
    await this.#keepAnchor()
    return await Promise.all(found.map(item => this.#statusOf(item)))
  }

  async run(config: SandboxConfig): Promise<SandboxStatus> {
    try {
      return await this.#run(config)
    } catch (error) {
      // The image or the network was pruned from under us, or the engine lost it.
      if (!hasCode(error, 'not-found')) throw error
      await ensurePauseImage(this.#engine)
      this.#network = await ensurePodNetwork(this.#engine, this.#owner, this.#clock, this.#log)
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
    const sandbox = await inspectOwned(this.#engine, this.#owner, id)
    const members = await this.#membersOf(id)
    await Promise.all(members.map(member => removeContainer(this.#engine, member)))
    if (sandbox !== undefined) await removeContainer(this.#engine, id)
    await this.#files?.remove(id)
  }

  /** What containers that join this sandbox must mount besides their own. */
  async mountsFor(id: string): Promise<readonly ContainerMount[]> {
    const sandbox = await inspectOwned(this.#engine, this.#owner, id)
    if (sandbox === undefined)
      throw new BowlineError('not-found', `Cannot join the sandbox ${id.slice(0, 12)}: it does not exist`)
    const address = sandbox.Config.Labels[Labels.address]
    if (address === undefined || this.#files === undefined) return []
    return await this.#files.ensure(id, sandbox.Config.Hostname, address)
  }

  async #prepare(): Promise<void> {
    const [{ lowersOomScore }, mayAttach] = await Promise.all([
      ensureAnchor(this.#engine, this.#owner, this.#network),
      this.#files === undefined ? false : canAttach(this.#network),
    ])
    this.#lowersOomScore = lowersOomScore
    const seed = `${this.#owner.clusterUid}\0${this.#owner.nodeName}`
    this.#addresses = mayAttach ? new AddressPool(this.#network, seed, isTaken) : undefined
  }

  /** The list is the safety net of everything else; it does not fail for the anchor's sake. */
  async #keepAnchor(): Promise<void> {
    try {
      await ensureAnchor(this.#engine, this.#owner, this.#network)
    } catch (error) {
      this.#log.warn('could not keep the pod network in use', { error: messageOf(error) })
    }
  }

  async #run(config: SandboxConfig): Promise<SandboxStatus> {
    const existing = await inspectOwned(
      this.#engine,
      this.#owner,
      sandboxName(this.#owner, config.pod, config.attempt),
    )
    if (existing !== undefined) {
      const status = await this.#statusOf(existing)
      if (status.state === 'ready') return status
      // Killed between its creation and its wiring, or stopped: nothing runs in it that could be kept.
      await this.remove(existing.Id)
    }
    if (this.#addresses !== undefined && config.ports.length === 0) {
      const status = await this.#runWired(config, this.#addresses)
      if (status !== undefined) return status
    }
    const id = await this.#start(config, { by: 'engine', networkId: this.#network.id })
    return await this.#require(id)
  }

  /** Undefined when the wiring failed for a reason that trying again would not change: the engine's network is used then. */
  async #runWired(config: SandboxConfig, addresses: AddressPool): Promise<SandboxStatus | undefined> {
    const address = addresses.pick()
    let id: string | undefined
    try {
      id = await this.#start(config, { by: 'agent', address: formatIpv4(address) })
      const { State } = await this.#inspect(id)
      // Before the sandbox can be ready: an agent that dies in between makes both anew.
      await this.#files?.ensure(id, config.hostname, formatIpv4(address), config.names)
      await attachInterface({ network: this.#network, address, sandboxId: id, pid: State.Pid })
      return await this.#require(id)
    } catch (error) {
      if (id !== undefined) {
        await detachInterface(address, id)
        await removeContainer(this.#engine, id)
      }
      if (error instanceof BowlineError && error.code !== 'internal') throw error
      this.#log.warn('could not wire a sandbox; the engine does it instead', {
        pod: `${config.pod.namespace}/${config.pod.name}`,
        error: messageOf(error),
      })
      return undefined
    } finally {
      addresses.release(address)
    }
  }

  async #start(config: SandboxConfig, wiring: Wiring): Promise<string> {
    const pod = `${config.pod.namespace}/${config.pod.name}`
    const { Id } = await this.#engine.call<{ Id: string }>({
      method: 'POST',
      path: '/containers/create',
      query: { name: sandboxName(this.#owner, config.pod, config.attempt) },
      body: sandboxBody(this.#owner, config, wiring),
      action: `create the sandbox of the pod ${pod}`,
    })
    try {
      await this.#engine.call({
        method: 'POST',
        path: `/containers/${Id}/start`,
        action: `start the sandbox of the pod ${pod}`,
        timeoutMs: 120_000,
      })
    } catch (error) {
      await removeContainer(this.#engine, Id).catch(() => undefined)
      throw error
    }
    return Id
  }

  async #inspect(id: string): Promise<ContainerInspect> {
    const found = await inspectOwned(this.#engine, this.#owner, id)
    if (found !== undefined) return found
    throw new BowlineError('conflict', `Cannot use the sandbox ${id.slice(0, 12)}: somebody removed it`, {
      retryable: true,
    })
  }

  async #require(id: string): Promise<SandboxStatus> {
    const status = await this.#statusOf(await this.#inspect(id))
    if (status.state === 'ready') return status
    throw new BowlineError('conflict', `Cannot use the sandbox ${id.slice(0, 12)}: it has stopped`, {
      retryable: true,
    })
  }

  async #statusOf(inspect: ContainerInspect): Promise<SandboxStatus> {
    const labels = inspect.Config.Labels
    const ip = inspect.State.Running ? await this.#addressOf(inspect) : undefined
    return {
      id: inspect.Id,
      pod: podOf(labels),
      attempt: attemptOf(labels),
      state: ip === undefined ? 'not-ready' : 'ready',
      ...(ip !== undefined && { ip }),
      createdAt: Date.parse(inspect.Created),
    }
  }

  async #addressOf(inspect: ContainerInspect): Promise<string | undefined> {
    const label = inspect.Config.Labels[Labels.address]
    if (label === undefined)
      return Object.values(inspect.NetworkSettings.Networks).find(({ IPAddress }) => IPAddress !== '')
        ?.IPAddress
    const address = parseIpv4(label)
    return address !== undefined && (await isAttached(this.#network, address, inspect.Id)) ? label : undefined
  }

  /** The containers that joined a sandbox; none for a sandbox that is not this owner's. */
  #membersOf(sandboxId: string): Promise<readonly string[]> {
    return listIds(this.#engine, { ...labelsOf(this.#owner), [Labels.sandbox]: sandboxId })
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
