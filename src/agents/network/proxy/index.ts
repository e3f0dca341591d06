/**
 * Services without nftables: the agent listens itself and forwards. A service is reached at the loopback address that stands for its own
 * (`127.43.0.5` for `10.43.0.5`), at its node port, and at external addresses that the host has; a pod at its ports of the host.
 * Beside nftables it serves those ports at 127.0.0.1.
 *
 *     const proxy = new ServiceProxy({ services, endpointSlices, pods, clock, ids, log })
 *     proxy.setPlace({ scope: 'all', isLocalNode, reaches })
 *     await proxy.start(signal)
 */
export { loopbackAddress } from './frontends.ts'
export { ServiceProxy } from './service-proxy.ts'
