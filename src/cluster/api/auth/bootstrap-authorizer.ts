import type { Authorizer } from '../contract.ts'
import { ALLOWED, refused } from './authorizers.ts'
import { joinTokenIdOf } from './identity.ts'
import { selectedName } from './node-authorizer.ts'
import type { NodeGraph } from './node-graph.ts'

/** A join token is good for one thing: to ask for a node certificate, and to read the answer to one's own request. */
export function bootstrapAuthorizer(graph: Pick<NodeGraph, 'requesterOf'>): Authorizer {
  return {
    authorize(attributes) {
      const { user, verb, group, resource, subresource, path } = attributes
      if (joinTokenIdOf(user) === undefined || path !== undefined) return refused()
      if (group !== 'certificates.k8s.io' || resource !== 'certificatesigningrequests' || subresource !== '')
        return refused('a join token may only ask for a node certificate')
      if (verb === 'create') return ALLOWED
      const reads = verb === 'get' || verb === 'list' || verb === 'watch'
      if (reads && graph.requesterOf(selectedName(attributes)) === user.username) return ALLOWED
      return refused('a join token may only read the certificate signing requests made with it')
    },
  }
}
