import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { Assembly, NftTable } from '../../src/agents/network/nft/index.ts'
import { renderReplacement } from '../../src/agents/network/nft/script.ts'
import { tableFrame } from '../../src/agents/network/services/frame.ts'
import type { ServicePortRoute } from '../../src/agents/network/services/service-ports.ts'
import { serviceFragment } from '../../src/agents/network/services/service-rules.ts'
import { silentLogger } from '../../src/base/index.ts'
import {
  type Host,
  NetLab,
  netLabAvailability,
  type Place,
} from '../../test/agents/network/support/net-lab.ts'
import type { Bench, Line, Section } from '../measurement.ts'
import { median } from '../statistics.ts'

const SERVICES = 5_000
const BACKENDS = 5
/** What a transfer by a service may take, where one straight to the pod takes 1: 0.95 of its speed. */
const PATH_RATIO = 1.05
const PORT = 5_201

export const service: Section = {
  name: 'service',
  about: `the path through a service, and a change with ${SERVICES} loaded`,
  obstacle() {
    const { available, reason } = netLabAvailability()
    if (!available) return reason
    return existsSync('/usr/bin/iperf3') ? undefined : 'not installed: iperf3'
  },
  async measure(bench) {
    const lab = await NetLab.create()
    try {
      const near = await lab.addHost()
      const far = await lab.addHost()
      const client = await near.addPod()
      const lines: Line[] = []
      for (const [where, server] of [
        ['on one host', await near.addPod()],
        ['across hosts', await far.addPod()],
      ] as const)
        lines.push(await path(bench, { where, host: near, client, server }))
      return [...lines, await change(bench, near)]
    } finally {
      await lab.destroy()
    }
  },
}

/** A transfer to a pod by a service and straight, in turns. */
async function path(
  bench: Bench,
  {
    where,
    host,
    client,
    server,
  }: { readonly where: string; readonly host: Host; readonly client: Place; readonly server: Place },
): Promise<Line> {
  const route = routeOf(0, [{ address: server.address, port: PORT }])
  const assembly = new Assembly(tableFrame(placeOf(host)))
  assembly.put('service', serviceFragment([route], placeOf(host)))
  await tableOf(host).load(assembly)
  const [file = '', ...args] = [
    ...server.prefix,
    'iperf3',
    '--server',
    '--forceflush',
    '--port',
    String(PORT),
  ]
  const listener = spawn(file, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    await once(listener.stdout, 'data')
    const byService: number[] = []
    const straight: number[] = []
    for (let run = 1; run <= (bench.quick ? 2 : 5); run += 1) {
      bench.note(`service: ${where}, run ${run}`)
      byService.push(await msPerGigabyte(client, route.clusterIP, route.port))
      straight.push(await msPerGigabyte(client, server.address, PORT))
    }
    return {
      what: `1 GB to a service's pod ${where}`,
      unit: 'ms',
      ours: median(byService),
      reference: { value: median(straight), what: 'straight to the pod' },
      aim: { ratio: PATH_RATIO },
    }
  } finally {
    listener.kill('SIGKILL')
  }
}

async function msPerGigabyte(client: Place, host: string, port: number): Promise<number> {
  const [file = '', ...args] = [
    ...client.prefix,
    'iperf3',
    '--client',
    host,
    '--port',
    String(port),
    '--time',
    '2',
    '--json',
  ]
  const { stdout } = await promisify(execFile)(file, args)
  const { end } = JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } } }
  return 8e12 / end.sum_received.bits_per_second
}

/** One service with another backend, from its objects to the kernel, beside loading all of them. */
async function change(bench: Bench, host: Host): Promise<Line> {
  const place = placeOf(host)
  const assembly = new Assembly(tableFrame(place))
  const put = (n: number, version: number) =>
    assembly.put(String(n), serviceFragment([routeOf(n, backendsOf(n, version))], place))
  for (let n = 0; n < SERVICES; n += 1) put(n, 0)
  const table = tableOf(host)
  await table.load(assembly)
  const changes: number[] = []
  const loads: number[] = []
  for (let run = 1; run <= (bench.quick ? 3 : 9); run += 1) {
    bench.note(`service: change with ${SERVICES} loaded, run ${run}`)
    const begun = performance.now()
    put(run * 7, run)
    await table.load(assembly)
    changes.push(performance.now() - begun)
    if (run > 3) continue
    const reloaded = performance.now()
    await host.nft.load(renderReplacement(table.name, assembly.whole()))
    loads.push(performance.now() - reloaded)
  }
  return {
    what: `one changed service, ${SERVICES} loaded`,
    unit: 'ms',
    ours: median(changes),
    reference: { value: median(loads), what: 'all of them loaded anew' },
    aim: { value: 60 },
  }
}

function tableOf(host: Host): NftTable {
  return new NftTable('bowline-bench', { nft: host.nft, log: silentLogger })
}

function placeOf({ podCidr }: Host) {
  return { podCidr, clusterCidr: '10.42.0.0/16', serviceCidr: '10.43.0.0/16', localNodes: new Set<string>() }
}

function backendsOf(
  n: number,
  version: number,
): readonly { readonly address: string; readonly port: number }[] {
  return Array.from({ length: BACKENDS - (version % 2) }, (_, index) => {
    const at = n * BACKENDS + index
    return { address: `10.42.${(at >> 8) & 255}.${at & 255}`, port: 8080 + version }
  })
}

function routeOf(n: number, cluster: ServicePortRoute['backends']['cluster']): ServicePortRoute {
  return {
    service: `default/web-${n}`,
    name: 'http',
    protocol: 'TCP',
    port: 80,
    clusterIP: `10.43.${n >> 8}.${n & 255}`,
    externalIPs: [],
    loadBalancerIPs: [],
    sourceRanges: [],
    nodePort: undefined,
    affinitySeconds: undefined,
    internalLocal: false,
    externalLocal: false,
    backends: { cluster, local: [], localReady: 0 },
  }
}
