import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { systemClock } from '../../src/base/index.ts'
import { Kinds } from '../../src/kube/index.ts'
import { WAIT } from '../e2e/support/manifests.ts'
import { disagreements } from '../e2e/support/orphans.ts'
import { engineContainers, Site } from '../e2e/support/site.ts'
import { startTestEngine, TEST_IMAGE, type TestEngine, testEngineAvailability } from '../support/dockerd.ts'
import { SeededRandom } from './random.ts'
import { type Action, timelineOf } from './timeline.ts'

const { available, reason } = testEngineAvailability()

/** `npm run chaos -- --rounds 20 --seed 42` sets both. */
const ROUNDS = Number(process.env.BOWLINE_CHAOS_ROUNDS ?? 3)
const SEED = Number(process.env.BOWLINE_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31))

const APPS = ['shop', 'blog'] as const

/** What Git wants of an app. */
interface Wanted {
  readonly version: string
  readonly replicas: number
}

describe.skipIf(!available)(`kill -9 at random instants, BOWLINE_CHAOS_SEED=${SEED} (${reason})`, () => {
  let engine: TestEngine
  let site: Site
  let wanted: Record<(typeof APPS)[number], Wanted>
  let commits = 0
  const acknowledged: string[] = []

  beforeAll(async () => {
    engine = await startTestEngine()
    site = await Site.create({ main: inject('bowlineMain'), engine, nodes: 2 })
    await site.repository.push('apps by folder', { 'bowline.yaml': 'apps: apps/*\n' })
    await site.start()
  })
  afterAll(async () => {
    await site?.destroy()
    await engine?.destroy()
  })

  it.each(Array.from({ length: ROUNDS }, (_, index) => index + 1))(
    'after round %i everything converges, and nothing is lost, left over or doubled',
    async round => {
      const random = new SeededRandom(SEED + round * 7919)
      const story: string[] = []
      try {
        await act(random, story)
        await converge()
      } catch (error) {
        const log = `${site.server.stdout}${site.server.stderr}`.slice(-4_000)
        throw new Error(
          `BOWLINE_CHAOS_SEED=${SEED} fails in round ${round}: ${story.join(', ')}\n${String(error)}\n${log}`,
          { cause: error },
        )
      }
    },
    180_000,
  )

  /** One round: commits, kills, and somebody who creates objects with kubectl all the while. */
  async function act(random: SeededRandom, story: string[]): Promise<void> {
    const stop = new AbortController()
    const writing = writeUntil(stop.signal)
    const begin = systemClock.now()
    try {
      for (const { atMs, action } of timelineOf(random)) {
        await systemClock.sleep(Math.max(0, begin + atMs - systemClock.now()))
        story.push(`${action} at ${systemClock.now() - begin} ms`)
        await carryOut(action, random)
      }
    } finally {
      stop.abort()
      await writing
    }
  }

  async function carryOut(action: Action, random: SeededRandom): Promise<void> {
    if (action === 'push') return push(random)
    if (action === 'kill server') {
      await site.kill()
      site.launch()
      return
    }
    if (action === 'kill engine') {
      await engine.kill()
      return engine.start()
    }
    const agents = [...(await site.agents()).values()]
    const victims = action === 'kill agents' ? agents : agents.slice(0, 1)
    for (const pid of victims) kill(pid)
  }

  async function push(random: SeededRandom): Promise<void> {
    commits += 1
    const version = `v${commits}`
    const next = { version, replicas: random.between(1, 4) }
    const app = random.pick([...APPS])
    // The first commit brings both apps, later ones change one of them or both.
    wanted =
      wanted === undefined || random.next() < 0.3 ? { shop: next, blog: next } : { ...wanted, [app]: next }
    const files = Object.fromEntries(
      APPS.map(name => [`apps/${name}/app.yaml`, manifest(name, wanted[name])]),
    )
    await site.repository.push(version, files)
  }

  async function writeUntil(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      const name = `ack-${acknowledged.length}-${failures}`
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { name } }
      const { code } = await site.kubectl(['create', '-f', '-'], JSON.stringify(body))
      if (code === 0) acknowledged.push(name)
      else failures += 1
      await systemClock.sleep(100)
    }
  }

  async function converge(): Promise<void> {
    const head = await site.repository.head()
    let problems: readonly string[] = ['nothing looked at']
    await site
      .until(
        'everything to converge',
        async () => {
          problems = [...(await unsettled(head)), ...(await disagreements(site, engine))]
          return problems.length === 0
        },
        120_000,
      )
      .catch((error: unknown) => {
        throw new Error(`${String(error)}: ${problems.join('; ')}`)
      })
    const { items } = await site.client.list(Kinds.ConfigMap, { namespace: 'default' })
    const names = new Set(items.map(({ metadata }) => metadata.name))
    expect(acknowledged.filter(name => !names.has(name))).toEqual([])
    const { code, stdout } = await site.bowline('audit', 'verify')
    expect(code, stdout).toBe(0)
  }

  /** What is not yet as the last commit wants it, in words. */
  async function unsettled(head: string): Promise<readonly string[]> {
    const problems: string[] = []
    const root = await site.app('origin')
    if (root.status?.observedRevision !== head) problems.push(`the head is ${root.status?.observedRevision}`)
    const running = await engineContainers(engine, { type: 'container' })
    for (const app of APPS) {
      const { status } = await site.app(app)
      if (status?.phase !== 'Healthy') problems.push(`${app} is ${status?.phase}: ${status?.message}`)
      const { version, replicas } = wanted[app]
      const { items: pods } = await site.client.list(Kinds.Pod, { namespace: app })
      if (pods.length !== replicas) problems.push(`${app} has ${pods.length} of ${replicas} pods`)
      const ours = running.filter(({ Labels }) => Labels['bowline.dev/pod-namespace'] === app)
      if (ours.length !== replicas) problems.push(`${app} has ${ours.length} of ${replicas} containers`)
      for (const { Id } of ours) {
        const { Config } = await engine.docker.getContainer(Id).inspect()
        if (!Config.Env.includes(`VERSION=${version}`))
          problems.push(`${app} runs ${Config.Env.join(' ')}, not ${version}`)
      }
      const settings = await site.client.get(Kinds.ConfigMap, 'settings', { namespace: app })
      if (settings.data?.version !== version)
        problems.push(`${app} has the settings of ${settings.data?.version}`)
      for (const { metadata, status } of await site.records(app))
        if (status?.state === undefined || status.state === 'Open')
          problems.push(`the record ${metadata.name} is open`)
    }
    return problems
  }
})

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself, with its parent.
  }
}

function manifest(name: string, { version, replicas }: Wanted): string {
  return `apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  version: ${version}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
spec:
  replicas: ${replicas}
  selector:
    matchLabels: {app: ${name}}
  template:
    metadata:
      labels: {app: ${name}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: main
          image: ${TEST_IMAGE}
          command: [sh, -c, '${WAIT}']
          env:
            - {name: VERSION, value: ${version}}
          volumeMounts:
            - {name: settings, mountPath: /settings}
          readinessProbe:
            periodSeconds: 1
            exec:
              command: [test, -e, /settings/version]
      volumes:
        - name: settings
          configMap: {name: settings}
`
}
