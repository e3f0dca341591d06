import { readFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { DemoStage } from './support/demo.ts'
import { startTestEngine, type TestEngine, testEngineAvailability } from './support/dockerd.ts'

const availability = testEngineAvailability()

let stage: DemoStage

beforeEach(() => {
  stage = new DemoStage()
})
afterEach(() => stage.remove())

describe('npm run demo', () => {
  it('tells its story with host processes, keeps every claim and leaves nothing behind', async () => {
    const { code, output } = await stage.run(['--runtime', 'process'])
    expect(output).not.toContain('✗ Cannot')
    expect({ code, output }).toMatchObject({ code: 0 })
    expectStory(output)
    expect(await stage.leftovers()).toEqual([])
  })

  it('ends on Ctrl-C in the midst of a rollout with 130 and leaves nothing behind', async () => {
    const demo = stage.start(['--runtime', 'process'])
    await demo.said(/Say good morning[\s\S]*\$ bowline follow/)
    demo.child.kill('SIGINT')
    expect((await demo.ended).code).toBe(130)
    expect(await stage.leftovers()).toEqual([])
  })

  it('refuses a wish that it does not know', async () => {
    const { code, output } = await stage.run(['--runtime', 'podman'])
    expect(code).toBe(64)
    expect(output).toContain('--runtime auto|docker|process')
  })
})

describe.skipIf(!availability.available)(`npm run demo with Docker (${availability.reason})`, () => {
  let engine: TestEngine

  beforeAll(async () => {
    engine = await startTestEngine()
  })

  afterAll(() => engine?.destroy())

  it('chooses Docker, stays when asked to, and is ended by --stop without a trace', async () => {
    const environment = { DOCKER_HOST: `unix://${engine.socketPath}` }
    const before = await inventory(engine)
    const { code, output } = await stage.run(['--stay'], environment)
    expect({ code, output }).toMatchObject({ code: 0 })
    expectStory(output)
    expect(output).toContain('Containers run in Docker')
    const kubeconfig = /export KUBECONFIG=(\S+)/.exec(output)?.[1] ?? ''
    expect(await readFile(kubeconfig, 'utf8')).toContain('kind: Config')
    expect(await inventory(engine)).not.toEqual(before)

    const stop = await stage.run(['--stop'], environment)
    expect(stop).toMatchObject({ code: 0 })
    expect(await stage.leftovers()).toEqual([])
    expect(await inventory(engine)).toEqual(before)
  })
})

/** What each chapter is there to show. */
function expectStory(output: string): void {
  for (const claim of [
    /✓ 3 hosts are ready/,
    /✓ 3 replicas are ready, each on a host of its own/,
    /✓ never fewer than 3 ready replicas/,
    /✓ \d+ requests to the pods’ addresses, 0 failed/,
    /is ready again, in a new container, at the same address/,
    /names the user: bowline-admin/,
    /✓ it says where: hello\.yaml:\d+:\d+/,
    /✓ the same containers are running as before/,
    /\$ git revert --no-edit HEAD/,
    /✓ the pods say "Hello" again/,
    /✓ hello: \d+ records, chain intact/,
    /✓ every commit has its record/,
  ])
    expect(output).toMatch(claim)
}

/** Everything that an engine holds. */
async function inventory({ docker }: TestEngine): Promise<readonly string[]> {
  const [containers, images, networks, volumes] = await Promise.all([
    docker.listContainers({ all: true }),
    docker.listImages({ all: true }),
    docker.listNetworks(),
    docker.listVolumes(),
  ])
  return [
    ...containers.map(({ Id }) => `container ${Id}`),
    ...images.flatMap(({ Id, RepoTags }) => [`image ${Id}`, ...(RepoTags ?? [])]),
    ...networks.map(({ Id, Name }) => `network ${Name} ${Id}`),
    ...volumes.Volumes.map(({ Name }) => `volume ${Name}`),
  ].sort()
}
