import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startAgent } from '../../src/agents/index.ts'
import { createHollowRuntime, type HollowRuntime } from '../../src/agents/runtime/index.ts'
import {
  type Clock,
  type KeyValueStore,
  type LogFields,
  type Logger,
  silentLogger,
  systemClock,
  systemIds,
} from '../../src/base/index.ts'
import { type Client, Informers } from '../../src/client/index.ts'
import {
  createAccess,
  createInProcessClient,
  createVerbs,
  ensureBootstrap,
  isPerson,
  openLmdbStore,
  startControllers,
  startScheduler,
  systemIdentity,
  type Verbs,
} from '../../src/cluster/index.ts'
import { SourceOpener } from '../../src/gitops.ts'
import { type App, type AppStatus, allKinds, Kinds, type RecordObject, refOf } from '../../src/kube/index.ts'
import { definedKinds, Pipeline } from '../../src/pipeline/index.ts'
import { testKeyring } from '../agents/support/keyring.ts'
import { eventually } from '../base/eventually.ts'
import { TestRepository } from '../sync/repository-builder.ts'

export const ROOT = 'shop'

export interface TestPipelineOptions {
  readonly clock?: Clock
  /** Names of nodes, each with an agent over a runtime without containers. Default one. */
  readonly nodes?: readonly string[]
  /** Where the repository's branch is; default a repository with a work tree on this machine. */
  readonly source?: Partial<App['spec']['source']>
  /** Stands between the pipeline and the API. */
  readonly wrapClient?: (client: Client) => Client
  /** Stands between the caches of the server's parts and the API. */
  readonly wrapInformers?: (client: Client) => Client
  /** Starts nothing that makes pods: no controllers, scheduler and agents. */
  readonly isBare?: boolean
}

/** The whole path from a Git repository to (hollow) containers, in one process, over a real store and real verbs. */
export class TestPipeline {
  readonly folder: string
  readonly repository: TestRepository
  readonly runtimes: Map<string, HollowRuntime> = new Map()
  /** Everything that was logged, as JSON. */
  readonly log: string[] = []
  readonly #options: TestPipelineOptions
  readonly #store: KeyValueStore
  readonly #kills: (() => void)[] = []
  #running: RunningParts | undefined

  private constructor(folder: string, store: KeyValueStore, options: TestPipelineOptions) {
    this.folder = folder
    this.#store = store
    this.#options = options
    this.repository = new TestRepository(join(folder, 'repository'))
    for (const name of options.isBare ? [] : (options.nodes ?? ['host-1']))
      this.runtimes.set(name, createHollowRuntime({ clock: systemClock, log: silentLogger }))
  }

  static async create(options: TestPipelineOptions = {}): Promise<TestPipeline> {
    const folder = await mkdtemp(join(tmpdir(), 'bowline-pipeline-'))
    const store = await openLmdbStore({ path: join(folder, 'store'), clock: systemClock, log: silentLogger })
    return new TestPipeline(folder, store, options)
  }

  get store(): KeyValueStore {
    return this.#store
  }

  get pipeline(): Pipeline {
    return this.#parts.pipeline
  }

  /** As the administrator, with kubectl's manager. */
  get client(): Client {
    return this.as('kubernetes-admin')
  }

  /** As a person; warnings go to `warnings`. */
  as(username: string, warnings: string[] = []): Client {
    return createInProcessClient(
      this.#parts.verbs,
      { username, groups: ['system:masters', 'system:authenticated'] },
      { fieldManager: 'kubectl-edit', onWarnings: texts => warnings.push(...texts) },
    )
  }

  /** Starts the server's parts, as after a boot. */
  async start(): Promise<this> {
    const alive = mortal(this.#store)
    this.#kills.push(alive.kill)
    this.#running = await startParts(this.folder, alive.store, this.#options, this.#logger())
    for (const [name, runtime] of this.runtimes) this.#running.addAgent(name, runtime, this.folder)
    const source = { repository: this.repository.path, branch: 'main', path: '', ...this.#options.source }
    const spec: App['spec'] = { source }
    await this.client.patch(
      Kinds.App,
      ROOT,
      {
        type: 'apply',
        force: true,
        body: { apiVersion: 'bowline.dev/v1alpha1', kind: 'App', metadata: { name: ROOT }, spec } as App,
      },
      { fieldManager: 'bowline-up' },
    )
    return this
  }

  /** Ends the server's parts in good order. */
  async stop(): Promise<void> {
    await this.#running?.stop()
    this.#running = undefined
  }

  /** The server dies at this instant: nothing that it does from now on reaches the store. */
  async kill(): Promise<void> {
    for (const kill of this.#kills) kill()
    const dying = this.#running
    this.#running = undefined
    void dying?.stop().catch(() => {})
  }

  /** Waits until the inventory says of everything in it that it is as declared. */
  async noted(): Promise<void> {
    await eventually('everything to be noted', async () => {
      const { items } = await this.#store.range('/bowline/inventory/')
      const entries = items.map(({ value }) => JSON.parse(Buffer.from(value).toString()))
      return entries.length > 0 && entries.every(({ verified }) => verified !== undefined)
    })
  }

  /** Waits until no record is open: an app is told to be healthy just before. */
  async closed(): Promise<void> {
    await eventually('every record to be closed', async () =>
      (await this.records()).every(({ status }) => status?.state !== 'Open'),
    )
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  async close(): Promise<void> {
    await this.stop()
    for (const runtime of this.runtimes.values()) await runtime.close()
    await this.#store.close()
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  /** Commits files to the branch that is followed. */
  push(message: string, files: Readonly<Record<string, string>> = {}): string {
    return this.repository.commit(message, files)
  }

  app(name: string = ROOT): Promise<App> {
    return this.client.get(Kinds.App, name)
  }

  /** All records of an app, oldest first. */
  async records(app: string = ROOT): Promise<readonly RecordObject[]> {
    const { items } = await this.client.list(Kinds.Record, { labelSelector: `bowline.dev/app=${app}` })
    return items
  }

  /** Waits until the app has looked at a commit and says this of it. */
  async reaches(
    phase: NonNullable<AppStatus['phase']>,
    commit: string,
    app: string = ROOT,
    deadlineMs?: number,
  ): Promise<App> {
    let last: App | undefined
    try {
      return await eventually(
        `app ${app} to be ${phase} at ${commit.slice(0, 7)}`,
        async () => {
          last = await this.client.get(Kinds.App, app).catch(() => undefined)
          const { status } = last ?? {}
          return status?.phase === phase && status.observedRevision === commit ? last : undefined
        },
        deadlineMs,
      )
    } catch (error) {
      throw new Error(`${(error as Error).message}: ${JSON.stringify(last?.status, null, 1)}`)
    }
  }

  /** Waits for a record that fits; the newest such. */
  async recorded(
    what: string,
    fits: (record: RecordObject) => boolean,
    app: string = ROOT,
    deadlineMs?: number,
  ): Promise<RecordObject> {
    let all: readonly RecordObject[] = []
    try {
      return await eventually(
        `a record of ${app}: ${what}`,
        async () => {
          all = await this.records(app)
          return all.findLast(fits)
        },
        deadlineMs,
      )
    } catch (error) {
      const seen = all.map(({ metadata, spec, status }) => ({ name: metadata.name, ...spec, ...status }))
      throw new Error(`${(error as Error).message}: ${JSON.stringify(seen, null, 1)}`)
    }
  }

  /** The runtime that has a container of this pod, and the container. */
  async containerOf(pod: string): Promise<{ readonly runtime: HollowRuntime; readonly id: string }> {
    for (const runtime of this.runtimes.values()) {
      const found = (await runtime.listContainers()).find(
        container => container.pod.name === pod && container.state === 'running',
      )
      if (found !== undefined) return { runtime, id: found.id }
    }
    throw new Error(`no container of ${pod} runs`)
  }

  /** Moves the repository's folder away; the returned function moves it back. */
  async hideRepository(): Promise<() => Promise<void>> {
    const { path } = this.repository
    const hidden = `${path}.hidden`
    await cp(path, hidden, { recursive: true })
    await rm(path, { recursive: true, force: true })
    return () => cp(hidden, path, { recursive: true })
  }

  get #parts(): RunningParts {
    if (this.#running === undefined) throw new Error('the server does not run')
    return this.#running
  }

  #logger(context: LogFields = {}): Logger {
    const write =
      (level: string) =>
      (message: string, fields: LogFields = {}) => {
        this.log.push(JSON.stringify({ level, message, ...context, ...fields }))
      }
    return {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      with: fields => this.#logger({ ...context, ...fields }),
    }
  }
}

interface RunningParts {
  readonly verbs: Verbs
  readonly pipeline: Pipeline
  addAgent(name: string, runtime: HollowRuntime, folder: string): void
  stop(): Promise<void>
}

async function startParts(
  folder: string,
  store: KeyValueStore,
  options: TestPipelineOptions,
  log: Logger,
): Promise<RunningParts> {
  const clock = options.clock ?? systemClock
  const ids = systemIds
  const { wrapClient = client => client, wrapInformers = client => client, isBare = false } = options
  const stop = new AbortController()
  const ground = new AbortController()
  const running: Promise<void>[] = []
  let pipeline: Pipeline | undefined
  const verbs = createVerbs({
    store,
    kinds: allKinds,
    authorizer: createAccess({ clock, log }).authorizer,
    ...{ clock, ids, log },
    warnOnWrite({ user, subresource }, object) {
      if (!isPerson(user)) return []
      const write = { user: user.username, ref: refOf(object), subresource }
      pipeline?.noteWrite(write)
      return pipeline?.warningsFor(write) ?? []
    },
  })
  const grounded = [verbs.start(ground.signal)]
  await ensureBootstrap(verbs, systemIdentity('bootstrap'), ground.signal)
  const clientOf = (part: string): Client =>
    createInProcessClient(verbs, systemIdentity(part), { fieldManager: `bowline-${part}` })
  const informers = new Informers({ client: wrapInformers(clientOf('informers')), clock, ids, log })
  grounded.push(informers.start(ground.signal))
  if (!isBare) {
    const client = clientOf('controllers')
    running.push(startControllers({ client, informers, clock, ids, log }).start(stop.signal))
    running.push(startScheduler({ client, informers, clock, log }).start(stop.signal))
  }
  const client = clientOf('pipeline')
  const sources = await SourceOpener.create({
    cacheFolder: join(folder, 'cache'),
    environment: process.env,
    kinds: () => definedKinds({ client, informers, clock }),
    onDamage: () => pipeline?.readAgain(),
    ...{ clock, log },
  })
  grounded.push(sources.start(ground.signal))
  pipeline = new Pipeline({
    client: wrapClient(client),
    openSource: app => sources.open(app),
    version: 'test',
    ...{ informers, store, clock, ids, log },
  })
  running.push(pipeline.start(stop.signal))
  return {
    verbs,
    pipeline,
    addAgent(nodeName, runtime, dataDir) {
      const agent = startAgent({
        client: clientOf(`agent-${nodeName}`),
        ...{ runtime, nodeName, clock, ids },
        dataDir: join(dataDir, nodeName),
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
        log: silentLogger,
      })
      running.push(agent.start(stop.signal))
    },
    async stop() {
      stop.abort()
      await Promise.all(running)
      ground.abort()
      await Promise.all(grounded)
    },
  }
}

/** A store whose user can die: from then on nothing is written, and nothing that waits for a write goes on. */
function mortal(store: KeyValueStore): { readonly store: KeyValueStore; kill(): void } {
  let isDead = false
  const never = new Promise<never>(() => {})
  return {
    kill() {
      isDead = true
    },
    store: {
      get revision() {
        return store.revision
      },
      get: key => (isDead ? never : store.get(key)),
      range: (prefix, options) => (isDead ? never : store.range(prefix, options)),
      heads: (prefix, options) => (isDead ? never : store.heads(prefix, options)),
      read: (key, modRevision) => store.read(key, modRevision),
      count: prefix => store.count(prefix),
      txn: (compares, operations) => (isDead ? never : store.txn(compares, operations)),
      watch: (...call) => store.watch(...call),
      compact: revision => store.compact(revision),
      close: async () => {},
    },
  }
}
