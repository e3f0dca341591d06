/**
 * The pods' part of a node's network: routed /32 interfaces with addresses from the node's range, and what the host needs for
 * them. No bridge: a packet between two pods of one host is routed as one that crosses hosts, so that rules see both alike and
 * client addresses stay.
 *
 *     const pods = await openRoutedPods({ clusterUid, nodeName, clock, ids, log })   // undefined where the agent may not
 *     await pods?.setRange('10.42.1.0/24')                                       // as soon as the node has it
 *     openDockerRuntime({ podNetwork: pods, … })
 */
export { ROUTE_PROTOCOL } from './pod-interface.ts'
export { nodeHash, openRoutedPods, type RoutedPods } from './routed-pods.ts'
