import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/base/index.ts'
import { Kinds, type Pod } from '../../src/kube/index.ts'
import { eventually } from '../base/eventually.ts'
import { GitRepository } from '../e2e/support/git.ts'
import { Hopeless, Installation, PATIENCE_MS } from '../e2e/support/installation.ts'
import type { Program, Result } from '../e2e/support/program.ts'
import type { TestHost, TestHosts } from './hosts.ts'
import type { Place } from './place.ts'

export interface FleetOptions {
  /** The built `main.js`; tests have it from `inject('bowlineMain')`. */
  readonly main: string
  /** The fleet uses them; they stay their owner's to destroy. */
  readonly hosts: TestHosts
  /** More flags for `bowline server`. */
  readonly serverFlags?: readonly string[]
  /** More flags for every `bowline agent`. */
  readonly agentFlags?: readonly string[]
}

const PORT = 6443

/**
 * One installation on several hosts as a user would have it: `bowline server` on a host of its own, `bowline agent` on each
 * of the others, joined by a token, and the tools beside the server. Nodes are called as their hosts are.
 */
export class Fleet extends Installation {
  readonly hosts: TestHosts
  readonly #options: FleetOptions
  readonly #agents = new Map<string, Program>()
  #server: Program | undefined
  #url: string | undefined
  #tokenFile: Promise<string> | undefined

  private constructor(folder: string, repository: GitRepository, options: FleetOptions) {
    super({
      main: options.main,
      folder,
      repository,
      launcher: (command, args, more) => options.hosts.server.spawn(command, args, more),
    })
    this.hosts = options.hosts
    this.#options = options
  }

  /** Makes the folder and the repository; nothing runs yet. */
  static async create(options: FleetOptions): Promise<Fleet> {
    const folder = await mkdtemp(join(tmpdir(), 'bowline-fleet-'))
    return new Fleet(folder, await GitRepository.create(join(folder, 'git')), options)
  }

  /** Starts the server and every agent, and waits until all nodes are ready. */
  async start(): Promise<void> {
    await this.startServer()
    await Promise.all(this.hosts.all.map(host => this.startAgent(host)))
    await this.untilReady(...this.hosts.all)
  }

  get server(): Program {
    if (this.#server === undefined) throw new Error('the server has not been started')
    return this.#server
  }

  async startServer(flags: readonly string[] = []): Promise<void> {
    const { address } = this.hosts.server
    const server = this.spawn([
      ...['server', '--repo', this.repository.path, '--data-dir', this.dataDir],
      ...['--listen', `${address}:${PORT}`, '--advertise', address, '--log-level', 'debug'],
      ...(this.#options.serverFlags ?? []),
      ...flags,
    ])
    this.#server = server
    await eventually(
      'the server',
      () => {
        if (server.hasEnded) throw new Error(`bowline server ended:\n${server.stderr}${server.stdout}`)
        return server.stdout.includes('serving https://')
      },
      PATIENCE_MS,
    )
    await this.disconnect()
    this.#url = `https://127.0.0.1:${await this.hosts.server.forward(address, PORT)}`
  }

  /** Stops the server as a service manager does, or ends it as a power cut would; agents go on. */
  async stopServer(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<Result> {
    const result = await this.server.stop(signal)
    await this.disconnect()
    return result
  }

  /** The agent of a host, as last started. */
  agent(host: TestHost): Program {
    const agent = this.#agents.get(host.name)
    if (agent === undefined) throw new Error(`the agent of ${host.name} has not been started`)
    return agent
  }

  /** Starts the agent of a host; the first time it joins by a token, which is the same for all. Does not wait for it. */
  async startAgent(host: TestHost, flags: readonly string[] = []): Promise<Program> {
    this.#tokenFile ??= this.#createToken()
    const tokenFile = await this.#tokenFile
    const agent = host.spawn(
      process.execPath,
      this.command([
        ...['agent', '--server', `https://${this.hosts.server.address}:${PORT}`, '--token-file', tokenFile],
        ...['--node-name', host.name, '--data-dir', this.agentFolder(host), '--runtime', 'docker'],
        ...['--docker-socket', host.engine.socketPath, '--log-level', 'debug'],
        ...(this.#options.agentFlags ?? []),
        ...flags,
      ]),
      { env: this.environment },
    )
    this.#agents.set(host.name, agent)
    return agent
  }

  async #createToken(): Promise<string> {
    const path = join(this.folder, 'token')
    const { code, stdout, stderr } = await this.bowline('token', 'create')
    if (code !== 0) throw new Error(`no token was made: ${stderr}`)
    await writeFile(path, stdout, { mode: 0o600 })
    return path
  }

  agentFolder(host: TestHost): string {
    return join(this.folder, 'agents', host.name)
  }

  /** Ends an agent; its containers and its network go on. */
  async stopAgent(host: TestHost, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<Result> {
    return await this.agent(host).stop(signal)
  }

  /** Cuts a host's power and switches it on again; its agent starts with it. */
  async reboot(host: TestHost): Promise<void> {
    await host.reboot()
    await this.startAgent(host)
  }

  /** Resolves when the nodes of these hosts are ready and their agents have renewed their leases since the call. */
  async untilReady(...hosts: readonly TestHost[]): Promise<void> {
    const since = systemClock.now()
    await this.until(`ready nodes: ${hosts.map(({ name }) => name).join(', ')}`, async () => {
      for (const host of hosts) {
        const agent = this.agent(host)
        if (agent.hasEnded)
          throw new Hopeless(`the agent of ${host.name} ended: ${agent.stderr}${agent.stdout}`)
        const { status } = await this.client.get(Kinds.Node, host.name)
        if (!status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'))
          return false
        const { spec } = await this.client.get(Kinds.Lease, host.name, { namespace: 'kube-node-lease' })
        if (Date.parse(spec?.renewTime ?? '') < since) return false
      }
      return true
    })
  }

  /** The network of a pod, as a place to act from. The caller closes it. */
  async inside({ metadata, spec, status }: Pod): Promise<Place> {
    const host = this.hosts.all.find(({ name }) => name === spec?.nodeName)
    const id = status?.containerStatuses?.find(({ state }) => state?.running !== undefined)?.containerID
    if (host === undefined || id === undefined) throw new Error(`the pod ${metadata.name} runs nowhere`)
    return await host.container(id.replace(/^docker:\/\//, ''))
  }

  /** Ends the server and the agents and removes their files. The hosts, with their engines, are their owner's. */
  async destroy(): Promise<void> {
    await Promise.all([...this.#agents.values()].map(agent => agent.stop()))
    if (this.#server !== undefined) await this.#server.stop()
    await this.disconnect()
    if (process.env.BOWLINE_TEST_KEEP === undefined) await rm(this.folder, { recursive: true, force: true })
  }

  protected override serverUrl(): string | undefined {
    return this.#url
  }
}
