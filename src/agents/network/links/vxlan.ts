import { createHash } from 'node:crypto'
import { hasCode } from '../../../base/index.ts'
import { type Interface, readFdb, readNeighbours, runIp, runProgram, writeSysctl } from '../iproute/index.ts'
import { vtepHardware, vxlanDifference } from './difference.ts'
import type { Peer } from './peers.ts'

/** As flannel's; several networks share it by their numbers. */
const PORT = 8472

/** This host's end of the cluster's VXLAN. It learns nothing by itself: peers are told to it. */
export class Vxlan {
  readonly device: string
  readonly #id: number

  constructor({ device, clusterUid }: { readonly device: string; readonly clusterUid: string }) {
    this.device = device
    // The same on every host, and most likely no other cluster's: 24 bits, and 0 is nobody's.
    this.#id = 1 + (createHash('sha256').update(clusterUid).digest().readUInt32BE(0) % (2 ** 24 - 1))
  }

  async program(
    peers: readonly Peer[],
    {
      hostAddress,
      local,
      mtu,
      interfaces,
    }: {
      readonly hostAddress: string
      /** The host's own address, which the outer packets carry. */
      readonly local: string
      readonly mtu: number
      readonly interfaces: readonly Interface[]
    },
  ): Promise<void> {
    const { device } = this
    const hardware = vtepHardware(hostAddress)
    const found = interfaces.find(({ name }) => name === device)
    const isRight =
      found?.vxlan?.id === this.#id && found.vxlan.local === local && found.hardware === hardware
    if (found !== undefined && !isRight) await runIp([`link delete ${device}`])
    if (!isRight) {
      await runIp([
        `link add ${device} mtu ${mtu} address ${hardware} type vxlan id ${this.#id} dstport ${PORT} local ${local} nolearning`,
      ]).catch((error: unknown) => {
        if (!hasCode(error, 'conflict')) throw error
      })
    }
    await writeSysctl(['ipv4', 'conf', device, 'rp_filter'], '2')
    await runIp([
      `link set ${device} addrgenmode none mtu ${mtu} up`,
      `address replace ${hostAddress}/32 dev ${device}`,
    ])
    const [fdb, neighbours] = await Promise.all([readFdb(device), readNeighbours(device)])
    const { ip, bridge } = vxlanDifference(device, peers, { fdb, neighbours })
    if (bridge.length > 0) await runProgram('bridge', ['-batch', '-'], { input: `${bridge.join('\n')}\n` })
    await runIp(ip)
  }

  async remove(interfaces: readonly Interface[]): Promise<void> {
    if (interfaces.some(({ name }) => name === this.device)) await runIp([`link delete ${this.device}`])
  }
}
