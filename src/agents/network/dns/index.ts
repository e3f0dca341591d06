/**
 * DNS of a node, for its pods: names of services and endpoints from watched caches, everything else from the host's resolvers. It
 * never asks the API server, and goes on while that is away.
 *
 *     const hostResolvers = new HostResolvers({ clock })
 *     const server = createDnsServer({ address: '10.42.1.1', clusterDomain, clients, services, slices, hostResolvers, … })
 *     await server.start(signal)
 */
export { createDnsServer, type DnsServer, type DnsServerOptions } from './dns-server.ts'
export { HostResolvers } from './host-resolvers.ts'
