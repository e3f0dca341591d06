import { Limit } from '../../src/base/index.ts'
import { TEST_IMAGE } from '../../test/support/dockerd.ts'
import { untilNoneRun } from '../fixture/containers.ts'
import { DockerBench, engineObstacle, swarmObstacle } from '../fixture/docker-bench.ts'
import { COMMAND, deployment } from '../fixture/manifests.ts'
import { Swarm } from '../fixture/swarm.ts'
import type { Aim, Bench, Line, Section } from '../measurement.ts'
import { median } from '../statistics.ts'

/** How many containers start, and how often. */
const SIZES = [
  { replicas: 1, runs: 7, quickRuns: 3 },
  { replicas: 10, runs: 5, quickRuns: 1 },
  { replicas: 50, runs: 3, quickRuns: 1 },
] as const

/** Starts in flight that are tried for the bare containers; the best one is the reference. */
const CONCURRENCIES = [4, 8, 16] as const

const BARE_AIM: Aim = { ratio: 1.15 }
const SWARM_AIM: Aim = { ratio: 0.9 }

/** The network of the bare containers: of the kind that the pods' addresses are on. */
const NETWORK = 'bench'

export const start: Section = {
  name: 'start',
  about: 'from a commit to all of its containers running',
  obstacle: () => engineObstacle() ?? swarmObstacle(),
  async measure(bench) {
    const docker = await DockerBench.start(bench)
    try {
      await docker.docker.createNetwork({ Name: NETWORK })
      const lines: Line[] = []
      for (const size of SIZES)
        lines.push(
          ...(await measureSize(bench, docker, size.replicas, bench.quick ? size.quickRuns : size.runs)),
        )
      return lines
    } finally {
      await docker.stop()
    }
  },
}

async function measureSize(
  bench: Bench,
  docker: DockerBench,
  replicas: number,
  runs: number,
): Promise<readonly Line[]> {
  const ours: number[] = []
  const swarms: number[] = []
  const bare = CONCURRENCIES.map(concurrency => ({ concurrency, times: [] as number[] }))
  const swarm = await Swarm.start()
  try {
    // Side by side, so that what disturbs the machine disturbs all of them.
    for (let run = 1; run <= runs; run += 1) {
      bench.note(`start: ${replicas} containers, run ${run} of ${runs}`)
      ours.push(await commitToRunning(docker, replicas))
      for (const { concurrency, times } of bare)
        times.push(await bareToRunning(docker, replicas, concurrency))
      swarms.push(await serviceToRunning(swarm, replicas))
    }
  } finally {
    await swarm.destroy()
  }
  const best = bare
    .map(({ concurrency, times }) => ({ concurrency, value: median(times) }))
    .reduce((a, b) => (b.value < a.value ? b : a))
  const what = `commit → ${replicas} running`
  const line = { what, unit: 's', ours: median(ours) / 1_000 } as const
  return [
    {
      ...line,
      reference: { value: best.value / 1_000, what: `bare dockerode, ${best.concurrency} at once` },
      ...(replicas === 50 && { aim: BARE_AIM }),
    },
    {
      ...line,
      reference: { value: median(swarms) / 1_000, what: 'docker service create' },
      ...(replicas > 1 && { aim: SWARM_AIM }),
    },
  ]
}

/** Milliseconds from the move of the branch until the last container has started. */
async function commitToRunning(docker: DockerBench, replicas: number): Promise<number> {
  const { at, from } = await docker.commit(
    new Map([['web.yaml', deployment({ name: 'web', replicas })]]),
    'start',
  )
  const last = await docker.events.nth(replicas, 'start', from)
  await docker.remove('web.yaml')
  return last.at - at
}

async function bareToRunning(
  { docker, events }: DockerBench,
  replicas: number,
  concurrency: number,
): Promise<number> {
  const limit = new Limit(concurrency)
  const from = events.count
  const at = performance.now()
  const containers = await Promise.all(
    Array.from({ length: replicas }, () =>
      limit.run(async () => {
        const container = await docker.createContainer({
          Image: TEST_IMAGE,
          Cmd: [...COMMAND],
          HostConfig: { NetworkMode: NETWORK },
        })
        await container.start()
        return container
      }),
    ),
  )
  const last = await events.nth(replicas, 'start', from)
  await Promise.all(containers.map(container => limit.run(() => container.remove({ force: true }))))
  return last.at - at
}

async function serviceToRunning(swarm: Swarm, replicas: number): Promise<number> {
  const from = swarm.events.count
  const at = performance.now()
  const service = await swarm.createService({ name: 'web', replicas })
  const last = await swarm.events.nth(replicas, 'start', from)
  await service.remove()
  await untilNoneRun(swarm.docker, TEST_IMAGE)
  return last.at - at
}
