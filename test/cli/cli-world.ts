import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { startAgent } from '../../src/agents/index.ts'
import { createHollowRuntime, type HollowRuntime } from '../../src/agents/runtime/index.ts'
import { silentLogger, systemClock, systemIds } from '../../src/base/index.ts'
import { connect } from '../../src/cli/connect.ts'
import { runCommand } from '../../src/cli/program.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import type { HttpsClient } from '../../src/client/index.ts'
import { openLmdbStore } from '../../src/cluster/index.ts'
import { readClusterNetwork } from '../../src/cluster-network.ts'
import { type App, type AppStatus, DEFAULT_NETWORK, Kinds } from '../../src/kube/index.ts'
import { type RunningServer, startServer } from '../../src/server.ts'
import { testKeyring } from '../agents/support/keyring.ts'
import { eventually } from '../base/eventually.ts'
import { TestRepository } from '../sync/repository-builder.ts'

/** What a command said. */
export interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
  /** Every state of the progress lines; only on a terminal. */
  readonly progress: readonly string[]
}

export interface CliWorldOptions {
  /** Names of hosts, each with an agent over a runtime without containers. Default two. */
  readonly nodes?: readonly string[]
  /** Where the server follows the repository; default its folder. */
  readonly source?: Partial<App['spec']['source']>
}

/** A whole server with hollow hosts, a repository that it follows, and the command line beside them. */
export class CliWorld {
  readonly folder: string
  readonly repository: TestRepository
  readonly runtimes: Map<string, HollowRuntime> = new Map()
  readonly #nodes: readonly string[]
  readonly #source: Partial<App['spec']['source']>
  #stop = new AbortController()
  #running: Promise<void>[] = []
  #server: RunningServer | undefined
  #client: HttpsClient | undefined

  private constructor(folder: string, { nodes = ['host-1', 'host-2'], source = {} }: CliWorldOptions) {
    this.folder = folder
    this.#nodes = nodes
    this.#source = source
    this.repository = new TestRepository(join(folder, 'shop'))
  }

  static async create(options: CliWorldOptions = {}): Promise<CliWorld> {
    const world = new CliWorld(await mkdtemp(join(tmpdir(), 'bowline-cli-')), options)
    await world.#start()
    return world
  }

  get dataDir(): string {
    return join(this.folder, 'data')
  }

  /** As the administrator. */
  get client(): HttpsClient {
    if (this.#client === undefined) throw new Error('the server does not run')
    return this.#client
  }

  push(message: string, files: Readonly<Record<string, string>> = {}): string {
    return this.repository.commit(message, files)
  }

  /** Runs `bowline` in the folder of the repository, or another. */
  async bowline(
    args: readonly string[],
    options: { readonly cwd?: string; readonly isTerminal?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<Said> {
    const printed: string[] = []
    const noted: string[] = []
    const progress: string[] = []
    const terminal: Terminal = {
      print: text => printed.push(text),
      note: text => noted.push(text),
      paint: (_style, text) => text,
      progress: lines => options.isTerminal && progress.push(lines.map(stripVTControlCharacters).join('\n')),
      isTerminal: options.isTerminal ?? false,
      columns: 120,
    }
    const before = process.cwd()
    process.chdir(options.cwd ?? this.repository.path)
    try {
      const flags = args.some(arg => arg.startsWith('--kubeconfig') || arg.startsWith('--data-dir'))
        ? []
        : ['--data-dir', this.dataDir]
      const signal = options.signal ?? new AbortController().signal
      const code = await runCommand(['node', 'bowline', ...args, ...flags], terminal, signal)
      return { code, out: printed.join('\n'), err: noted.join('\n'), progress }
    } finally {
      process.chdir(before)
    }
  }

  async reaches(phase: NonNullable<AppStatus['phase']>, commit: string, app = 'shop'): Promise<App> {
    return eventually(`${app} to be ${phase} at ${commit.slice(0, 7)}`, async () => {
      const found = await this.client.get(Kinds.App, app).catch(() => undefined)
      return found?.status?.phase === phase && found.status.observedRevision === commit ? found : undefined
    })
  }

  /** Stops the server, changes what its store holds under a key as somebody with the disk in hand could, and starts it again. */
  async tamper(key: string, change: (text: string) => string): Promise<void> {
    await this.stopServer()
    const path = join(this.dataDir, 'store')
    const store = await openLmdbStore({ path, clock: systemClock, log: silentLogger })
    const stored = await store.get(key)
    const text = Buffer.from(stored?.value ?? []).toString()
    await store.txn([], [{ type: 'put', key, value: Buffer.from(change(text)) }])
    await store.close()
    await this.#start()
  }

  async stopServer(): Promise<void> {
    await this.#client?.close()
    this.#client = undefined
    this.#stop.abort()
    await Promise.all(this.#running)
    await this.#server?.closed
  }

  async close(): Promise<void> {
    await this.stopServer()
    for (const runtime of this.runtimes.values()) await runtime.close()
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  async #start(): Promise<void> {
    this.#stop = new AbortController()
    this.#running = []
    const parts = { clock: systemClock, ids: systemIds, log: silentLogger }
    this.#server = await startServer(
      {
        dataDir: this.dataDir,
        listen: { host: '127.0.0.1', port: 0 },
        advertise: undefined,
        network: readClusterNetwork(DEFAULT_NETWORK, []),
        app: {
          name: 'shop',
          spec: { source: { repository: this.repository.path, branch: 'main', path: '', ...this.#source } },
        },
      },
      parts,
      this.#stop.signal,
    )
    this.#client = await connect({ dataDir: this.dataDir })
    for (const nodeName of this.#nodes) {
      const runtime = this.runtimes.get(nodeName) ?? createHollowRuntime(parts)
      this.runtimes.set(nodeName, runtime)
      const agent = startAgent({
        ...{ client: this.#client, runtime, nodeName, ...parts },
        dataDir: join(this.folder, nodeName),
        memoryDir: undefined,
        mountDir: undefined,
        keyring: testKeyring,
        clusterUid: 'test',
        pods: undefined,
        allowHost: [],
        engineSockets: [],
        capacityShare: 1,
        readAddresses: () => ['127.0.0.1'],
        reconnect: () => {},
        version: 'v0.0.0-test',
        tunnel: undefined,
      })
      this.#running.push(agent.start(this.#stop.signal))
    }
  }
}
