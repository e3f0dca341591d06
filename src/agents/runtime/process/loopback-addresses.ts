import { createHash } from 'node:crypto'
import { createServer } from 'node:net'
import { BowlineError, formatIpv4, parseSubnet, type Subnet, sizeOf } from '../../../base/index.ts'

/**
 * The part of 127.0.0.0/8 that a node's pods get their addresses from when nothing else is said: a /24 that follows from
 * cluster and node, from 127.128 upwards, so that nodes on one machine need not agree. The lower half has the well-known
 * loopback addresses, and those that stand for services.
 */
export function defaultSubnet(clusterUid: string, nodeName: string): string {
  const digest = createHash('sha256').update(`${clusterUid}\0${nodeName}`).digest()
  return `127.${128 + (digest.readUInt8(0) % 127)}.${digest.readUInt8(1)}.0/24`
}

export function parseLoopbackSubnet(text: string): Subnet {
  const subnet = parseSubnet(text)
  if (
    subnet !== undefined &&
    subnet.prefix >= 9 &&
    subnet.prefix <= 30 &&
    Math.floor(subnet.base / 2 ** 24) === 127
  )
    return subnet
  throw new BowlineError(
    'bad-config',
    `Cannot use the pod subnet "${text}": it must be a network within 127.0.0.0/8, for example 127.64.1.0/24`,
  )
}

/** The lowest address of the subnet that is not taken, without its first and last. */
export function pickAddress(subnet: Subnet, taken: ReadonlySet<string>): string {
  for (let offset = 1; offset < sizeOf(subnet) - 1; offset += 1) {
    const address = formatIpv4(subnet.base + offset)
    if (!taken.has(address)) return address
  }
  throw new BowlineError(
    'unavailable',
    `Cannot give the pod an address: all ${sizeOf(subnet) - 2} of the subnet are in use`,
    { retryable: true },
  )
}

/** Linux answers on all of 127.0.0.0/8; macOS only on addresses that were added to its loopback interface. */
export function canListenOn(address: string): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.on('error', () => resolve(false))
    server.listen(0, address, () => server.close(() => resolve(true)))
  })
}
