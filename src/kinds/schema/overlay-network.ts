import {
  atomicList,
  atomicMap,
  conditionStatus,
  kindOf,
  mergeList,
  type Overlay,
  setList,
} from './markers.ts'
import type { Schema } from './schema.ts'

const protocol: Schema = { default: 'TCP', enum: ['SCTP', 'TCP', 'UDP'] }

/** Services, their endpoints, ingresses and network policies. */
export const networkOverlay: Overlay = {
  Service: { definition: kindOf('', 'v1', 'Service') },
  ServiceSpec: {
    fields: {
      clusterIPs: atomicList,
      externalIPs: atomicList,
      externalTrafficPolicy: { enum: ['Cluster', 'Local'] },
      internalTrafficPolicy: { enum: ['Cluster', 'Local'] },
      ipFamilies: atomicList,
      ipFamilyPolicy: { enum: ['PreferDualStack', 'RequireDualStack', 'SingleStack'] },
      loadBalancerSourceRanges: atomicList,
      ports: mergeList('port', 'protocol'),
      selector: atomicMap,
      sessionAffinity: { default: 'None', enum: ['ClientIP', 'None'] },
      type: { default: 'ClusterIP', enum: ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'] },
    },
  },
  ServicePort: { fields: { protocol } },
  ServiceStatus: { fields: { conditions: mergeList('type') } },
  Condition: { fields: { status: conditionStatus } },
  LoadBalancerStatus: { fields: { ingress: atomicList } },
  LoadBalancerIngress: { fields: { ports: atomicList } },

  Endpoints: { definition: kindOf('', 'v1', 'Endpoints'), fields: { subsets: atomicList } },
  EndpointSubset: { fields: { addresses: atomicList, notReadyAddresses: atomicList, ports: atomicList } },
  EndpointAddress: { definition: atomicMap },
  // Of both groups: endpoints and endpoint slices.
  EndpointPort: { definition: atomicMap, fields: { protocol } },

  EndpointSlice: {
    definition: kindOf('discovery.k8s.io', 'v1', 'EndpointSlice'),
    fields: {
      addressType: { enum: ['FQDN', 'IPv4', 'IPv6'] },
      endpoints: atomicList,
      ports: atomicList,
    },
  },
  Endpoint: { fields: { addresses: setList } },
  EndpointHints: { fields: { forZones: atomicList } },

  Ingress: { definition: kindOf('networking.k8s.io', 'v1', 'Ingress') },
  IngressSpec: { fields: { rules: atomicList, tls: atomicList } },
  IngressTLS: { fields: { hosts: atomicList } },
  HTTPIngressRuleValue: { fields: { paths: atomicList } },
  HTTPIngressPath: { fields: { pathType: { enum: ['Exact', 'ImplementationSpecific', 'Prefix'] } } },
  ServiceBackendPort: { definition: atomicMap },
  IngressLoadBalancerStatus: { fields: { ingress: atomicList } },
  IngressLoadBalancerIngress: { fields: { ports: atomicList } },
  IngressClass: { definition: kindOf('networking.k8s.io', 'v1', 'IngressClass') },
  IngressClassParametersReference: {
    fields: { scope: { default: 'Cluster', enum: ['Cluster', 'Namespace'] } },
  },

  NetworkPolicy: { definition: kindOf('networking.k8s.io', 'v1', 'NetworkPolicy') },
  NetworkPolicySpec: { fields: { egress: atomicList, ingress: atomicList, policyTypes: atomicList } },
  NetworkPolicyIngressRule: { fields: { from: atomicList, ports: atomicList } },
  NetworkPolicyEgressRule: { fields: { ports: atomicList, to: atomicList } },
  NetworkPolicyPort: { fields: { protocol } },
  IPBlock: { fields: { except: atomicList } },
}
