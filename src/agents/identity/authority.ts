import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { connect, type DetailedPeerCertificate } from 'node:tls'
import { BowlineError, type Clock, messageOf } from '../../base/index.ts'

/** A join token as `bowline token create` prints it: `<CA sha256>.<id>.<secret>`. */
export interface JoinTokenParts {
  /** SHA-256 of the authority's certificate (DER), in lower-case hex. */
  readonly fingerprint: string
  /** `<id>.<secret>`: what proves that the joiner was asked in. Sent only to a server whose authority matches. */
  readonly bearer: string
}

const TIMEOUT_MS = 10_000
/** Certificates of a chain that are looked at. */
const MAX_CHAIN = 8

/** Takes a join token apart. Throws `bad-input` that names no part of it. */
export function parseJoinToken(token: string): JoinTokenParts {
  const [fingerprint = '', id = '', secret = '', ...rest] = token.trim().split('.')
  if (!/^[0-9a-f]{64}$/i.test(fingerprint) || id === '' || secret === '' || rest.length > 0)
    throw new BowlineError(
      'bad-input',
      'Cannot read the join token: it is not of the form <CA sha256>.<id>.<secret>; print a new one with "bowline token create"',
    )
  return { fingerprint: fingerprint.toLowerCase(), bearer: `${id}.${secret}` }
}

/**
 * The certificate of a server's authority (PEM), taken from the chain that it shows in the TLS handshake and believed only
 * because its fingerprint is the one that the token names. Nothing is sent, so nothing secret is. Throws `unauthorized` when
 * another authority answers, `unavailable` when none does.
 */
export async function fetchAuthority(server: string, fingerprint: string, clock: Clock): Promise<string> {
  for (const der of await readChain(new URL(server), server, clock)) {
    const certificate = new X509Certificate(der)
    if (certificate.fingerprint256.replaceAll(':', '').toLowerCase() === fingerprint)
      return certificate.toString()
  }
  throw new BowlineError(
    'unauthorized',
    `Cannot join ${server}: its certificate authority is not the one that the join token names. Either the token is of another cluster, or somebody answers in the server's place`,
  )
}

/** The chain of a server, its own certificate first, as DER. */
function readChain(url: URL, server: string, clock: Clock): Promise<readonly Buffer[]> {
  return new Promise((resolve, reject) => {
    const host = url.hostname.replace(/^\[|\]$/g, '')
    // Whom this connection reaches is what the fingerprint decides, so the handshake is not asked to.
    const socket = connect({
      host,
      port: Number(url.port || 443),
      servername: isIP(host) === 0 ? host : '',
      rejectUnauthorized: false,
    })
    const cancelTimer = clock.after(TIMEOUT_MS, () => socket.destroy(new Error('no answer in time')))
    socket.on('error', cause =>
      reject(
        new BowlineError('unavailable', `Cannot join ${server}: ${messageOf(cause)}`, {
          cause,
          retryable: true,
        }),
      ),
    )
    socket.once('close', cancelTimer)
    socket.once('secureConnect', () => {
      resolve(chainOf(socket.getPeerCertificate(true)))
      socket.end()
    })
  })
}

function chainOf(first: DetailedPeerCertificate): readonly Buffer[] {
  const chain: Buffer[] = []
  for (
    let at: DetailedPeerCertificate | undefined = first;
    at?.raw !== undefined && chain.length < MAX_CHAIN;
  ) {
    chain.push(at.raw)
    const issuer: DetailedPeerCertificate | undefined = at.issuerCertificate
    // A self-signed certificate is its own issuer.
    at = issuer === at ? undefined : issuer
  }
  return chain
}
