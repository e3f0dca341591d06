/**
 * The controllers: each looks at the world through shared informers, compares it with what is wanted, and writes the difference
 * through the client. They know no transport and no store, and can be cut off at any instant.
 *
 *     const controllers = startControllers({ client, informers, clock, ids, log })
 *     await controllers.start(signal)
 */
import { setMaxListeners } from 'node:events'
import type { Service } from '../../base/index.ts'
import { AdmissionPolicyController } from './admission-policy-controller.ts'
import { ClusterRoleAggregationController } from './cluster-role-aggregation-controller.ts'
import type { ControllerContext } from './control-loop.ts'
import { DefinitionController } from './custom-resources/definition-controller.ts'
import { InstanceInformers } from './custom-resources/instance-informers.ts'
import { DeploymentController } from './deployment/deployment-controller.ts'
import { EndpointSliceController } from './endpoints/endpoint-slice-controller.ts'
import { EndpointSliceMirroringController } from './endpoints/endpoint-slice-mirroring-controller.ts'
import { EndpointsController } from './endpoints/endpoints-controller.ts'
import { GarbageCollector } from './garbage/garbage-collector.ts'
import { IngressStatusController } from './ingress/ingress-status-controller.ts'
import { LoadBalancerController } from './load-balancer/load-balancer-controller.ts'
import { NamespaceController } from './namespace/namespace-controller.ts'
import { NetworkPolicyController } from './network-policy/network-policy-controller.ts'
import { NodeIpamController, type NodeIpamOptions } from './node-ipam/node-ipam-controller.ts'
import {
  NodeLifecycleController,
  type NodeLifecycleOptions,
} from './node-lifecycle/node-lifecycle-controller.ts'
import { TaintEvictionController } from './node-lifecycle/taint-eviction-controller.ts'
import { PodGarbageCollector, type PodGcOptions } from './pod-gc.ts'
import { ReplicaSetController } from './replicaset/replica-set-controller.ts'
import { ResourceQuotaController } from './resource-quota/resource-quota-controller.ts'
import { ServiceAccountController } from './service-account-controller.ts'
import { StatefulSetController } from './statefulset/stateful-set-controller.ts'
import { EphemeralClaims } from './volumes/ephemeral-claims.ts'
import { VolumeMoveController } from './volumes/move/move-controller.ts'
import { VolumeProtection } from './volumes/protection.ts'
import { VolumeBinder } from './volumes/volume-binder.ts'
import { unreachableHosts, type VolumeHosts } from './volumes/volume-hosts.ts'

export { AccountTokenController } from './account-token-controller.ts'
export { createAcmeAuthority } from './acme/acme-authority.ts'
export { AcmeController } from './acme/acme-controller.ts'
export { ApiRegistrationController } from './api-registration/api-registration-controller.ts'
export { ApiServiceController, type ApiServiceOptions } from './api-service-controller.ts'
export { CertificateSigner, type CertificateSignerOptions } from './certificates/certificate-signer.ts'
export type { ControllerContext } from './control-loop.ts'
export type { NodeIpamOptions } from './node-ipam/node-ipam-controller.ts'
export type { NodeLifecycleOptions } from './node-lifecycle/node-lifecycle-controller.ts'
export type { PodGcOptions } from './pod-gc.ts'
export { RootCaPublisher } from './root-ca-publisher.ts'
export type {
  FolderClaim,
  FolderContent,
  FolderDigest,
  HostFolder,
  HostSnapshot,
  VolumeHosts,
} from './volumes/volume-hosts.ts'

export interface ControllersOptions extends ControllerContext {
  readonly nodeIpam?: NodeIpamOptions
  readonly nodeLifecycle?: NodeLifecycleOptions
  readonly podGc?: PodGcOptions
  /** How the folders of volumes are reached; absent: no volumes are made, and none is reclaimed. */
  readonly volumeHosts?: VolumeHosts
}

/** All controllers as one service, over shared informers, which whoever made them runs. Throws when an option makes no sense. */
export function startControllers(options: ControllersOptions): Service {
  const instances = new InstanceInformers(options)
  const services: readonly Service[] = [
    instances,
    new DefinitionController(options),
    new NamespaceController(options),
    new ServiceAccountController(options),
    new ClusterRoleAggregationController(options),
    new AdmissionPolicyController(options),
    new DeploymentController(options),
    new ReplicaSetController(options),
    new StatefulSetController(options),
    new EndpointSliceController(options),
    new EndpointsController(options),
    new EndpointSliceMirroringController(options),
    new LoadBalancerController(options),
    new IngressStatusController(options),
    new GarbageCollector(options, instances),
    new ResourceQuotaController(options, instances),
    new PodGarbageCollector(options, options.podGc),
    new NetworkPolicyController(options),
    new NodeIpamController(options, options.nodeIpam),
    new NodeLifecycleController(options, options.nodeLifecycle),
    new TaintEvictionController(options),
    new VolumeBinder(options, options.volumeHosts ?? unreachableHosts),
    new VolumeMoveController(options, options.volumeHosts ?? unreachableHosts),
    new VolumeProtection(options),
    new EphemeralClaims(options),
  ]
  return {
    async start(signal) {
      // Every controller hangs on it: that is no leak.
      setMaxListeners(0, signal)
      await Promise.all(services.map(service => service.start(signal)))
    },
  }
}
