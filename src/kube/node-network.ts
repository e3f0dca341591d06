import type { Node } from './generated/types.ts'

/** What every node knows of the network: where pods and services have their addresses, and the domain of their names. */
export interface NodeNetwork {
  /** The range of all pods of the cluster, such as `10.42.0.0/16`; a node's own part is its `spec.podCIDR`. */
  readonly podCidr: string
  /** The range of the addresses of services. */
  readonly serviceCidr: string
  /** Without a dot in front or at the end. */
  readonly clusterDomain: string
  /** By which way hosts reach the pods of other hosts. */
  readonly links: LinkMode
}

export const LINK_MODES = ['auto', 'routes', 'wireguard', 'vxlan'] as const

/** `auto`: a plain route where hosts share a link, else WireGuard where both have it, else VXLAN. */
export type LinkMode = (typeof LINK_MODES)[number]

export const DEFAULT_NETWORK: NodeNetwork = {
  podCidr: '10.42.0.0/16',
  serviceCidr: '10.43.0.0/16',
  clusterDomain: 'cluster.local',
  links: 'auto',
}

const POD_CIDR = 'network.bowline.dev/pod-cidr'
const SERVICE_CIDR = 'network.bowline.dev/service-cidr'
const CLUSTER_DOMAIN = 'network.bowline.dev/cluster-domain'
const LINKS = 'network.bowline.dev/links'

/** The annotations by which the server tells a node's agent of the network, on its Node. */
export function networkAnnotations(network: NodeNetwork): { readonly [key: string]: string } {
  return {
    [POD_CIDR]: network.podCidr,
    [SERVICE_CIDR]: network.serviceCidr,
    [CLUSTER_DOMAIN]: network.clusterDomain,
    [LINKS]: network.links,
  }
}

/** What a Node's annotations say of the network; undefined until the server has written all of them. */
export function nodeNetworkOf({ metadata }: Node): NodeNetwork | undefined {
  const {
    [POD_CIDR]: podCidr,
    [SERVICE_CIDR]: serviceCidr,
    [CLUSTER_DOMAIN]: clusterDomain,
    [LINKS]: links,
  } = metadata.annotations ?? {}
  const mode = LINK_MODES.find(known => known === links)
  if (!podCidr || !serviceCidr || !clusterDomain || mode === undefined) return undefined
  return { podCidr, serviceCidr, clusterDomain, links: mode }
}
