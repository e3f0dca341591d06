import type Docker from 'dockerode'
import { TEST_IMAGE } from '../../test/support/dockerd.ts'
import type { ContainerEvents } from '../fixture/containers.ts'
import { DockerBench, engineObstacle, swarmObstacle } from '../fixture/docker-bench.ts'
import { deployment } from '../fixture/manifests.ts'
import { Swarm } from '../fixture/swarm.ts'
import type { Section } from '../measurement.ts'
import { median } from '../statistics.ts'

export const replace: Section = {
  name: 'replace',
  about: 'from the death of a killed container to the new one running',
  obstacle: () => engineObstacle() ?? swarmObstacle(),
  async measure(bench) {
    // Each container is killed once: a second death so soon would wait for Kubernetes' back-off.
    const kills = bench.quick ? 5 : 20
    const docker = await DockerBench.start(bench)
    const swarm = await Swarm.start()
    const ours: number[] = []
    const swarms: number[] = []
    try {
      const files = new Map([['web.yaml', deployment({ name: 'web', replicas: kills })]])
      await docker.commit(files, 'start')
      await swarm.createService({ name: 'web', replicas: kills })
      await docker.events.nth(kills, 'start', 0)
      await swarm.events.nth(kills, 'start', 0)
      const victims = await running(docker.docker)
      const swarmVictims = await running(swarm.docker)
      for (let index = 0; index < kills; index += 1) {
        bench.note(`replace: kill ${index + 1} of ${kills}`)
        ours.push(await killed(docker.docker, docker.events, victims[index]))
        swarms.push(await killed(swarm.docker, swarm.events, swarmVictims[index]))
      }
    } finally {
      await swarm.destroy()
      await docker.stop()
    }
    return [
      {
        what: 'killed container → new one running',
        unit: 'ms',
        ours: median(ours),
        reference: { value: median(swarms), what: 'Swarm, restart delay 0' },
        aim: { value: 300 },
      },
    ]
  },
}

async function running(docker: Docker): Promise<readonly string[]> {
  const containers = await docker.listContainers({ filters: { ancestor: [TEST_IMAGE], status: ['running'] } })
  return containers.map(({ Id }) => Id)
}

/** Kills a container; milliseconds from its die event to the start event of the one that takes its place. */
async function killed(docker: Docker, events: ContainerEvents, victim: string | undefined): Promise<number> {
  if (victim === undefined) throw new Error('there is no container left to kill')
  // What the killing before this one set in motion has settled.
  await new Promise(resolve => setTimeout(resolve, 1_000))
  const from = events.count
  await docker.getContainer(victim).kill()
  const death = await events.nth(1, 'die', from)
  const birth = await events.nth(1, 'start', from)
  return birth.at - death.at
}
