import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { systemClock } from '../../../src/base/index.ts'
import { Kinds } from '../../../src/kube/index.ts'
import { eventually } from '../../base/eventually.ts'
import type { TestEngine } from '../../support/dockerd.ts'
import { removeHostNetwork } from '../../support/host-network.ts'
import { GitRepository } from './git.ts'
import { Installation, type InstallationOptions, PATIENCE_MS } from './installation.ts'
import { Program, type Result } from './program.ts'

export { Hopeless, isReady, PATIENCE_MS } from './installation.ts'

export interface SiteOptions {
  /** From `inject('bowlineMain')`. */
  readonly main: string
  /** Absent: containers are processes of this machine. */
  readonly engine?: Pick<TestEngine, 'socketPath'>
  /** Where the site's folder is made; default: the machine's folder for such. */
  readonly parent?: string
  readonly nodes?: number
  /** More flags for `bowline up`. */
  readonly flags?: readonly string[]
}

/**
 * One installation as a user would have it: a Git repository, a data directory, `bowline up` over an engine, and the tools
 * that talk to it (kubectl, bowline, git), each the real program. Everything lies in one folder; `destroy()` removes it.
 */
export class Site extends Installation {
  readonly port: number
  readonly #options: SiteOptions
  #up: Program | undefined

  private constructor(folder: string, repository: GitRepository, port: number, options: SiteOptions) {
    const launcher = (...[command, args, more]: Parameters<InstallationOptions['launcher']>) =>
      new Program(command, args, more)
    super({ main: options.main, folder, repository, launcher })
    this.port = port
    this.#options = options
  }

  /** Makes the folder and the repository; nothing runs yet. */
  static async create(options: SiteOptions): Promise<Site> {
    const folder = await mkdtemp(join(options.parent ?? tmpdir(), 'bowline-site-'))
    const repository = await GitRepository.create(join(folder, 'git'))
    return new Site(folder, repository, await freePort(), options)
  }

  get nodeNames(): readonly string[] {
    const count = this.#options.nodes ?? 1
    const host = hostname().toLowerCase()
    return count === 1 ? [host] : Array.from({ length: count }, (_, index) => `${host}-${index + 1}`)
  }

  /** The process of `bowline up`. */
  get server(): Program {
    if (this.#up === undefined) throw new Error('the site has not been started')
    return this.#up
  }

  /** Runs `bowline up` and waits until all its agents report that their nodes are ready. */
  async start(flags: readonly string[] = []): Promise<void> {
    const startedAt = systemClock.now()
    const up = this.launch(flags)
    await eventually(
      'the server',
      () => {
        if (up.hasEnded) throw new Error(`bowline up ended:\n${up.stderr}${up.stdout}`)
        return up.stdout.includes('serving https://')
      },
      PATIENCE_MS,
    )
    await this.untilReady(startedAt)
  }

  /** Runs `bowline up` and returns at once. */
  launch(flags: readonly string[] = []): Program {
    const { engine, nodes = 1 } = this.#options
    const up = this.spawn([
      ...['up', this.repository.path, '--data-dir', this.dataDir, '--nodes', String(nodes)],
      ...(engine === undefined
        ? ['--runtime', 'process']
        : ['--runtime', 'docker', '--docker-socket', engine.socketPath]),
      ...['--listen', `127.0.0.1:${this.port}`, '--log-level', 'debug'],
      ...(this.#options.flags ?? []),
      ...flags,
    ])
    this.#up = up
    return up
  }

  /** Resolves when every node is ready and its agent has renewed its lease since then: a status may be that of an agent long dead. */
  async untilReady(sinceMs: number): Promise<void> {
    await this.until('all nodes to be ready', async () => {
      for (const name of this.nodeNames) {
        const { status } = await this.client.get(Kinds.Node, name)
        if (!status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'))
          return false
        const { spec } = await this.client.get(Kinds.Lease, name, { namespace: 'kube-node-lease' })
        if (Date.parse(spec?.renewTime ?? '') < sinceMs) return false
      }
      return true
    })
  }

  /** The processes of the agents that `up` runs now, by node name. */
  async agents(): Promise<ReadonlyMap<string, number>> {
    const agents = new Map<string, number>()
    for (const entry of await readdir('/proc')) {
      if (!/^\d+$/.test(entry)) continue
      const words = (await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')).split('\0')
      if (words[2] !== 'agent' || !words.some(word => word.startsWith(`${this.dataDir}/`))) continue
      agents.set(words[words.indexOf('--node-name') + 1] ?? '', Number(entry))
    }
    return agents
  }

  /** Stops `up` as a service manager does, and with it the agents. */
  async stop(): Promise<Result> {
    const result = await this.server.stop('SIGTERM')
    await this.disconnect()
    return result
  }

  /** Ends `up` as a power cut does; resolves when its agents have noticed. */
  async kill(): Promise<void> {
    await this.server.stop('SIGKILL')
    await eventually(
      'the agents to end with their parent',
      async () => (await this.agents()).size === 0,
      PATIENCE_MS,
    )
    await this.disconnect()
  }

  /** Ends everything and removes it. The engine's containers are the engine's to remove. */
  async destroy(): Promise<void> {
    const names = new Set(this.nodeNames)
    if (this.#up !== undefined && !this.#up.hasEnded) {
      const { items } = await this.client.list(Kinds.Node).catch(() => ({ items: [] }))
      for (const { metadata } of items) names.add(metadata.name ?? '')
      await this.stop()
    }
    await this.disconnect()
    if (this.#options.engine !== undefined) await removeHostNetwork(this.kubeconfig, names)
    if (process.env.BOWLINE_TEST_KEEP === undefined) await rm(this.folder, { recursive: true, force: true })
  }
}

/** A port of this machine that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

/** The engine's containers of pods, or their sandboxes, as the engine sees them: running ones, or all. */
export async function engineContainers(
  engine: TestEngine,
  { type, all = false, podUid }: { type: 'container' | 'sandbox'; all?: boolean; podUid?: string },
): Promise<readonly Docker.ContainerInfo[]> {
  const label = [
    `bowline.dev/type=${type}`,
    ...(podUid === undefined ? [] : [`bowline.dev/pod-uid=${podUid}`]),
  ]
  return engine.docker.listContainers({ all, filters: { label } })
}
