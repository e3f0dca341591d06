/**
 * Services without nftables: the agent listens itself and forwards. A service is reached at the loopback address that stands for its own
 * (`127.43.0.5` for `10.43.0.5`), at its node port, and at external addresses that the host has.
 *
 *     const proxy = new ServiceProxy({ services, endpointSlices, isLocalNode, clock, ids, log })
 *     await proxy.start(signal)
 */
export { loopbackAddress } from './frontends.ts'
export { ServiceProxy } from './service-proxy.ts'
