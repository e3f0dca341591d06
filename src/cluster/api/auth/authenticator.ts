import type { Clock } from '../../../base/index.ts'
import { StatusError } from '../../../kube/index.ts'
import type { CertificateFacts } from '../../../pki/index.ts'
import type { Identity } from '../contract.ts'
import { AUTHENTICATED_GROUP, SYSTEM_GROUP } from './identity.ts'

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
}

/**
 * Client certificates first (common name = user, organizations = groups), then tokens. A certificate's validity is checked at
 * every request, since a connection may outlive it. Whatever claims the in-process group is refused, not trimmed.
 */
export function createAuthenticator({ clock, tokenVerifiers }: AuthenticatorOptions): Authenticator {
  return {
    async authenticate({ certificate, bearer }) {
      const identity =
        identityOfCertificate(certificate, clock.now()) ?? (await identityOfToken(bearer, tokenVerifiers))
      if (identity === undefined || identity.groups.includes(SYSTEM_GROUP))
        throw new StatusError('Unauthorized', 'Unauthorized')
      return identity
    },
  }
}

function identityOfCertificate(certificate: CertificateFacts | undefined, now: number): Identity | undefined {
  if (certificate === undefined || now < certificate.notBefore || now > certificate.notAfter) return undefined
  const { commonName, organizations } = certificate.subject
  return commonName === '' ? undefined : authenticated({ username: commonName, groups: organizations })
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
