/**
 * Links between the nodes: how a packet for a pod of another host gets there. By a plain route where the hosts share a link, else
 * through WireGuard, else through VXLAN, or by the one way that the cluster was told to use.
 *
 *     const links = createLinks({ client, nodes, clusterUid, nodeName, folder, log })
 *     const { mtu } = await links.program({ range, hostAddress })   // makes what is missing, removes what is stale
 */
export { createLinks, type Links, removeLinks } from './links.ts'
export { neighboursOnHost } from './peers.ts'
