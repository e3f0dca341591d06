/**
 * Serves Ingresses on this host. The pure part turns ingresses, services, endpoint slices and certificates into a model of routes and
 * backends (`model.ts`), and a model into the configuration and the commands of HAProxy (`haproxy/`); the rest keeps such a proxy running
 * and equal to the model: endpoints, routes and certificates change without a reload, and the proxy outlives its agent.
 *
 *     const ingress = createIngress({ client, nodeName, dataDir, informers, proxy, node, record, clock, ids, log })
 *     await ingress.start(signal)
 */
export type { ProxyOptions } from './haproxy/config.ts'
export { proxyDefaults } from './haproxy/defaults.ts'
export { createIngress, purgeIngress } from './ingress.ts'
