import type { Clock } from '../../../base/index.ts'
import { nodeRemovedError, StatusError } from '../../../kube/index.ts'
import type { CertificateFacts } from '../../../pki/index.ts'
import type { Identity } from '../contract.ts'
import { AUTHENTICATED_GROUP, nodeNameOf, SYSTEM_GROUP, splitOrganizations } from './identity.ts'
import type { NodeMembers } from './node-members.ts'

/** What a request brought to prove who it comes from. */
export interface Credentials {
  /** The client certificate; only one whose chain TLS verified against the cluster's authority. */
  readonly certificate: CertificateFacts | undefined
  /** The token of `Authorization: Bearer <token>`. */
  readonly bearer: string | undefined
}

/** Knows one sort of bearer token. Undefined: not one of mine, or not valid. */
export interface TokenVerifier {
  verify(token: string): Promise<Identity | undefined>
}

export interface Authenticator {
  /** Who asks, or a `StatusError` of reason Unauthorized. Nobody is anonymous. */
  authenticate(credentials: Credentials): Promise<Identity>
}

export interface AuthenticatorOptions {
  readonly clock: Clock
  readonly tokenVerifiers: readonly TokenVerifier[]
  /** Knows which certificates speak for their nodes no more; undefined: all do. */
  readonly members: Pick<NodeMembers, 'isRemoved'> | undefined
}

/**
 * Client certificates first (common name = user, organizations = groups), then tokens. A certificate's validity is checked at
 * every request, since a connection may outlive it; so is whether its node is one still, and one that is not is told so. Whatever claims the in-process group is refused, not trimmed.
 */
export function createAuthenticator({ clock, tokenVerifiers, members }: AuthenticatorOptions): Authenticator {
  return {
    async authenticate({ certificate, bearer }) {
      const identity =
        identityOfCertificate(certificate, clock.now(), members) ??
        (await identityOfToken(bearer, tokenVerifiers))
      if (identity === undefined || identity.groups.includes(SYSTEM_GROUP))
        throw new StatusError('Unauthorized', 'Unauthorized')
      return identity
    },
  }
}

function identityOfCertificate(
  certificate: CertificateFacts | undefined,
  now: number,
  members: AuthenticatorOptions['members'],
): Identity | undefined {
  if (certificate === undefined || now < certificate.notBefore || now > certificate.notAfter) return undefined
  const { commonName, organizations } = certificate.subject
  if (commonName === '') return undefined
  const { groups, memberId } = splitOrganizations(organizations)
  const identity = authenticated({ username: commonName, groups })
  const nodeName = nodeNameOf(identity)
  if (nodeName !== undefined && members?.isRemoved(nodeName, memberId)) throw nodeRemovedError(nodeName)
  return identity
}

async function identityOfToken(
  bearer: string | undefined,
  verifiers: readonly TokenVerifier[],
): Promise<Identity | undefined> {
  if (bearer === undefined || bearer === '') return undefined
  for (const verifier of verifiers) {
    const identity = await verifier.verify(bearer)
    if (identity !== undefined) return authenticated(identity)
  }
  return undefined
}

function authenticated({ username, groups }: Identity): Identity {
  return { username, groups: [...new Set([...groups, AUTHENTICATED_GROUP])] }
}
