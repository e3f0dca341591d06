import type { Clock } from '../base/index.ts'
import type { Informer } from '../client/index.ts'
import type { Service } from '../kube/index.ts'
import type { ClusterNames } from './containers/pod-names.ts'
import { serviceVariables } from './containers/service-variables.ts'
import type { HostResolvers } from './network/dns/index.ts'
import type { PodDirectory } from './pods/means.ts'

export interface PodDirectoryOptions {
  readonly services: Pick<Informer<Service>, 'get' | 'list' | 'synced'>
  readonly hostResolvers: Pick<HostResolvers, 'forPods'>
  /** What the node's network says; undefined without one. */
  readonly cluster: () => Promise<ClusterNames | undefined>
  /** Where pods of this node reach the address of a service. */
  readonly serviceAddress: (clusterIP: string) => string
  readonly clock: Clock
}

/** How long a container waits for the first list of services; upstream's does not start without it. */
const SERVICES_PATIENCE_MS = 3000

/** What pods are told when they start, from what this node knows of the cluster and of its host. */
export function createPodDirectory(options: PodDirectoryOptions): PodDirectory {
  const { services, hostResolvers, cluster, serviceAddress, clock } = options
  let known: Promise<void> | undefined

  /** Once for all containers: a server that stays away holds none of them up for longer. */
  async function firstList(): Promise<void> {
    const over = new AbortController()
    const patience = clock.sleep(SERVICES_PATIENCE_MS, over.signal).catch(() => {})
    await Promise.race([services.synced, patience])
    over.abort()
  }

  return {
    cluster,
    resolvers: () => hostResolvers.forPods(),
    async serviceVariables(pod) {
      known ??= firstList()
      await known
      const master = services.get('default/kubernetes')
      const { namespace } = pod.metadata
      return serviceVariables([...(master ? [master] : []), ...services.list(namespace)], {
        namespace,
        links: pod.spec.enableServiceLinks ?? true,
        reach: serviceAddress,
      })
    },
  }
}
