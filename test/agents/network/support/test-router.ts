import { HostListeners } from '../../../../src/agents/network/host-listeners.ts'
import { LocalPods } from '../../../../src/agents/network/policy/index.ts'
import {
  createFlowForgetter,
  ensureHostPaths,
  ServiceRouter,
} from '../../../../src/agents/network/services/index.ts'
import { silentLogger, systemClock, systemIds } from '../../../../src/base/index.ts'
import { createInformer, Informers } from '../../../../src/client/index.ts'
import { Kinds, type Service } from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import type { TestApi } from '../../../cluster/api/test-api.ts'
import type { Host } from './net-lab.ts'

export const TABLE = 'bowline-test'

export interface TestRouter {
  readonly router: ServiceRouter
  readonly pods: LocalPods
  readonly listeners: HostListeners
  /** Resolves when the host routes by all that the API holds now. */
  caughtUp(): Promise<void>
  stop(): Promise<void>
}

/** The services and policies of one host over the objects of the API, as an agent has them. */
export function startTestRouter(api: TestApi, host: Host, nodeName: string): TestRouter {
  const stop = new AbortController()
  const context = { client: api.client, clock: systemClock, ids: systemIds, log: silentLogger }
  const informers = new Informers(context)
  const followed = {
    services: informers.of(Kinds.Service),
    endpointSlices: informers.of(Kinds.EndpointSlice),
    policies: informers.of(Kinds.PolicyEndpoints),
  }
  const ownPods = createInformer(api.client, Kinds.Pod, {
    ...context,
    fieldSelector: `spec.nodeName=${nodeName}`,
  })
  const pods = new LocalPods({ pods: ownPods, policies: followed.policies })
  const listeners = new HostListeners({
    sharedPorts: [],
    read: name => host.exec('cat', `/proc/net/${name}`),
    clock: systemClock,
    log: silentLogger,
  })
  const router = new ServiceRouter({
    services: followed.services,
    endpointSlices: followed.endpointSlices,
    others: [listeners, pods],
    table: TABLE,
    nft: host.nft,
    forgetFlows: createFlowForgetter(host.run, silentLogger),
    ensurePaths: place => ensureHostPaths(host.run, place, TABLE),
    clock: systemClock,
    log: silentLogger,
  })
  router.setPlace({
    podCidr: host.podCidr,
    clusterCidr: '10.42.0.0/16',
    serviceCidr: '10.43.0.0/16',
    localNodes: new Set([nodeName]),
  })
  const running = [
    informers.start(stop.signal),
    ownPods.run(stop.signal),
    listeners.look().then(() => router.start(stop.signal)),
  ]
  return {
    router,
    pods,
    listeners,
    async caughtUp() {
      await listeners.look()
      for (const informer of [...Object.values(followed), ownPods]) {
        // Whatever the kind is, it has metadata.
        const kind = informer.kind as unknown as typeof Kinds.Service
        const options = informer === ownPods ? { fieldSelector: `spec.nodeName=${nodeName}` } : {}
        const { items } = await api.client.list(kind, options)
        await eventually(`${kind.plural} to be seen`, () => {
          const seen = new Map(
            (informer.list() as readonly Service[]).map(({ metadata }) => [
              metadata.uid,
              metadata.resourceVersion,
            ]),
          )
          return (
            seen.size === items.length &&
            items.every(({ metadata }) => seen.get(metadata.uid) === metadata.resourceVersion)
          )
        })
      }
      await router.settled()
    },
    async stop() {
      stop.abort()
      await Promise.all(running)
    },
  }
}
