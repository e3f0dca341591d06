import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { startTestEngine, TEST_IMAGE, type TestEngine, testEngineAvailability } from '../support/dockerd.ts'
import { webDeployment } from './support/manifests.ts'
import { Site } from './support/site.ts'

const { available, reason } = testEngineAvailability()

describe.skipIf(!available)(`two clusters of two agents and a stranger on one engine (${reason})`, () => {
  let engine: TestEngine
  let sites: readonly [Site, Site]
  let stranger: string

  beforeAll(async () => {
    engine = await startTestEngine()
    const container = await engine.docker.createContainer({
      name: 'web',
      Image: TEST_IMAGE,
      Cmd: ['sleep', '100000'],
      Labels: { 'bowline.dev/type': 'container', app: 'web' },
      HostConfig: { NetworkMode: 'none' },
    })
    await container.start()
    stranger = container.id
    const main = inject('bowlineMain')
    sites = [await Site.create({ main, engine, nodes: 2 }), await Site.create({ main, engine, nodes: 2 })]
    // The same repository twice: names, namespaces and nodes are all the same.
    await Promise.all(
      sites.map(site => site.repository.push('web', { 'web.yaml': webDeployment('web', 'one', 2) })),
    )
    await Promise.all(sites.map(site => site.start()))
    await Promise.all(sites.map(site => site.readyPods('default', 2)))
  })
  afterAll(async () => {
    for (const site of sites ?? []) await site.destroy()
    await engine?.destroy()
  })

  /** The engine's containers of a site's pods, running. */
  async function idsOf(site: Site): Promise<readonly string[]> {
    const uids = (await site.pods('default')).map(({ metadata }) => metadata.uid)
    const all = await engine.docker.listContainers({ filters: { label: ['bowline.dev/type=container'] } })
    return all
      .filter(({ Labels }) => uids.includes(Labels['bowline.dev/pod-uid']))
      .map(({ Id }) => Id)
      .sort()
  }
  const strangerRuns = async () => (await engine.docker.getContainer(stranger).inspect()).State.Running

  it('each has its own containers, with addresses of their own', async () => {
    const [first, second] = sites
    const addresses = [...(await first.pods('default')), ...(await second.pods('default'))].map(
      ({ status }) => status?.podIP,
    )
    expect(new Set(addresses).size).toBe(4)
    expect([...(await idsOf(first)), ...(await idsOf(second))]).toHaveLength(4)
    for (const address of addresses)
      expect(await (await fetch(`http://${address}:8080/`)).text()).toBe('one\n')
  })

  it('roll-outs, killed agents and a server that takes its containers with it leave the others alone', async () => {
    const [first, second] = sites
    const before = await idsOf(second)
    expect((await first.deploy('two', { 'web.yaml': webDeployment('web', 'two', 2) })).code).toBe(0)
    for (const pid of (await first.agents()).values()) process.kill(pid, 'SIGKILL')
    await first.stop()
    await first.start(['--stop-containers'])
    await first.readyPods('default', 2)
    await first.stop()
    expect(await idsOf(second)).toEqual(before)
    const left = await engine.docker.listContainers({
      all: true,
      filters: { label: ['bowline.dev/type=container'] },
    })
    expect(left.map(({ Id }) => Id).sort()).toEqual([...before, stranger].sort())
    expect(await strangerRuns()).toBe(true)
  })

  it('and comes back beside them', async () => {
    const [first, second] = sites
    const before = await idsOf(second)
    await first.start()
    await first.readyPods('default', 2)
    expect(await idsOf(second)).toEqual(before)
    const [pod] = await second.readyPods('default', 2)
    expect(pod?.status?.containerStatuses?.[0]?.restartCount).toBe(0)
    expect(await (await fetch(`http://${pod?.status?.podIP}:8080/`)).text()).toBe('one\n')
    expect(await strangerRuns()).toBe(true)
  })
})
