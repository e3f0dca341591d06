import { isIPv4 } from 'node:net'
import type { Element, Fragment } from '../nft/index.ts'
import { PROTOCOL_NUMBERS } from './frame.ts'
import type { LocalPod } from './place.ts'

/** What the ports of the host that lead to pods of this node want in the table. Of two pods that claim a port the first has it. */
export function hostPortFragment(pods: readonly LocalPod[]): Fragment {
  const elements: Element[] = []
  for (const { address, ports } of pods) {
    for (const { protocol, containerPort, hostPort, hostIP } of ports) {
      if (hostPort === undefined) continue
      const everywhere = hostIP === undefined || hostIP === '' || hostIP === '0.0.0.0'
      if (!everywhere && !isIPv4(hostIP)) continue
      const port = `${PROTOCOL_NUMBERS[protocol]} . ${hostPort}`
      elements.push({
        of: everywhere ? 'host-ports' : 'host-ports-at',
        key: everywhere ? port : `${hostIP} . ${port}`,
        value: `${address} . ${containerPort}`,
      })
      elements.push({ of: 'self', key: `${address} . ${address}` })
      if (protocol === 'UDP')
        elements.push({
          of: 'udp-flows',
          key: `${everywhere ? '0.0.0.0' : hostIP} . ${hostPort} . ${address} . ${containerPort}`,
        })
    }
  }
  return { elements }
}
