import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { Kinds } from '../../src/kube/index.ts'
import { startTestEngine, type TestEngine } from '../../test/support/dockerd.ts'
import { Bowline } from '../fixture/bowline.ts'
import { engineObstacle } from '../fixture/docker-bench.ts'
import { deployment } from '../fixture/manifests.ts'
import { childrenOf, processesObstacle, residentMegabytes } from '../fixture/processes.ts'
import { BenchRepository } from '../fixture/repository.ts'
import { Watched } from '../fixture/watched.ts'
import type { Bench, Section } from '../measurement.ts'
import { median } from '../statistics.ts'

/** What runs while nothing happens. */
const REPLICAS = 3

/** Samples and the time between them. */
const SAMPLES = 10
const SAMPLE_EVERY_MS = 1_000

export const memory: Section = {
  name: 'memory',
  about: `the memory of server and agent while ${REPLICAS} containers run and nothing happens`,
  obstacle: processesObstacle,
  async measure(bench) {
    const servers: number[] = []
    const agents: number[] = []
    const bare: number[] = []
    const runs = bench.quick ? 1 : 3
    const runtime = engineObstacle() === undefined ? 'docker' : 'process'
    for (let run = 1; run <= runs; run += 1) {
      bench.note(`memory: run ${run} of ${runs}, ${runtime} runtime`)
      const sample = await measureOnce(bench, runtime)
      servers.push(sample.server)
      agents.push(sample.agent)
      bare.push(sample.node)
    }
    const reference = { value: median(bare), what: 'node -e, idle' }
    return [
      { what: 'memory of the idle server', unit: 'MB', ours: median(servers), reference, aim: { value: 90 } },
      {
        what: `memory of the idle agent (${runtime})`,
        unit: 'MB',
        ours: median(agents),
        reference,
        aim: { value: 60 },
      },
    ]
  },
}

interface Sample {
  readonly server: number
  readonly agent: number
  readonly node: number
}

async function measureOnce(bench: Bench, runtime: 'docker' | 'process'): Promise<Sample> {
  const folder = await mkdtemp(join(bench.folder, 'memory-'))
  const files = new Map([['web.yaml', deployment({ name: 'web', replicas: REPLICAS })]])
  const repository = await BenchRepository.create(folder, files)
  const engine: TestEngine | undefined = runtime === 'docker' ? await startTestEngine() : undefined
  const node = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' })
  try {
    const socket = engine === undefined ? [] : ['--docker-socket', engine.socketPath]
    const bowline = await Bowline.start({
      dist: bench.dist,
      args: ['up', repository.path, '--runtime', runtime, '--stop-containers', ...socket],
      dataDir: join(folder, 'data'),
    })
    try {
      const apps = new Watched(bowline.client, Kinds.App)
      await apps.first(({ status }) => status?.phase === 'Healthy')
      await apps.close()
      await sleep(bench.quick ? 15_000 : 60_000)
      return await sampled(bowline, node)
    } finally {
      await bowline.stop()
    }
  } finally {
    node.kill('SIGKILL')
    await engine?.destroy()
  }
}

async function sampled({ pid }: Bowline, node: ChildProcess): Promise<Sample> {
  const [agent] = await childrenOf(pid, ['agent'])
  if (agent === undefined || node.pid === undefined) throw new Error('there is no agent')
  const servers: number[] = []
  const agents: number[] = []
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    servers.push(await residentMegabytes(pid))
    agents.push(await residentMegabytes(agent))
    await sleep(SAMPLE_EVERY_MS)
  }
  return { server: median(servers), agent: median(agents), node: await residentMegabytes(node.pid) }
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
