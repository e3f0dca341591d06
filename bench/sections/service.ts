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
import { hasIperf, msPerGigabyte, TRANSFER_PORT, whileReceiving } from '../fixture/transfer.ts'
import { joinByWireguard, wireguardObstacle } from '../fixture/wireguard.ts'
import type { Bench, Line, Section } from '../measurement.ts'
import { median } from '../statistics.ts'

const SERVICES = 5_000
const BACKENDS = 5
/** What a transfer by a service may take, where one straight to the pod takes 1: 0.95 of its speed. */
const PATH_RATIO = 1.05

export const service: Section = {
  name: 'service',
  about: `the path through a service and between hosts, and a change with ${SERVICES} loaded`,
  obstacle() {
    const { available, reason } = netLabAvailability()
    if (!available) return reason
    return hasIperf() ? undefined : 'not installed: iperf3'
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
      lines.push(...(await betweenHosts(bench, near, far)))
      return [...lines, await change(bench, near)]
    } finally {
      await lab.destroy()
    }
  },
}

/** A transfer to a pod by a service and straight, in turns. The fastest of each counts: what else the machine does makes some slower and none faster. */
async function path(
  bench: Bench,
  {
    where,
    host,
    client,
    server,
  }: { readonly where: string; readonly host: Host; readonly client: Place; readonly server: Place },
): Promise<Line> {
  const route = routeOf(0, [{ address: server.address, port: TRANSFER_PORT }])
  const assembly = new Assembly(tableFrame(placeOf(host)))
  assembly.put('service', serviceFragment([route], placeOf(host)))
  await tableOf(host).load(assembly)
  const byService: number[] = []
  const straight: number[] = []
  await whileReceiving(server, async () => {
    for (let run = 1; run <= 2 * runsOf(bench); run += 1) {
      bench.note(`service: ${where}, run ${run}`)
      byService.push(await msPerGigabyte(client, route.clusterIP, route.port))
      straight.push(await msPerGigabyte(client, server.address, TRANSFER_PORT))
    }
  })
  return {
    what: `1 GB to a service's pod ${where}`,
    unit: 'ms',
    ours: Math.min(...byService),
    reference: { value: Math.min(...straight), what: 'straight to the pod' },
    aim: { ratio: PATH_RATIO },
  }
}

/** A transfer from pod to pod beside one from host to host, by routes and, where that can be had, by WireGuard. */
async function betweenHosts(bench: Bench, near: Host, far: Host): Promise<readonly Line[]> {
  const [client, server] = [near.pods[0], far.pods[0]]
  if (client === undefined || server === undefined) throw new Error('there are no pods')
  const measure = async (way: string): Promise<Line> => {
    const pods: number[] = []
    const hosts: number[] = []
    for (let run = 1; run <= runsOf(bench); run += 1) {
      bench.note(`service: from pod to pod ${way}, run ${run}`)
      pods.push(await whileReceiving(server, () => msPerGigabyte(client, server.address, TRANSFER_PORT)))
      hosts.push(await whileReceiving(far, () => msPerGigabyte(near, far.address, TRANSFER_PORT)))
    }
    return {
      what: `1 GB from pod to pod across hosts ${way}`,
      unit: 'ms',
      ours: Math.min(...pods),
      reference: { value: Math.min(...hosts), what: 'from host to host' },
    }
  }
  const byRoutes = await measure('by routes')
  const obstacle = wireguardObstacle()
  if (obstacle !== undefined) {
    bench.note(`service: nothing is said of WireGuard: ${obstacle}`)
    return [byRoutes]
  }
  const part = await joinByWireguard(near, far)
  try {
    return [byRoutes, await measure('by WireGuard in user space')]
  } finally {
    await part()
  }
}

function runsOf({ quick }: Bench): number {
  return quick ? 2 : 5
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
