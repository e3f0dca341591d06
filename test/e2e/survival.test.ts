import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { systemClock } from '../../src/base/index.ts'
import { Kinds, type Pod } from '../../src/kube/index.ts'
import { eventually } from '../base/eventually.ts'
import { startTestEngine, type TestEngine, testEngineAvailability } from '../support/dockerd.ts'
import { webDeployment } from './support/manifests.ts'
import { disagreements } from './support/orphans.ts'
import type { Program } from './support/program.ts'
import { engineContainers, PATIENCE_MS, Site } from './support/site.ts'

const { available, reason } = testEngineAvailability()

describe.skipIf(!available)(`what survives what (${reason})`, () => {
  let engine: TestEngine
  let site: Site

  beforeAll(async () => {
    engine = await startTestEngine()
    site = await Site.create({ main: inject('bowlineMain'), engine, nodes: 2 })
    await site.repository.push('shop', { 'web.yaml': webDeployment('web', 'one', 3) })
    await site.start()
    await site.readyPods('default', 3)
  })
  afterAll(async () => {
    await site?.destroy()
    await engine?.destroy()
  })

  async function containerIds(): Promise<readonly string[]> {
    return (await engineContainers(engine, { type: 'container' })).map(({ Id }) => Id).sort()
  }
  async function killAgents(): Promise<ReadonlyMap<string, number>> {
    const agents = await site.agents()
    for (const pid of agents.values()) process.kill(pid, 'SIGKILL')
    return agents
  }
  async function untilOthersRun(before: ReadonlyMap<string, number>): Promise<void> {
    await eventually(
      'new agents',
      async () => {
        const now = await site.agents()
        return [...before].every(([name, pid]) => now.has(name) && now.get(name) !== pid)
      },
      PATIENCE_MS,
    )
  }
  async function untilAgreed(): Promise<void> {
    let problems: readonly string[] = []
    await site
      .until('engine and API to agree', async () => {
        problems = await disagreements(site, engine)
        return problems.length === 0
      })
      .catch((error: unknown) => {
        throw new Error(`${String(error)}: ${problems.join(', ')}`)
      })
  }
  const restarts = (pods: readonly Pod[]) =>
    pods.map(({ status }) => status?.containerStatuses?.[0]?.restartCount)

  it('agents that are killed are started again and adopt what runs', async () => {
    const ids = await containerIds()
    const names = (await site.pods('default')).map(({ metadata }) => metadata.name)
    await untilOthersRun(await killAgents())
    const pods = await site.readyPods('default', 3)
    const pod = pods[0]?.metadata.name ?? ''
    await site.until('the tunnel', async () => (await site.kubectl(['logs', pod])).stdout === 'serving one\n')
    expect(await containerIds()).toEqual(ids)
    expect(pods.map(({ metadata }) => metadata.name)).toEqual(names)
    expect(restarts(pods)).toEqual([0, 0, 0])
    await untilAgreed()
  })

  it('what ended while its agent was dead is found out and started again', async () => {
    const [container] = await engineContainers(engine, { type: 'container' })
    const uid = container?.Labels['bowline.dev/pod-uid']
    const before = await killAgents()
    await engine.docker.getContainer(container?.Id ?? '').kill()
    await untilOthersRun(before)
    await site.until('the restart', async () =>
      (await site.pods('default')).some(
        ({ metadata, status }) => metadata.uid === uid && status?.containerStatuses?.[0]?.restartCount === 1,
      ),
    )
    await site.readyPods('default', 3)
    await untilAgreed()
  })

  it('a killed engine is survived: what it took down runs again, in the same pods', async () => {
    const before = await site.pods('default')
    await engine.kill()
    await engine.start()
    // Its containers have ended with it, or end as it starts: only running ones that are new count.
    await site.until('every container to run', async () => (await containerIds()).length === 3)
    const pods = await site.readyPods('default', 3)
    expect(pods.map(({ metadata }) => metadata.uid).sort()).toEqual(
      before.map(({ metadata }) => metadata.uid).sort(),
    )
    for (const { status } of pods)
      expect(await (await fetch(`http://${status?.podIP}:8080/`)).text()).toBe('one\n')
    await untilAgreed()
  })

  it('a second up on the same data directory is refused, and the first goes on', async () => {
    const { code, stderr } = await site.bowline('up', '--data-dir', site.dataDir, '--listen', '127.0.0.1:0')
    expect(code).toBe(1)
    expect(stderr).toContain(`Cannot use the data directory ${site.dataDir}: another bowline process has it`)
    expect(stderr).toContain('next: stop that one, or choose another folder with --data-dir')
    await site.readyPods('default', 3)
  })

  it('a server that is stopped leaves its containers, and adopts them when it starts again', async () => {
    const ids = await containerIds()
    const { code, stderr } = await site.stop()
    expect(code, stderr).toBe(0)
    expect(await site.agents()).toEqual(new Map())
    expect(await containerIds()).toEqual(ids)
    await site.start()
    const pods = await site.readyPods('default', 3)
    expect(await containerIds()).toEqual(ids)
    expect(restarts(pods).length).toBe(3)
    await untilAgreed()
    expect((await site.records('origin')).map(({ status }) => status?.state)).not.toContain('Open')
  })

  it('a server that is killed as soon as it has started leaves no agents behind', async () => {
    await site.stop()
    const up = site.launch()
    await eventually('the agents', async () => (await site.agents()).size > 0, PATIENCE_MS)
    await up.stop('SIGKILL')
    await eventually('the agents to end', async () => (await site.agents()).size === 0, PATIENCE_MS)
    await site.start()
    await site.readyPods('default', 3)
  })

  it('a server that is killed during a roll-out goes on where it was', async () => {
    const commit = await site.repository.push('two', { 'web.yaml': webDeployment('web', 'two', 3) })
    // Everything is written, and not yet healthy: the next start finds nothing to change, and still owes the end of the story.
    await site.until('the new template', async () => {
      const { spec } = await site.client.get(Kinds.Deployment, 'web', { namespace: 'default' })
      return JSON.stringify(spec).includes('two')
    })
    await site.kill()
    const ids = await containerIds()
    expect(ids.length).toBeGreaterThanOrEqual(3)
    await site.start()
    expect((await site.bowline('follow', commit)).code).toBe(0)
    const pods = await site.readyPods('default', 3)
    for (const { status } of pods)
      expect(await (await fetch(`http://${status?.podIP}:8080/`)).text()).toBe('two\n')
    await untilAgreed()
    const records = await site.records('origin')
    expect(records.map(({ status }) => status?.state)).not.toContain('Open')
    expect(
      records.filter(({ spec }) => spec.commit.id === commit).map(({ status }) => status?.state),
    ).toEqual([...['Interrupted', 'Healthy']])
    expect((await site.bowline('audit', 'verify')).code).toBe(0)
  })

  it('while the server is away agents keep their pods running, and report when it is back', async () => {
    await site.stop()
    const startedAt = systemClock.now()
    const agents: Program[] = []
    const server = () =>
      site.spawn([
        'server',
        '--repo',
        site.repository.path,
        '--data-dir',
        site.dataDir,
        '--listen',
        `127.0.0.1:${site.port}`,
      ])
    let running = server()
    await eventually('the server', () => running.stdout.includes('serving'), PATIENCE_MS)
    try {
      for (const name of site.nodeNames)
        agents.push(
          site.spawn([
            ...[
              'agent',
              '--server',
              `https://127.0.0.1:${site.port}`,
              '--node-name',
              name,
              '--runtime',
              'docker',
            ],
            ...['--data-dir', join(site.dataDir, 'agents', name), '--docker-socket', engine.socketPath],
          ]),
        )
      await site.untilReady(startedAt)
      const pods = await site.readyPods('default', 3)
      const name = pods[0]?.metadata.name ?? ''
      await site.until('the tunnel', async () => (await site.kubectl(['logs', name])).code === 0)
      await running.stop('SIGKILL')
      const uid = pods[0]?.metadata.uid ?? ''
      const [container] = await engineContainers(engine, { type: 'container', podUid: uid })
      await engine.docker.getContainer(container?.Id ?? '').kill()
      await eventually(
        'the agent to start it again by itself',
        async () => {
          const [now] = await engineContainers(engine, { type: 'container', podUid: uid })
          return now !== undefined && now.Id !== container?.Id
        },
        PATIENCE_MS,
      )
      running = server()
      await eventually('the server', () => running.stdout.includes('serving'), PATIENCE_MS)
      await site.until('the report', async () => {
        const { status } = await site.pod('default', name)
        const [now] = await engineContainers(engine, { type: 'container', podUid: uid })
        return status?.containerStatuses?.[0]?.containerID === `docker://${now?.Id}`
      })
      await site.until('the tunnel', async () => (await site.kubectl(['logs', name])).code === 0)
      expect((await site.deploy('three', { 'web.yaml': webDeployment('web', 'three', 3) })).code).toBe(0)
      await untilAgreed()
    } finally {
      for (const program of [...agents, running]) await program.stop()
    }
    expect(agents.map(agent => agent.child.exitCode)).toEqual([0, 0])
  })

  it('--stop-containers takes the containers away with the server', async () => {
    await site.start(['--stop-containers'])
    await site.readyPods('default', 3)
    const { code } = await site.stop()
    expect(code).toBe(0)
    expect(await containerIds()).toEqual([])
    expect(
      (await engineContainers(engine, { type: 'sandbox', all: true })).map(({ Names }) => Names),
    ).toEqual([])
    await site.start()
    await site.readyPods('default', 3)
    await untilAgreed()
  })
})
