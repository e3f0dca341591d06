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

/** What a good token proves, and for whom it was made. */
export interface VerifiedToken {
  readonly identity: Identity
  /** Those of the asked audiences that the token is for; none when it is not made for any in particular. */
  readonly audiences: readonly string[]
}

/** Why a token is none, in words for whoever asks about it; never a part of the token. */
export interface RefusedToken {
  readonly error: string
}

/** Knows one sort of bearer token. Undefined: not one of mine. */
export interface TokenVerifier {
  verify(token: string, audiences: readonly string[]): Promise<VerifiedToken | RefusedToken | undefined>
}

export interface Authenticator {
  /** Who asks, or a `StatusError` of reason Unauthorized. Nobody is anonymous. */
  authenticate(credentials: Credentials): Promise<Identity>
  /** Whose token it is, for any of these audiences; none named: for this API. */
  reviewToken(token: string, audiences: readonly string[]): Promise<VerifiedToken | RefusedToken>
}

export interface AuthenticatorOptions {
  readonly clock: Clock
  readonly tokenVerifiers: readonly TokenVerifier[]
  /** What tokens for this API are made for. */
  readonly audiences?: readonly string[]
  /** Knows which certificates speak for their nodes no more; undefined: all do. */
  readonly members: Pick<NodeMembers, 'isRemoved'> | undefined
}

/**
 * Client certificates first (common name = user, organizations = groups), then tokens. A certificate's validity is checked at
 * every request, since a connection may outlive it; so is whether its node is one still, and one that is not is told so. Whatever claims the in-process group is refused, not trimmed.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { clock, tokenVerifiers, members, audiences: ownAudiences = [] } = options
  async function reviewToken(
    token: string,
    audiences: readonly string[],
  ): Promise<VerifiedToken | RefusedToken> {
    const asked = audiences.length === 0 ? ownAudiences : audiences
    let error = 'invalid bearer token'
    for (const verifier of tokenVerifiers) {
      const found = await verifier.verify(token, asked)
      if (found === undefined) continue
      if (!('error' in found)) {
        // Nobody is one of the server's parts by a token.
        if (found.identity.groups.includes(SYSTEM_GROUP)) break
        const good =
          found.audiences.length > 0 ? found.audiences : asked.filter(one => ownAudiences.includes(one))
        if (asked.length > 0 && good.length === 0) break
        return { identity: authenticated(found.identity), audiences: good }
      }
      error = `[invalid bearer token, ${found.error}]`
    }
    return { error }
  }
  return {
    reviewToken,
    async authenticate({ certificate, bearer }) {
      const identity = identityOfCertificate(certificate, clock.now(), members)
      if (identity !== undefined && !identity.groups.includes(SYSTEM_GROUP)) return identity
      if (identity === undefined && bearer !== undefined && bearer !== '') {
        const found = await reviewToken(bearer, [])
        if (!('error' in found)) return found.identity
      }
      throw new StatusError('Unauthorized', 'Unauthorized')
    },
  }
}

function identityOfCertificate(
  certificate: CertificateFacts | undefined,
  now: number,
  members: AuthenticatorOptions['members'],
): Identity | undefined {
  if (certificate === undefined || now < certificate.notBefore || now > certificate.notAfter) return undefined
  const holder = holderOf(certificate)
  if (holder.identity.username === '') return undefined
  const nodeName = nodeNameOf(holder.identity)
  if (nodeName !== undefined && members?.isRemoved(nodeName, holder.memberId))
    throw nodeRemovedError(nodeName)
  return holder.identity
}

interface Holder {
  readonly identity: Identity
  readonly memberId: string | undefined
}

/** Whom certificates name. A connection has one for all of its requests. */
const holders = new WeakMap<CertificateFacts, Holder>()

function holderOf(certificate: CertificateFacts): Holder {
  const known = holders.get(certificate)
  if (known !== undefined) return known
  const { commonName, organizations } = certificate.subject
  const { groups, memberId } = splitOrganizations(organizations)
  const holder = { identity: authenticated({ username: commonName, groups }), memberId }
  holders.set(certificate, holder)
  return holder
}

function authenticated(identity: Identity): Identity {
  return { ...identity, groups: [...new Set([...identity.groups, AUTHENTICATED_GROUP])] }
}
