import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { overlaps, parseSubnet } from '../../base/index.ts'
import { nodeHash } from './pods/index.ts'

/** Where the kernel lists the sockets of this network namespace by name. */
const SOCKETS = '/proc/net/unix'
/** `@` stands for the first byte of an abstract socket's name, which is 0, and for those that fill it up. */
const NAME = /@bowline-ranges\/([^/@]+)\/[0-9a-f]+\/([0-9./,]+)/g

/** Addresses that the agents of one cluster use on this host. */
export interface ClaimedRanges {
  readonly clusterUid: string
  /** IPv4 networks. */
  readonly ranges: readonly string[]
}

export interface HostRangesOptions {
  readonly clusterUid: string
  readonly nodeName: string
  /** Told once of each clash: what both use, of the other's. */
  readonly onClash: (ranges: readonly string[]) => void
}

/**
 * Finds out whether two clusters use the same addresses on this host, where nobody else could: their servers do not know each other. Each
 * agent says what its cluster uses by the name of an abstract socket, which exists in the network namespace that the addresses are in,
 * and ends with its process however that ends. Nobody connects to it. Where there are no such sockets nothing is found.
 */
export class HostRanges {
  readonly #options: HostRangesOptions
  #claimed: Server | undefined
  #known = ''

  constructor(options: HostRangesOptions) {
    this.#options = options
  }

  /** Says that this node's cluster uses these ranges, instead of what it said before. */
  async claim(ranges: readonly string[]): Promise<void> {
    const known = ranges.join(',')
    if (known === this.#known) return
    this.#known = known
    this.close()
    const { clusterUid } = this.#options
    const own = { clusterUid, ranges }
    const listed = await readFile(SOCKETS, 'latin1').catch(() => '')
    const clash = clashingRanges(own, readClaims(listed))
    if (clash.length > 0) this.#options.onClash(clash)
    if (this.#known === known) this.#claimed = announce(claimName(own, nodeHash(this.#options)))
  }

  close(): void {
    this.#claimed?.close()
    this.#claimed = undefined
  }
}

/** The name of the socket of a node, without the 0 before it. */
export function claimName({ clusterUid, ranges }: ClaimedRanges, node: string): string {
  return `bowline-ranges/${clusterUid}/${node}/${ranges.join(',')}`
}

/** What agents of this host said, from the kernel's list of sockets. */
export function readClaims(sockets: string): readonly ClaimedRanges[] {
  return [...sockets.matchAll(NAME)].map(([, clusterUid = '', ranges = '']) => ({
    clusterUid,
    ranges: ranges.split(','),
  }))
}

/** The ranges of other clusters that overlap one's own. */
export function clashingRanges(own: ClaimedRanges, others: readonly ClaimedRanges[]): readonly string[] {
  const mine = own.ranges.map(parseSubnet)
  const found = others
    .filter(({ clusterUid }) => clusterUid !== own.clusterUid)
    .flatMap(({ ranges }) => ranges)
    .filter(text => {
      const theirs = parseSubnet(text)
      return theirs !== undefined && mine.some(range => range !== undefined && overlaps(range, theirs))
    })
  return [...new Set(found)]
}

/** What people are told of a clash. */
export function clashMessage(ranges: readonly string[]): string {
  return (
    `Another Bowline cluster on this host uses ${ranges.join(' and ')}, too: who asks for a service may reach that of the other. ` +
    'Start one of the two servers with other --pod-cidr and --service-cidr, the latter with another second number'
  )
}

function announce(name: string): Server {
  const server = createServer(socket => socket.destroy())
  // Another agent of the same node that is about to end, or a system without such sockets.
  server.on('error', () => undefined)
  server.listen({ path: `\0${name}` })
  return server.unref()
}
