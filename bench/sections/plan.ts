import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseAllDocuments } from 'yaml'
import { type App, type ConfigMap, Kinds, type RecordObject } from '../../src/kube/index.ts'
import { Bowline, type LoopDelay } from '../fixture/bowline.ts'
import { IdleNode } from '../fixture/idle-node.ts'
import { CHANGED, changedFile, largeRepository } from '../fixture/large-repository.ts'
import { BenchRepository } from '../fixture/repository.ts'
import { Watched } from '../fixture/watched.ts'
import type { Bench, Line, Section } from '../measurement.ts'
import { median, percentile } from '../statistics.ts'

const STALL_AIM = { value: 50 } as const

/** How long a server is left alone to note what it has found equal: one that is stopped at once compares everything again. */
const SETTLE_MS = 10_000

/**
 * A plan is taken to be made when its record is seen over the API: it is durable then, and the first write follows. That counts
 * more than the plan itself: noticing the commit, writing the record, and the way to the watcher.
 */
export const plan: Section = {
  name: 'plan',
  about: 'from a commit in 10,000 manifests to its plan, warm and from a standing start',
  obstacle: () =>
    spawnSync('git', ['--version']).error === undefined
      ? undefined
      : 'git makes the repository, and there is none',
  async measure(bench) {
    const folder = await mkdtemp(join(bench.folder, 'plan-'))
    bench.note('plan: making a repository of 10,000 manifests')
    const files = largeRepository()
    const repository = await BenchRepository.create(folder, files)
    const reference = await referenceReading(repository, files)
    const cold: ColdStart[] = []
    const second: number[] = []
    const settled: number[] = []
    let warm: WarmCommits | undefined
    const runs = bench.quick ? 1 : 3
    for (let run = 1; run <= runs; run += 1) {
      bench.note(`plan: cold start with git, run ${run} of ${runs}`)
      const dataDir = join(folder, `data-${run}`)
      cold.push(await coldStart(bench, repository, dataDir, {}))
      bench.note('plan: second start, with a new commit')
      const server = await secondStart(bench, repository, { dataDir, value: `second ${run}` }, second)
      if (run === runs) warm = await warmCommits(bench, repository, server)
      bench.note('plan: third start, after a time of quiet')
      await sleep(SETTLE_MS)
      await server.stop()
      const third = await secondStart(bench, repository, { dataDir, value: `third ${run}` }, settled)
      await third.stop()
    }
    bench.note('plan: cold start without git')
    const without = await coldStart(bench, repository, join(folder, 'data-no-git'), {
      PATH: await pathWithNodeAlone(folder),
    })
    if (warm === undefined) throw new Error('nothing was run')
    return [
      ...warmLines(warm),
      ...startLines(cold, { second, settled }, without, reference),
      ...stallLines(cold, without),
    ]
  },
}

/** A path on which there is no git, nor anything else that the command could use. */
async function pathWithNodeAlone(folder: string): Promise<string> {
  const path = join(folder, 'node-alone')
  await mkdir(path)
  await symlink(process.execPath, join(path, 'node'))
  return path
}

interface ColdStart {
  readonly toPlanMs: number
  /** The server's event loop until the plan was there, and from then until everything was applied. */
  readonly planning: LoopDelay
  readonly applying: LoopDelay
  /** An idle process beside it: what the machine itself adds. */
  readonly idle: LoopDelay
}

async function coldStart(
  bench: Bench,
  repository: BenchRepository,
  dataDir: string,
  env: NodeJS.ProcessEnv,
): Promise<ColdStart> {
  const commit = await repository.head()
  const idle = new IdleNode()
  const server = await startServer(bench, repository, dataDir, env)
  try {
    const records = new Watched(server.client, Kinds.Record)
    const apps = new Watched(server.client, Kinds.App)
    const { at } = await records.first(({ spec }) => spec.commit.id === commit)
    const planning = await server.loopDelay()
    await apps.first(isHealthyAt(commit))
    const applying = await server.loopDelay()
    await Promise.all([records.close(), apps.close()])
    return { toPlanMs: at - server.startedAt, planning, applying, idle: await idle.loopDelay() }
  } finally {
    await Promise.all([server.stop(), idle.stop()])
  }
}

/** Starts the server again over the data of a run before, with one commit of `value` that it has not seen; leaves it running and healthy. */
async function secondStart(
  bench: Bench,
  repository: BenchRepository,
  { dataDir, value }: { readonly dataDir: string; readonly value: string },
  times: number[],
): Promise<Bowline> {
  const commit = await repository.prepare(
    new Map([[CHANGED.path, changedFile(value)]]),
    'while the server is away',
  )
  await repository.publish(commit)
  const server = await startServer(bench, repository, dataDir, {})
  const records = new Watched(server.client, Kinds.Record)
  const { at } = await records.first(({ spec }) => spec.commit.id === commit)
  times.push(at - server.startedAt)
  await records.first(isClosed(commit))
  await records.close()
  return server
}

/**
 * All ConfigMaps, once the watch has told of those that are there: what comes afterwards would wait behind thousands of them, and the
 * measured commits with it. Events come in order, so the one of a ConfigMap that is made now is the last of these.
 */
async function watchConfigMaps({ client }: Bowline): Promise<Watched<ConfigMap>> {
  const configMaps = new Watched(client, Kinds.ConfigMap)
  const metadata = { name: 'bench-begins', namespace: 'default' }
  await client.create(Kinds.ConfigMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata })
  await configMaps.first(({ metadata: { name } }) => name === 'bench-begins')
  return configMaps
}

interface WarmCommits {
  readonly toPlanMs: readonly number[]
  readonly toActionMs: readonly number[]
  readonly gitMs: readonly number[]
  readonly pushMs: readonly number[]
}

async function warmCommits(bench: Bench, repository: BenchRepository, server: Bowline): Promise<WarmCommits> {
  const count = bench.quick ? 10 : 40
  const records = new Watched(server.client, Kinds.Record)
  const configMaps = await watchConfigMaps(server)
  const target = join(bench.folder, 'push-target.git')
  await repository.cloneTo(target)
  const toPlanMs: number[] = []
  const toActionMs: number[] = []
  const gitMs: number[] = []
  const pushMs: number[] = []
  for (let index = 1; index <= count; index += 1) {
    bench.note(`plan: commit ${index} of ${count}`)
    const before = await repository.head()
    const value = `commit ${index}`
    const commit = await repository.prepare(new Map([[CHANGED.path, changedFile(value)]]), value)
    const recorded = records.first(({ spec }) => spec.commit.id === commit)
    const written = configMaps.first(hasValue(value))
    const closed = records.first(isClosed(commit))
    const at = await repository.publish(commit)
    toPlanMs.push((await recorded).at - at)
    toActionMs.push((await written).at - at)
    await closed
    gitMs.push(await timed(() => repository.readChanges(before, commit)))
    pushMs.push(await timed(() => repository.push(target, commit)))
  }
  await Promise.all([records.close(), configMaps.close()])
  return { toPlanMs, toActionMs, gitMs, pushMs }
}

function startServer(
  { dist }: Bench,
  { path }: BenchRepository,
  dataDir: string,
  env: NodeJS.ProcessEnv,
): Promise<Bowline> {
  return Bowline.start({
    dist,
    args: ['server', '--repo', path],
    dataDir,
    monitored: true,
    env: { ...process.env, ...env },
  })
}

function isHealthyAt(commit: string): (app: App) => boolean {
  return ({ status }) => status?.phase === 'Healthy' && status.observedRevision === commit
}

function isClosed(commit: string): (record: RecordObject) => boolean {
  return ({ spec, status }) => spec.commit.id === commit && status?.closedAt !== undefined
}

function hasValue(value: string): (configMap: ConfigMap) => boolean {
  return ({ metadata, data }) => metadata.name === CHANGED.name && data?.value === value
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}

/** What no plan can do without: the files read by git in one go, and parsed one after the other. */
interface ReferenceReading {
  readonly readMs: number
  readonly parseMs: number
}

async function referenceReading(
  repository: BenchRepository,
  files: ReadonlyMap<string, string>,
): Promise<ReferenceReading> {
  const begun = performance.now()
  await repository.readEverything()
  const read = performance.now()
  for (const text of files.values()) for (const document of parseAllDocuments(text)) document.toJS()
  return { readMs: read - begun, parseMs: performance.now() - read }
}

function warmLines({ toPlanMs, toActionMs, gitMs, pushMs }: WarmCommits): readonly Line[] {
  return [
    {
      what: 'one file of 10,000 → plan, warm',
      unit: 'ms',
      ours: median(toPlanMs),
      reference: { value: median(gitMs), what: 'git diff-tree, cat-file' },
      aim: { value: 25 },
    },
    {
      what: 'local push → first action, p95',
      unit: 'ms',
      ours: percentile(toActionMs, 0.95),
      reference: { value: median(pushMs), what: 'git push itself' },
      aim: { value: 1_000 },
    },
  ]
}

function startLines(
  cold: readonly ColdStart[],
  { second, settled }: { readonly second: readonly number[]; readonly settled: readonly number[] },
  without: ColdStart,
  { readMs, parseMs }: ReferenceReading,
): readonly Line[] {
  const readAndParse = { value: (readMs + parseMs) / 1_000, what: 'git cat-file, then yaml, 1 thread' }
  return [
    {
      what: 'cold start, 10,000 files → plan',
      unit: 's',
      ours: median(cold.map(({ toPlanMs }) => toPlanMs)) / 1_000,
      reference: readAndParse,
      aim: { value: 3 },
    },
    {
      what: 'the same without a git binary',
      unit: 's',
      ours: without.toPlanMs / 1_000,
      reference: readAndParse,
      aim: { value: 8 },
    },
    {
      what: 'second start → plan',
      unit: 's',
      ours: median(second) / 1_000,
      reference: { value: readMs / 1_000, what: 'git cat-file alone' },
      aim: { value: 1 },
    },
    {
      what: 'the same after ten quiet seconds',
      unit: 's',
      ours: median(settled) / 1_000,
      reference: { value: readMs / 1_000, what: 'git cat-file alone' },
      aim: { value: 1 },
    },
  ]
}

function stallLines(cold: readonly ColdStart[], without: ColdStart): readonly Line[] {
  const idle = { value: median([...cold, without].map(run => run.idle.p99Ms)), what: 'idle node beside it' }
  const p99 = (what: string, delays: readonly LoopDelay[]): Line => ({
    what: `event loop stall p99, ${what}`,
    unit: 'ms',
    ours: median(delays.map(({ p99Ms }) => p99Ms)),
    reference: idle,
    aim: STALL_AIM,
  })
  const longest = Math.max(...cold.flatMap(({ planning, applying }) => [planning.maxMs, applying.maxMs]))
  return [
    p99(
      'cold start → plan',
      cold.map(({ planning }) => planning),
    ),
    p99(
      'plan → all applied',
      cold.map(({ applying }) => applying),
    ),
    p99('→ plan, no git binary', [without.planning]),
    {
      what: 'longest stall of a cold start',
      unit: 'ms',
      ours: longest,
      reference: { value: Math.max(...cold.map(run => run.idle.maxMs)), what: 'idle node beside it' },
    },
  ]
}
