import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startTestEngine, type TestEngine, testEngineAvailability } from './support/dockerd.ts'

const DEMO = resolve('scripts/demo.mjs')
const availability = testEngineAvailability()

let temporary: string

beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'bowline-demo-test-'))
})

afterEach(async () => {
  await rm(temporary, { recursive: true, force: true })
})

describe('npm run demo', () => {
  it('tells its story with host processes, keeps every claim and leaves nothing behind', async () => {
    const { code, output } = await runDemo(['--runtime', 'process'])
    expect(output).not.toContain('✗ Cannot')
    expect({ code, output }).toMatchObject({ code: 0 })
    expectStory(output)
    expect(await leftovers()).toEqual([])
  })

  it('ends on Ctrl-C in the midst of a rollout with 130 and leaves nothing behind', async () => {
    const demo = startDemo(['--runtime', 'process'])
    await demo.said(/Say good morning[\s\S]*\$ bowline follow/)
    demo.child.kill('SIGINT')
    expect((await demo.ended).code).toBe(130)
    expect(await leftovers()).toEqual([])
  })

  it('refuses a wish that it does not know', async () => {
    const { code, output } = await runDemo(['--runtime', 'podman'])
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
    const { code, output } = await runDemo(['--stay'], environment)
    expect({ code, output }).toMatchObject({ code: 0 })
    expectStory(output)
    expect(output).toContain('Containers run in Docker')
    const kubeconfig = /export KUBECONFIG=(\S+)/.exec(output)?.[1] ?? ''
    expect(await readFile(kubeconfig, 'utf8')).toContain('kind: Config')
    expect(await inventory(engine)).not.toEqual(before)

    const stop = await runDemo(['--stop'], environment)
    expect(stop).toMatchObject({ code: 0 })
    expect(await leftovers()).toEqual([])
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

interface Ended {
  readonly code: number | null
  readonly output: string
}

function runDemo(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return startDemo(args, environment).ended
}

function startDemo(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): { readonly child: ChildProcess; readonly ended: Promise<Ended>; said(text: RegExp): Promise<void> } {
  const child = spawn(process.execPath, [DEMO, ...args], {
    env: { ...process.env, TMPDIR: temporary, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let look: () => void = () => undefined
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk
      look()
    })
  const ended = new Promise<Ended>(resolve => child.once('close', code => resolve({ code, output })))
  return {
    child,
    ended,
    said: text =>
      new Promise((resolve, reject) => {
        look = () => {
          if (text.test(output)) resolve()
        }
        void ended.then(() => reject(new Error(`The demo ended without saying ${text}: ${output}`)))
        look()
      }),
  }
}

/** Files of the demo, and processes that know of them. */
async function leftovers(): Promise<readonly string[]> {
  const found = [...(await readdir(temporary))]
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '')
    if (command.includes(`${temporary}/`) || cwd.startsWith(`${temporary}/`)) found.push(`${pid}: ${command}`)
  }
  return found
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
