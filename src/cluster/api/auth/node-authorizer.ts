import { ACME_CHALLENGES, type NodeResource, parseFieldSelector } from '../../../kube/index.ts'
import type { Attributes, Authorizer, Decision } from '../contract.ts'
import { ALLOWED, refused } from './authorizers.ts'
import { nodeNameOf, nodeUser } from './identity.ts'
import type { NodeGraph } from './node-graph.ts'

/** Where agents renew the leases that say they live. */
export const NODE_LEASE_NAMESPACE = 'kube-node-lease'

type Graph = Pick<NodeGraph, 'isOnNode' | 'mayRead' | 'mayReadVolume' | 'requesterOf'>
type Rule = (attributes: Attributes, nodeName: string, graph: Graph) => Decision

/**
 * What upstream's Node authorizer (plugin/pkg/auth/authorizer/node, 1.32 with selectors) lets a node do with the kinds that are
 * served: its own Node and lease, its own pods, the Secrets, ConfigMaps and claims that those refer to, the volumes behind the claims, and
 * tokens of their ServiceAccounts; the certificates of the ingresses,
 * which it serves; and what kube-proxy's role
 * (`system:node-proxier`) reads, for an agent is a host's proxy too: all nodes, services and their endpoints. What a write may change is
 * judged by `restrictNode` at admission, where the objects are known.
 */
export function nodeAuthorizer(graph: Graph): Authorizer {
  return {
    authorize(attributes) {
      const nodeName = nodeNameOf(attributes.user)
      if (nodeName === undefined || attributes.path !== undefined) return refused()
      const rule = RULES.get(`${attributes.group}/${attributes.resource}`)
      if (rule === undefined) return refused(`a node may not use ${attributes.resource}`)
      return rule(attributes, nodeName, graph)
    },
  }
}

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['/nodes', authorizeNode],
  ['/pods', authorizePod],
  [
    '/configmaps',
    (attributes, nodeName, graph) => authorizeReference(attributes, nodeName, graph, 'configmaps'),
  ],
  ['/secrets', (attributes, nodeName, graph) => authorizeReference(attributes, nodeName, graph, 'secrets')],
  [
    '/persistentvolumeclaims',
    (attributes, nodeName, graph) =>
      authorizeReference(attributes, nodeName, graph, 'persistentvolumeclaims'),
  ],
  ['/persistentvolumes', authorizeVolume],
  ['/serviceaccounts', authorizeToken],
  ['/events', authorizeEvent],
  ['coordination.k8s.io/leases', authorizeLease],
  ['certificates.k8s.io/certificatesigningrequests', authorizeSigningRequest],
  // What a node needs to route to services and to serve ingresses; none of it is secret, and all of it concerns every node.
  ['/services', authorizeClusterRead],
  ['discovery.k8s.io/endpointslices', authorizeClusterRead],
  ['bowline.dev/policyendpoints', authorizeClusterRead],
  ['networking.k8s.io/ingresses', authorizeClusterRead],
  ['networking.k8s.io/ingressclasses', authorizeClusterRead],
])

function authorizeNode(attributes: Attributes, nodeName: string): Decision {
  const { verb, subresource } = attributes
  // A create names its object in the body; admission compares.
  if (verb === 'create' && subresource === '') return ALLOWED
  // Where the other nodes are and which pods they have: the routes between them follow from it.
  if (isRead(verb) && subresource === '') return ALLOWED
  const own = selectedName(attributes) === nodeName
  const writes = (verb === 'update' || verb === 'patch') && (subresource === '' || subresource === 'status')
  if (!writes) return refused(`a node may not ${verb} nodes${suffix(subresource)}`)
  return own ? ALLOWED : refused(`node "${nodeName}" may only ${verb} its own Node, by its name`)
}

function authorizePod(attributes: Attributes, nodeName: string, graph: Graph): Decision {
  const { verb, subresource, namespace } = attributes
  if (subresource === 'status' && (verb === 'update' || verb === 'patch')) return ALLOWED
  if (subresource !== '') return refused(`a node may not use pods/${subresource}`)
  // Whose pod it is, admission knows: so that deleting what is gone already answers NotFound and not Forbidden.
  if (verb === 'delete') return ALLOWED
  if (!isRead(verb)) return refused(`a node may not ${verb} pods`)
  const name = selectedName(attributes)
  if (verb !== 'get' && selectedValue(attributes, 'spec.nodeName') === nodeName) return ALLOWED
  if (name !== '' && graph.isOnNode(nodeName, namespace, name)) return ALLOWED
  if (verb === 'get') return refused(`no relationship found between node "${nodeName}" and this object`)
  return refused(`can only ${verb} pods with a spec.nodeName field selector of "${nodeName}"`)
}

function authorizeReference(
  attributes: Attributes,
  nodeName: string,
  graph: Graph,
  resource: NodeResource,
): Decision {
  const { verb, subresource, namespace } = attributes
  if (!isRead(verb) || subresource !== '') return refused('can only read resources of this type')
  const name = selectedName(attributes)
  if (name === '' || namespace === '') return refused('can only read single objects of this type, by name')
  if (graph.mayRead(nodeName, resource, namespace, name)) return ALLOWED
  // Every node answers the challenges of ACME.
  const { namespace: home, name: challenges } = ACME_CHALLENGES
  if (resource === 'configmaps' && namespace === home && name === challenges) return ALLOWED
  return refused(`no relationship found between node "${nodeName}" and this object`)
}

/** Volumes belong to no namespace; they are read by name, and written by the server alone. */
function authorizeVolume(attributes: Attributes, nodeName: string, graph: Graph): Decision {
  if (!isRead(attributes.verb) || attributes.subresource !== '')
    return refused('can only read resources of this type')
  if (graph.mayReadVolume(nodeName, selectedName(attributes))) return ALLOWED
  return refused(`no relationship found between node "${nodeName}" and this object`)
}

/** A token for a pod that it runs; which pod, admission knows. */
function authorizeToken(attributes: Attributes, nodeName: string, graph: Graph): Decision {
  const { verb, subresource, namespace, name } = attributes
  if (verb !== 'create' || subresource !== 'token')
    return refused('can only create tokens for individual service accounts')
  if (graph.mayRead(nodeName, 'serviceaccounts', namespace, name)) return ALLOWED
  return refused(`no relationship found between node "${nodeName}" and this object`)
}

function authorizeClusterRead({ verb, subresource, resource }: Attributes): Decision {
  return isRead(verb) && subresource === '' ? ALLOWED : refused(`a node may only read ${resource}`)
}

function authorizeEvent({ verb, subresource }: Attributes): Decision {
  const allowed = subresource === '' && (verb === 'create' || verb === 'patch' || verb === 'update')
  return allowed ? ALLOWED : refused('a node may only create and patch events')
}

function authorizeLease({ verb, subresource, namespace, name }: Attributes, nodeName: string): Decision {
  if (namespace !== NODE_LEASE_NAMESPACE)
    return refused(`can only access leases in the "${NODE_LEASE_NAMESPACE}" namespace`)
  if (verb === 'create' && subresource === '' && (name === '' || name === nodeName)) return ALLOWED
  const single = verb === 'get' || verb === 'update' || verb === 'patch' || verb === 'delete'
  if (!single || subresource !== '') return refused(`a node may not ${verb} leases`)
  return name === nodeName
    ? ALLOWED
    : refused('can only access the node lease with the same name as the requesting node')
}

function authorizeSigningRequest(attributes: Attributes, nodeName: string, graph: Graph): Decision {
  const { verb, subresource } = attributes
  if (subresource === '' && verb === 'create') return ALLOWED
  const own = graph.requesterOf(selectedName(attributes)) === nodeUser(nodeName)
  if (subresource === '' && isRead(verb) && own) return ALLOWED
  return refused('a node may only create certificate signing requests and read its own')
}

function isRead(verb: Attributes['verb']): boolean {
  return verb === 'get' || verb === 'list' || verb === 'watch'
}

/** The one object that is asked for, by the path or by a `metadata.name=` selector; `` when there is no single one. */
export function selectedName(attributes: Attributes): string {
  return attributes.name || selectedValue(attributes, 'metadata.name')
}

function selectedValue({ fieldSelector }: Attributes, field: string): string {
  if (fieldSelector === '') return ''
  const found = parseFieldSelector(fieldSelector).find(
    requirement => requirement.field === field && requirement.operator === '=',
  )
  return found?.value ?? ''
}

function suffix(subresource: string): string {
  return subresource === '' ? '' : `/${subresource}`
}
