import type { Identity } from '../contract.ts'

/** May do everything. Carried by the admin's certificate. */
export const MASTERS_GROUP = 'system:masters'

/** Agents, each with the user name `system:node:<name>`. */
const NODES_GROUP = 'system:nodes'

/** Hosts that hold a join token and no certificate yet; user name `system:bootstrap:<token id>`. */
export const BOOTSTRAPPERS_GROUP = 'system:bootstrappers'

/** Everyone who proved who they are. */
export const AUTHENTICATED_GROUP = 'system:authenticated'

/**
 * The server's own parts (controllers, scheduler, pipeline). It exists only in process: no certificate and no token
 * may carry it, so nothing that comes over the network can claim to be one of them.
 */
export const SYSTEM_GROUP = 'bowline:system'

const NODE_USER_PREFIX = 'system:node:'
const BOOTSTRAP_USER_PREFIX = 'system:bootstrap:'

/** The user name of a node's agent. */
export function nodeUser(nodeName: string): string {
  return `${NODE_USER_PREFIX}${nodeName}`
}

/** The node that an identity speaks for; undefined for everyone who is not an agent. */
export function nodeNameOf({ username, groups }: Identity): string | undefined {
  if (!groups.includes(NODES_GROUP) || !username.startsWith(NODE_USER_PREFIX)) return undefined
  return username.slice(NODE_USER_PREFIX.length) || undefined
}

/** An organization of a node's certificate that names the membership it was issued under; never a group of anyone. */
const MEMBER_PREFIX = 'bowline:member:'

/** What the organizations of a certificate say: its groups, and the membership of a node. */
export function splitOrganizations(organizations: readonly string[]): {
  readonly groups: readonly string[]
  readonly memberId: string | undefined
} {
  const member = organizations.find(organization => organization.startsWith(MEMBER_PREFIX))
  return {
    groups: organizations.filter(organization => !organization.startsWith(MEMBER_PREFIX)),
    memberId: member?.slice(MEMBER_PREFIX.length),
  }
}

/** The user name of whoever holds a join token. */
export function bootstrapUser(tokenId: string): string {
  return `${BOOTSTRAP_USER_PREFIX}${tokenId}`
}

/** The join token that an identity proved to hold; undefined for everyone else. */
export function joinTokenIdOf({ username, groups }: Identity): string | undefined {
  if (!groups.includes(BOOTSTRAPPERS_GROUP) || !username.startsWith(BOOTSTRAP_USER_PREFIX)) return undefined
  return username.slice(BOOTSTRAP_USER_PREFIX.length) || undefined
}

/** The identity of one of the server's own parts, such as `system:bowline:scheduler`. For in-process callers only. */
export function systemIdentity(part: string): Identity {
  return { username: `system:bowline:${part}`, groups: [SYSTEM_GROUP, AUTHENTICATED_GROUP] }
}

/** True for administrators and for parts of the server: whatever they are asked for, they may. */
export function isUnlimited({ groups }: Identity): boolean {
  return groups.includes(MASTERS_GROUP) || groups.includes(SYSTEM_GROUP)
}

/** True for users and their tools: neither a part of the server nor an agent. */
export function isPerson(identity: Identity): boolean {
  return !identity.groups.includes(SYSTEM_GROUP) && nodeNameOf(identity) === undefined
}
