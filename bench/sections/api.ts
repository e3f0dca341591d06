import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { adminOf, BareHttps, load } from '../fixture/api-load.ts'
import { bareCommits } from '../fixture/bare-lmdb.ts'
import { Bowline } from '../fixture/bowline.ts'
import type { Target } from '../fixture/load-client.ts'
import { processesObstacle, processorMs } from '../fixture/processes.ts'
import type { Bench, Line, Section } from '../measurement.ts'
import { median } from '../statistics.ts'
import { restartLines } from './api-restart.ts'

const CLIENTS = 64
const WATCHERS = 1_000
/** Objects of the list, and of what kubectl applies. */
const OBJECTS = 1_000

const MAPS = '/api/v1/namespaces/default/configmaps'
const LIST = '/api/v1/namespaces/listed/configmaps'
const ONE = `${LIST}/listed-1`

/**
 * Clients are processes of their own, on the same cores as the server: what they cost, both sides of a ratio bear. Each run of
 * ours is followed by one of the reference, so that both meet the same machine.
 */
export const api: Section = {
  name: 'api',
  about: 'the Kubernetes API under load, and with many objects',
  obstacle: () =>
    spawnSync('kubectl', ['version', '--client']).error === undefined
      ? processesObstacle()
      : 'kubectl is one of the clients, and there is none',
  async measure(bench) {
    const folder = await mkdtemp(join(bench.folder, 'api-'))
    const dataDir = join(folder, 'data')
    const bowline = await Bowline.start({ dist: bench.dist, args: ['server'], dataDir })
    const lines: Line[] = []
    try {
      const admin = await adminOf(dataDir)
      await makeListed(bowline, admin)
      const bare = await BareHttps.start(admin, {
        answers: {
          [ONE]: JSON.stringify(await bowline.client.rawGet(ONE)),
          [LIST]: JSON.stringify(await bowline.client.rawGet(LIST)),
        },
        folder: await mkdtemp(join(folder, 'bare-')),
      })
      try {
        lines.push(...(await readLines(bench, admin, bare.target)))
        lines.push(...(await watchLines(bench, bowline, admin, bare)))
        lines.push(...(await writeLines(bench, bowline, admin, { folder, bare: bare.target })))
      } finally {
        await bare.stop()
      }
    } finally {
      await bowline.stop()
    }
    return [...lines, ...(await restartLines(bench))]
  },
}

/** A ConfigMap of about 1 kB as it is stored. */
function configMap(name: string, text = 'x'.repeat(600)): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { text } }
}

async function makeListed({ client }: Bowline, admin: Target): Promise<void> {
  await client.raw('POST', '/api/v1/namespaces', {
    body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'listed' } },
  })
  await creates(admin, { path: LIST, name: 'listed', count: OBJECTS, from: 0 })
}

/** Creates so many objects, `<name>-<number>`; how many a second. */
async function creates(
  target: Target,
  options: { readonly path: string; readonly name: string; readonly count: number; readonly from: number },
): Promise<number> {
  const { path, name, count, from } = options
  const body = JSON.stringify(configMap(`${name}-$N`))
  const measured = await load({
    type: 'requests',
    target,
    clients: CLIENTS,
    method: 'POST',
    path,
    body,
    count,
    from,
  })
  return measured.perSecond
}

async function reads(target: Target, path: string, count: number): Promise<number> {
  return (await load({ type: 'requests', target, clients: CLIENTS, method: 'GET', path, count })).perSecond
}

/** The medians of two measurements that are done by turns. */
async function byTurns(
  bench: Bench,
  what: string,
  ours: (run: number) => Promise<number>,
  reference: () => Promise<number>,
): Promise<{ readonly ours: number; readonly reference: number }> {
  const runs = bench.quick ? 2 : 5
  const all: { ours: number[]; reference: number[] } = { ours: [], reference: [] }
  for (let run = 1; run <= runs; run += 1) {
    bench.note(`api: ${what}, run ${run} of ${runs}`)
    all.ours.push(await ours(run))
    all.reference.push(await reference())
  }
  return { ours: median(all.ours), reference: median(all.reference) }
}

async function readLines(bench: Bench, admin: Target, bare: Target): Promise<readonly Line[]> {
  // Both sides are compiled by then.
  for (const target of [admin, bare]) await reads(target, ONE, 10_000)
  const lines: Line[] = []
  for (const { what, path, count, leastRatio } of [
    { what: `GET, ${CLIENTS} clients`, path: ONE, count: 15_000, leastRatio: 0.6 },
    { what: `LIST of ${OBJECTS}, ${CLIENTS} clients`, path: LIST, count: 500, leastRatio: 0.5 },
  ]) {
    const { ours, reference } = await byTurns(
      bench,
      what,
      () => reads(admin, path, count),
      () => reads(bare, path, count),
    )
    const bytes = { value: reference, what: 'node:https, the same bytes' }
    lines.push({ what, unit: '/s', ours, reference: bytes, aim: { leastRatio } })
  }
  return lines
}

async function watchLines(
  bench: Bench,
  { client }: Bowline,
  admin: Target,
  bare: BareHttps,
): Promise<readonly Line[]> {
  const name = 'watched'
  await client.raw('POST', MAPS, { body: configMap(name) })
  const events = bench.quick ? 10 : 40
  const common = { type: 'watchers', watchers: WATCHERS, events } as const
  const body = JSON.stringify(configMap(name, `event-$N;${'x'.repeat(600)}`))
  const path = `${MAPS}?watch=1&resourceVersion=0&fieldSelector=metadata.name%3D${name}`
  const lines: Line[] = []
  for (const { how, by, bareTarget, what, aim } of [
    {
      how: `write → told to ${WATCHERS} watchers of ${CLIENTS} clients, p99`,
      by: { connections: CLIENTS },
      bareTarget: bare.http2,
      what: 'node:http2, to held streams',
      aim: { aim: { value: 50 } },
    },
    {
      how: `the same, ${WATCHERS} connections of HTTP/1.1`,
      by: {},
      bareTarget: bare.target,
      what: 'node:https, to held answers',
      aim: {},
    },
  ]) {
    bench.note(`api: ${events} events to ${WATCHERS} watchers, ${what.split(',')[0]}`)
    const ours = await load({
      ...common,
      ...by,
      target: admin,
      path,
      write: { target: admin, method: 'PUT', path: `${MAPS}/${name}`, body },
    })
    const reference = await load({
      ...common,
      ...by,
      target: bareTarget,
      path: '/watch',
      write: { target: bare.target, method: 'PUT', path: '/', body },
    })
    lines.push({
      what: how,
      unit: 'ms',
      ours: ours.p99Ms,
      reference: { value: reference.p99Ms, what },
      ...aim,
    })
  }
  return lines
}

async function writeLines(
  bench: Bench,
  { pid }: Bowline,
  admin: Target,
  { folder, bare }: { readonly folder: string; readonly bare: Target },
): Promise<readonly Line[]> {
  const count = bench.quick ? 2_000 : 5_000
  const value = Buffer.from(JSON.stringify(configMap('bare')))
  const what = `create, ${CLIENTS} clients`
  const costs: number[] = []
  const bareCreates: number[] = []
  const singleCommits: number[] = []
  // The server has made as many by then.
  await creates(bare, { path: MAPS, name: 'first', count: OBJECTS, from: 0 })
  const made = await byTurns(
    bench,
    what,
    async run => {
      const before = await processorMs(pid)
      const perSecond = await creates(admin, { path: MAPS, name: 'made', count, from: run * count })
      costs.push(((await processorMs(pid)) - before) / count)
      return perSecond
    },
    async () => {
      bareCreates.push(await creates(bare, { path: MAPS, name: 'made', count, from: 0 }))
      singleCommits.push(await bareCommits(folder, { writers: 1, count: 1_000, value }))
      return bareCommits(folder, { writers: CLIENTS, count: 10_000, value })
    },
  )
  const aim = { leastRatio: 0.4 }
  bench.note(`api: kubectl apply of ${OBJECTS} objects`)
  const before = await processorMs(pid)
  await kubectlApply(folder)
  const applied = ((await processorMs(pid)) - before) / OBJECTS
  return [
    {
      what,
      unit: '/s',
      ours: made.ours,
      reference: { value: made.reference, what: `bare LMDB, ${CLIENTS} writers` },
      aim,
    },
    {
      what: 'the same, beside a commit for each',
      unit: '/s',
      ours: made.ours,
      reference: { value: median(singleCommits), what: 'bare LMDB, one writer' },
      aim,
    },
    {
      what: 'the same, beside a server that only stores',
      unit: '/s',
      ours: made.ours,
      reference: { value: median(bareCreates), what: 'node:https that puts bodies into LMDB' },
    },
    {
      what: `kubectl apply of ${OBJECTS}, server's CPU each`,
      unit: 'ms',
      ours: applied,
      reference: { value: median(costs), what: 'the same per plain create' },
    },
  ]
}

/** `kubectl apply -f` of a file of ConfigMaps, none of which is there. */
async function kubectlApply(folder: string): Promise<void> {
  const file = join(folder, 'config-maps.json')
  const items = Array.from({ length: OBJECTS }, (_, index) => configMap(`applied-${index}`))
  await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
  const kubectl = spawn('kubectl', ['apply', '-f', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: process.env.PATH, HOME: folder, KUBECONFIG: join(folder, 'data', 'kubeconfig') },
  })
  const [code] = await once(kubectl, 'exit')
  if (code !== 0) throw new Error(`kubectl apply ended with ${code}`)
}
