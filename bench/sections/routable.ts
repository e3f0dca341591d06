import { join } from 'node:path'
import { systemClock } from '../../src/base/index.ts'
import type { Client } from '../../src/client/index.ts'
import { type ConfigMap, Kinds, type Pod, type Service } from '../../src/kube/index.ts'
import { TEST_IMAGE } from '../../test/support/dockerd.ts'
import { Fleet } from '../../test/support/fleet.ts'
import { type TestHost, TestHosts, testHostsAvailability } from '../../test/support/hosts.ts'
import { Watched } from '../fixture/watched.ts'
import type { Bench, Line, Section } from '../measurement.ts'
import { percentile } from '../statistics.ts'

const HOSTS = 3
const SERVICES = 1_000
/** Between two tries to connect. */
const PAUSE_MS = 5
const READY_FILE = 'ready'
const SCRIPT =
  'mkdir /www; touch /www/index.html; httpd -p 8080 -h /www; trap "exit 0" TERM; sleep 100000 & wait'

/**
 * Pods that serve, but become ready only when they are told to, each alone behind a service of its own; every other service leads to
 * one pod that is ready all the time.
 */
export const routable: Section = {
  name: 'routable',
  about: `how soon a ready pod is reached by its service from each of ${HOSTS} hosts, with ${SERVICES} services`,
  obstacle() {
    const { available, reason } = testHostsAvailability()
    return available ? undefined : reason
  },
  async measure(bench) {
    const hosts = await TestHosts.start({ hosts: HOSTS })
    try {
      const fleet = await Fleet.create({ main: join(bench.dist, 'main.js'), hosts })
      try {
        await fleet.repository.push('nothing', { 'README.md': 'empty\n' })
        await fleet.start()
        return [await measure(bench, fleet)]
      } finally {
        await fleet.destroy()
      }
    } finally {
      await hosts.destroy()
    }
  },
}

async function measure(bench: Bench, fleet: Fleet): Promise<Line> {
  const { client } = fleet
  const names = Array.from({ length: bench.quick ? 6 : 20 }, (_, index) => `late-${index}`)
  bench.note(`routable: ${SERVICES} services`)
  await client.create(Kinds.Pod, pod('always', '/'))
  for (const name of names) await client.create(Kinds.Pod, pod(name, `/${READY_FILE}`))
  await inParallel(
    Array.from({ length: SERVICES - names.length }, (_, index) => service(`other-${index}`, 'always')),
    each => client.create(Kinds.Service, each),
  )
  const pods = new Watched(client, Kinds.Pod)
  const configMaps = new Watched(client, Kinds.ConfigMap)
  try {
    const late: number[] = []
    const told: number[] = []
    for (const name of names) {
      bench.note(`routable: ${name}`)
      const { object: running } = await pods.first(seen => seen.metadata.name === name && isRunning(seen))
      const { spec } = await client.create(Kinds.Service, service(name, name))
      const address = spec?.clusterIP ?? ''
      // A packet to a service that a host does not know yet is lost, and sent again after a second only.
      await Promise.all(fleet.hosts.all.map(host => untilRefused(host, address)))
      const reached = fleet.hosts.all.map(host => untilReached(host, address))
      await makeReady(fleet, running)
      const { at } = await pods.first(seen => seen.metadata.name === name && isReady(seen))
      for (const instant of await Promise.all(reached)) late.push(Math.max(0, instant - at))
      told.push(await untilTold(client, configMaps, name))
    }
    return {
      what: `ready pod → reached from each of ${HOSTS} hosts, p99`,
      unit: 'ms',
      ours: percentile(late, 0.99),
      reference: { value: percentile(told, 0.99), what: 'write → told to a watcher, p99' },
      aim: { value: 500 },
    }
  } finally {
    await Promise.all([pods.close(), configMaps.close()])
  }
}

/** Resolves when the host knows the service and says that nobody is behind it. */
async function untilRefused(host: TestHost, address: string): Promise<void> {
  for (;;) {
    const outcome = await host.connect(address, 80).catch(({ code }: NodeJS.ErrnoException) => code)
    if (outcome === 'ECONNREFUSED') return
    await systemClock.sleep(PAUSE_MS)
  }
}

/** Resolves to the instant at which a connection to the service was made first. */
async function untilReached(host: TestHost, address: string): Promise<number> {
  for (;;) {
    const socket = await host.connect(address, 80).catch(() => undefined)
    if (socket !== undefined) {
      socket.destroy()
      return performance.now()
    }
    await systemClock.sleep(PAUSE_MS)
  }
}

async function makeReady({ hosts }: Fleet, { spec, status }: Pod): Promise<void> {
  const host = hosts.all.find(({ name }) => name === spec?.nodeName)
  const id = status?.containerStatuses?.[0]?.containerID?.replace(/^docker:\/\//, '')
  if (host === undefined || id === undefined) throw new Error('the pod runs nowhere')
  const exec = await host.engine.docker.getContainer(id).exec({ Cmd: ['touch', `/www/${READY_FILE}`] })
  await exec.start({ Detach: true })
}

/** How long it takes from the start of a write until a watcher has been told of it, in milliseconds. */
async function untilTold(client: Client, configMaps: Watched<ConfigMap>, name: string): Promise<number> {
  const begun = performance.now()
  const object: ConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default' },
    data: { at: String(begun) },
  }
  await client.create(Kinds.ConfigMap, object, { namespace: 'default' })
  const { at } = await configMaps.first(({ metadata }) => metadata.name === name)
  return at - begun
}

async function inParallel<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  const queue = [...items]
  const worker = async () => {
    for (let item = queue.pop(); item !== undefined; item = queue.pop()) await act(item)
  }
  await Promise.all(Array.from({ length: 16 }, worker))
}

function pod(name: string, readinessPath: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'web',
          image: TEST_IMAGE,
          command: ['sh', '-c', SCRIPT],
          readinessProbe: { periodSeconds: 1, httpGet: { path: readinessPath, port: 8080 } },
        },
      ],
    },
  }
}

function service(name: string, app: string): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { selector: { app }, ports: [{ port: 80, targetPort: 8080 }] },
  }
}

function isRunning({ status }: Pod): boolean {
  return status?.containerStatuses?.[0]?.state?.running !== undefined
}

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: state }) => type === 'Ready' && state === 'True') ?? false
}
