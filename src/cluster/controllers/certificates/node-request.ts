import type { CertificateSigningRequest } from '../../../kube/index.ts'

/** The signer of agents' client certificates. */
export const NODE_SIGNER = 'kubernetes.io/kube-apiserver-client-kubelet'

const NODE_USER_PREFIX = 'system:node:'
const BOOTSTRAP_USER_PREFIX = 'system:bootstrap:'

/** Who asks, as the server recorded it: a host with a join token, an agent with its certificate, or someone else. */
export type Requester =
  | { readonly type: 'joiner'; readonly tokenId: string }
  | { readonly type: 'node'; readonly nodeName: string }
  | { readonly type: 'other' }

export type Verdict =
  | { readonly type: 'approve'; readonly reason: string; readonly message: string }
  | { readonly type: 'deny'; readonly reason: string; readonly message: string }
  /** Not for the signer to decide: a person approves or denies. */
  | { readonly type: 'leave' }

/** What the verdict about a request for a node's certificate rests on. */
export interface RequestFacts {
  readonly requester: Requester
  readonly nodeName: string
  /** There is a Node object of this name. */
  readonly nodeExists: boolean
  /** Another host was given a certificate for this name a moment ago and has not made its Node yet. */
  readonly nameIsReserved: boolean
}

export function requesterOf({ spec }: CertificateSigningRequest): Requester {
  const { username = '', groups = [] } = spec
  if (groups.includes('system:bootstrappers') && username.startsWith(BOOTSTRAP_USER_PREFIX))
    return { type: 'joiner', tokenId: username.slice(BOOTSTRAP_USER_PREFIX.length) }
  if (groups.includes('system:nodes') && username.startsWith(NODE_USER_PREFIX))
    return { type: 'node', nodeName: username.slice(NODE_USER_PREFIX.length) }
  return { type: 'other' }
}

/** The node name in a requested common name, which must be `system:node:<DNS subdomain>`; undefined when it is none. */
export function nodeNameIn(commonName: string): string | undefined {
  if (!commonName.startsWith(NODE_USER_PREFIX)) return undefined
  const name = commonName.slice(NODE_USER_PREFIX.length)
  const isSubdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name)
  return isSubdomain && name.length <= 253 ? name : undefined
}

/** Approves what a host may have without a person: a new node's certificate by a join token, its own renewal by a node. */
export function judgeRequest({ requester, nodeName, nodeExists, nameIsReserved }: RequestFacts): Verdict {
  if (requester.type === 'other') return { type: 'leave' }
  if (requester.type === 'node') {
    if (requester.nodeName === nodeName)
      return { type: 'approve', reason: 'AutoApproved', message: `Node ${nodeName} renews its certificate.` }
    return deny('NameNotOwn', `Node ${requester.nodeName} may not ask for a certificate of node ${nodeName}.`)
  }
  if (nodeExists)
    return deny(
      'NodeExists',
      `There is a node named ${nodeName} already. Give this host another name, or run "bowline host remove ${nodeName}" if the old host is gone.`,
    )
  if (nameIsReserved)
    return deny(
      'NodeExists',
      `Another host is joining as node ${nodeName} just now. Give this host another name.`,
    )
  return {
    type: 'approve',
    reason: 'AutoApproved',
    message: `Node ${nodeName} joins by token ${requester.tokenId}.`,
  }
}

export function deny(reason: string, message: string): Verdict {
  return { type: 'deny', reason, message }
}
