import type Docker from 'dockerode'
import { DockerBench, engineObstacle, swarmObstacle } from '../fixture/docker-bench.ts'
import { deployment } from '../fixture/manifests.ts'
import { Swarm } from '../fixture/swarm.ts'
import type { Line, Section } from '../measurement.ts'
import { median } from '../statistics.ts'

const REPLICAS = 50
const IN_FLIGHT = 10

type Order = 'stop-first' | 'start-first'

/** Swarm's default is to stop a task before the next one starts; Bowline's, as Kubernetes', to start first. */
const ORDERS: readonly Order[] = ['stop-first', 'start-first']

export const rollout: Section = {
  name: 'rollout',
  about: `a rolling update of ${REPLICAS} containers, ${IN_FLIGHT} in flight`,
  obstacle: () => engineObstacle() ?? swarmObstacle(),
  async measure(bench) {
    const lines: Line[] = []
    for (const order of ORDERS) {
      const docker = await DockerBench.start(bench)
      const swarm = await Swarm.start()
      const ours: number[] = []
      const swarms: number[] = []
      try {
        const update = await bowlineUpdates(docker, order)
        const updateService = await swarmUpdates(swarm, order)
        for (let run = 1; run <= (bench.quick ? 1 : 3); run += 1) {
          bench.note(`rollout: ${order}, run ${run}`)
          ours.push(await update(run + 1))
          swarms.push(await updateService(run + 1))
        }
      } finally {
        await swarm.destroy()
        await docker.stop()
      }
      lines.push({
        what: `${REPLICAS} updated, ${IN_FLIGHT} at a time, ${order}`,
        unit: 's',
        ours: median(ours) / 1_000,
        reference: { value: median(swarms) / 1_000, what: 'docker service update' },
        ...(order === 'stop-first' && { aim: { ratio: 0.7 } }),
      })
    }
    return lines
  },
}

/** A function that makes one update and answers with the milliseconds from the commit until the last new container started. */
async function bowlineUpdates(
  docker: DockerBench,
  order: Order,
): Promise<(version: number) => Promise<number>> {
  const inFlight =
    order === 'stop-first'
      ? { maxSurge: 0, maxUnavailable: IN_FLIGHT }
      : { maxSurge: IN_FLIGHT, maxUnavailable: 0 }
  const files = (version: number) =>
    new Map([['web.yaml', deployment({ name: 'web', replicas: REPLICAS, version, ...inFlight })]])
  const { from } = await docker.commit(files(1), 'start')
  await docker.events.nth(REPLICAS, 'start', from)
  return async version => {
    const begun = await docker.commit(files(version), `version ${version}`)
    const last = await docker.events.nth(REPLICAS, 'start', begun.from)
    // The old ones end in their own time; the next update begins with none of them left.
    await docker.events.nth(REPLICAS, 'die', begun.from)
    return last.at - begun.at
  }
}

async function swarmUpdates(swarm: Swarm, order: Order): Promise<(version: number) => Promise<number>> {
  const options = { name: 'web', replicas: REPLICAS, parallelism: IN_FLIGHT, order }
  const service = await swarm.createService(options)
  await swarm.events.nth(REPLICAS, 'start', 0)
  return async version => {
    const from = swarm.events.count
    const at = performance.now()
    await swarm.update(service, options, version)
    const last = await swarm.events.nth(REPLICAS, 'start', from)
    await untilUpdated(service)
    return last.at - at
  }
}

/** The Swarm watches each batch of new tasks for a while before it calls the update complete. */
async function untilUpdated(service: Docker.Service): Promise<void> {
  for (;;) {
    const { UpdateStatus } = (await service.inspect()) as { UpdateStatus?: { State?: string } }
    if (UpdateStatus?.State === 'completed') return
    await new Promise(resolve => setTimeout(resolve, 200))
  }
}
