/**
 * Services on one node, by nftables: pure functions make a service and its endpoints into elements and chains of a table, and
 * `ServiceRouter` keeps that table. It reads objects through informers, changes one table and a route, and knows no container.
 *
 *     const router = new ServiceRouter({ services, endpointSlices, others: [pods, policies], table, nft, … })
 *     router.setPlace({ podCidr, clusterCidr, serviceCidr, localNodes })
 *     await router.start(signal)
 */
export { createFlowForgetter } from './conntrack.ts'
export type { Backend, Protocol } from './endpoints.ts'
export { PROTOCOL_NUMBERS } from './frame.ts'
export { ensureHostPaths, removeHostPaths } from './host-paths.ts'
export type { LocalPod, LocalPodPort, Place } from './place.ts'
export { hostPortFragment } from './pod-rules.ts'
export { BY_SERVICE, serviceKeysOf } from './service-index.ts'
export { isIpv4Network, type ServicePortRoute, servicePorts } from './service-ports.ts'
export { type FragmentSource, ServiceRouter } from './service-router.ts'
