/**
 * The network of one node, as far as the agent makes it: addresses of pods, links to other nodes, services and policies, names. It
 * follows the cluster's objects and keeps the host's network equal to them; what it has made goes on working without the agent and
 * without the server.
 *
 *     const pods = await openRoutedPods({ clusterUid, nodeName, clock, ids, log })
 *     const network = createNetwork({ client, informers, ownPods, pods, nodeName, folder, … })
 *     await network.run(signal)
 *     network.problem                                   // why no pod can have a network yet
 *     await removeNetwork({ pods, clusterUid, nodeName })  // when the node's containers are removed, too
 */
export { clashMessage } from './host-ranges.ts'
export { hostAddresses } from './iproute/index.ts'
export { createNetwork, type Network, type NetworkOptions } from './network.ts'
export { openRoutedPods, type RoutedPods } from './pods/index.ts'
export { removeNetwork } from './remove-network.ts'
