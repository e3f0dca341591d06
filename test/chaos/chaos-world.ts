import { expect } from 'vitest'
import { systemClock } from '../../src/base/index.ts'
import { Kinds } from '../../src/kube/index.ts'
import type { Installation } from '../e2e/support/installation.ts'
import { WAIT } from '../e2e/support/manifests.ts'
import { disagreements } from '../e2e/support/orphans.ts'
import { engineContainers } from '../e2e/support/site.ts'
import { TEST_IMAGE, type TestEngine } from '../support/dockerd.ts'
import type { SeededRandom } from './random.ts'

const APPS = ['shop', 'blog'] as const

/** How long everything may take to be as it should, once the last blow has fallen. */
const CONVERGENCE_MS = 120_000

/** What Git wants of an app. */
interface Wanted {
  readonly version: string
  readonly replicas: number
}

/**
 * What an installation is asked for while it is harmed: commits to two apps, and objects that somebody creates with kubectl. It
 * knows how everything has to be in the end.
 */
export class ChaosWorld {
  readonly #site: Installation
  readonly #engines: () => readonly TestEngine[]
  readonly #acknowledged: string[] = []
  #wanted: Record<(typeof APPS)[number], Wanted> | undefined
  #commits = 0

  /** `engines`: all that run pods of the installation. */
  constructor(site: Installation, engines: () => readonly TestEngine[]) {
    this.#site = site
    this.#engines = engines
  }

  /** The repository as it is before the first round. */
  async begin(): Promise<void> {
    await this.#site.repository.push('apps by folder', { 'bowline.yaml': 'apps: apps/*\n' })
  }

  /** A commit that changes an app, or both; the first one brings them. */
  async push(random: SeededRandom): Promise<void> {
    this.#commits += 1
    const version = `v${this.#commits}`
    const next = { version, replicas: random.between(1, 4) }
    const app = random.pick([...APPS])
    const isBoth = random.next() < 0.3
    const wanted =
      this.#wanted === undefined || isBoth ? { shop: next, blog: next } : { ...this.#wanted, [app]: next }
    this.#wanted = wanted
    const files = Object.fromEntries(
      APPS.map(name => [`apps/${name}/app.yaml`, manifest(name, wanted[name])]),
    )
    await this.#site.repository.push(version, files)
  }

  /** Does `work` while somebody creates objects with kubectl, whatever becomes of that. */
  async whileWriting(work: () => Promise<void>): Promise<void> {
    const stop = new AbortController()
    const writing = this.#write(stop.signal)
    try {
      await work()
    } finally {
      stop.abort()
      await writing
    }
  }

  /** Resolves when everything is as the last commit wants it, and nothing that was acknowledged is lost. */
  async converge(): Promise<void> {
    const site = this.#site
    const head = await site.repository.head()
    let problems: readonly string[] = ['nothing looked at']
    await site
      .until(
        'everything to converge',
        async () => {
          problems = [...(await this.#unsettled(head)), ...(await disagreements(site, ...this.#engines()))]
          return problems.length === 0
        },
        CONVERGENCE_MS,
      )
      .catch((error: unknown) => {
        throw new Error(`${String(error)}: ${problems.join('; ')}`)
      })
    const { items } = await site.client.list(Kinds.ConfigMap, { namespace: 'default' })
    const names = new Set(items.map(({ metadata }) => metadata.name))
    expect(this.#acknowledged.filter(name => !names.has(name))).toEqual([])
    const { code, stdout } = await site.bowline('audit', 'verify')
    expect(code, stdout).toBe(0)
  }

  async #write(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      const name = `ack-${this.#acknowledged.length}-${failures}`
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { name } }
      const { code } = await this.#site.kubectl(['create', '-f', '-'], JSON.stringify(body))
      if (code === 0) this.#acknowledged.push(name)
      else failures += 1
      await systemClock.sleep(100)
    }
  }

  /** What is not yet as the last commit wants it, in words. */
  async #unsettled(head: string): Promise<readonly string[]> {
    const site = this.#site
    const problems: string[] = []
    const root = await site.app('origin')
    if (root.status?.observedRevision !== head) problems.push(`the head is ${root.status?.observedRevision}`)
    for (const app of APPS) {
      const { status } = await site.app(app)
      if (status?.phase !== 'Healthy') problems.push(`${app} is ${status?.phase}: ${status?.message}`)
      const { version = '', replicas = 0 } = this.#wanted?.[app] ?? {}
      const { items: pods } = await site.client.list(Kinds.Pod, { namespace: app })
      if (pods.length !== replicas) problems.push(`${app} has ${pods.length} of ${replicas} pods`)
      const versions = (await Promise.all(this.#engines().map(engine => versionsOf(engine, app)))).flat()
      if (versions.length !== replicas)
        problems.push(`${app} has ${versions.length} of ${replicas} containers`)
      for (const found of versions)
        if (found !== version) problems.push(`${app} runs ${found}, not ${version}`)
      const settings = await site.client.get(Kinds.ConfigMap, 'settings', { namespace: app })
      if (settings.data?.version !== version)
        problems.push(`${app} has the settings of ${settings.data?.version}`)
      for (const { metadata, status } of await site.records(app))
        if (status?.state === undefined || status.state === 'Open')
          problems.push(`the record ${metadata.name} is open`)
    }
    return problems
  }
}

/** Which version each running container of an app is of. */
async function versionsOf(engine: TestEngine, app: string): Promise<readonly string[]> {
  const running = await engineContainers(engine, { type: 'container' })
  const ours = running.filter(({ Labels }) => Labels['bowline.dev/pod-namespace'] === app)
  return Promise.all(
    ours.map(async ({ Id }) => {
      const { Config } = await engine.docker.getContainer(Id).inspect()
      return Config.Env.find(word => word.startsWith('VERSION='))?.slice('VERSION='.length) ?? 'nothing'
    }),
  )
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
      tolerations:
        - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 5}
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
