import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { systemClock } from '../../../src/base/index.ts'
import { createHttpsClient, type HttpsClient, readKubeconfig } from '../../../src/client/index.ts'
import { type App, Kinds, type Pod, parseYamlValue, type RecordObject } from '../../../src/kube/index.ts'
import { eventually } from '../../base/eventually.ts'
import type { TestEngine } from '../../support/dockerd.ts'
import { GitRepository } from './git.ts'
import { Program, type ProgramOptions, type Result, run } from './program.ts'

/** How long anything may take on a busy machine before a test gives up. */
export const PATIENCE_MS = 60_000

export interface SiteOptions {
  /** From `inject('bowlineMain')`. */
  readonly main: string
  /** Absent: containers are processes of this machine. */
  readonly engine?: TestEngine
  readonly nodes?: number
  /** More flags for `bowline up`. */
  readonly flags?: readonly string[]
}

/**
 * One installation as a user would have it: a Git repository, a data directory, `bowline up` over an engine, and the tools
 * that talk to it (kubectl, bowline, git), each the real program. Everything lies in one folder; `destroy()` removes it.
 */
export class Site {
  readonly folder: string
  readonly dataDir: string
  readonly kubeconfig: string
  readonly repository: GitRepository
  readonly port: number
  readonly #options: SiteOptions
  #up: Program | undefined
  #client: HttpsClient | undefined

  private constructor(folder: string, repository: GitRepository, port: number, options: SiteOptions) {
    this.folder = folder
    this.dataDir = join(folder, 'data')
    this.kubeconfig = join(this.dataDir, 'kubeconfig')
    this.repository = repository
    this.port = port
    this.#options = options
  }

  /** Makes the folder and the repository; nothing runs yet. */
  static async create(options: SiteOptions): Promise<Site> {
    const folder = await mkdtemp(join(tmpdir(), 'bowline-site-'))
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
    await this.#close()
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
    await this.#close()
  }

  /** Ends everything and removes it. The engine's containers are the engine's to remove. */
  async destroy(): Promise<void> {
    if (this.#up !== undefined && !this.#up.hasEnded) await this.stop()
    await this.#close()
    if (process.env.BOWLINE_TEST_KEEP === undefined) await rm(this.folder, { recursive: true, force: true })
  }

  /** What reads the cluster in the tests; administrator. */
  get client(): HttpsClient {
    this.#client ??= connect(this.kubeconfig)
    return this.#client
  }

  kubectl(args: readonly string[], input = ''): Promise<Result> {
    return run('kubectl', args, { env: this.#kubectlEnv, input })
  }

  /** Like {@link kubectl}, but a failure throws with what kubectl said. Answers with stdout. */
  async kubectlOk(args: readonly string[], input = ''): Promise<string> {
    const { code, stdout, stderr } = await this.kubectl(args, input)
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`)
    return stdout
  }

  /** Starts a kubectl that goes on, such as one that follows. The caller ends it. */
  spawnKubectl(args: readonly string[]): Program {
    return new Program('kubectl', args, { env: this.#kubectlEnv })
  }

  get #kubectlEnv(): Record<string, string> {
    return {
      HOME: this.folder,
      KUBECONFIG: this.kubeconfig,
      KUBECACHEDIR: join(this.folder, 'kube-cache'),
    }
  }

  /** Runs a bowline command in the clone of the repository. */
  bowline(...args: readonly string[]): Promise<Result> {
    return this.spawn(args).ended
  }

  /** Starts a bowline command. */
  spawn(args: readonly string[], { env, ...options }: ProgramOptions = {}): Program {
    return new Program(process.execPath, [this.#options.main, ...args], {
      cwd: this.repository.clone,
      ...options,
      env: { ...this.repository.env, BOWLINE_KUBECONFIG: this.kubeconfig, NO_COLOR: '1', ...env },
    })
  }

  /** Pushes a commit and waits until its apps have settled. Answers with what `bowline follow` said. */
  async deploy(message: string, files: Parameters<GitRepository['push']>[1]): Promise<Result> {
    const commit = await this.repository.push(message, files)
    return this.bowline('follow', commit, '--deadline', String(PATIENCE_MS / 1_000))
  }

  /** Polls until `condition` gives a value that is not undefined or false. A server that is away for a moment is no failure. */
  until<T>(
    what: string,
    condition: () => Promise<T | undefined | false>,
    patienceMs: number = PATIENCE_MS,
  ): Promise<T> {
    let problem = ''
    return eventually<T>(
      what,
      async () => {
        try {
          const value = await condition()
          if (value === undefined || value === false) await systemClock.sleep(30)
          return value
        } catch (error) {
          if (error instanceof Hopeless) throw error
          problem = String(error)
          await systemClock.sleep(100)
          return undefined
        }
      },
      patienceMs,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}${problem === '' ? '' : `; last problem: ${problem}`}`)
    })
  }

  pod(namespace: string, name: string): Promise<Pod> {
    return this.client.get(Kinds.Pod, name, { namespace })
  }

  /** The pods of a namespace that are not on their way out. */
  async pods(namespace: string, labelSelector?: string): Promise<readonly Pod[]> {
    const { items } = await this.client.list(Kinds.Pod, {
      namespace,
      ...(labelSelector === undefined ? {} : { labelSelector }),
    })
    return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  }

  /** Resolves when exactly so many pods of a namespace are there and ready. */
  readyPods(namespace: string, count: number, labelSelector?: string): Promise<readonly Pod[]> {
    return this.until(`${count} ready pods in ${namespace}`, async () => {
      const { items } = await this.client.list(Kinds.Pod, {
        namespace,
        ...(labelSelector === undefined ? {} : { labelSelector }),
      })
      return items.length === count && items.every(isReady) && items
    })
  }

  async app(name: string): Promise<App> {
    return await this.client.get(Kinds.App, name)
  }

  /** The records of an app, oldest first. */
  async records(app: string): Promise<readonly RecordObject[]> {
    const { items } = await this.client.list(Kinds.Record, { labelSelector: `bowline.dev/app=${app}` })
    return items.toSorted((a, b) => a.spec.sequence - b.spec.sequence)
  }

  async #close(): Promise<void> {
    await this.#client?.close()
    this.#client = undefined
  }
}

/** Ends a wait at once: what is waited for cannot come any more. */
export class Hopeless extends Error {}

/** A client of the server that a kubeconfig names. */
export function connect(path: string): HttpsClient {
  const { server, ca, credentials } = readKubeconfig(parseYamlValue(readFileSync(path, 'utf8')))
  return createHttpsClient({
    ...{ server, credentials, userAgent: 'bowline-test', fieldManager: 'bowline-test', clock: systemClock },
    ...(ca === undefined ? {} : { ca }),
  })
}

export function isReady({ metadata, status }: Pod): boolean {
  return (
    metadata.deletionTimestamp === undefined &&
    status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
  )
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
