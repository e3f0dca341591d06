import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import { type CertificateFacts, readCertificate } from '../../../pki/index.ts'
import type { Credentials } from '../auth/authenticator.ts'

/** A connection's certificate is looked at once, however many requests follow. */
const ofConnections = new WeakMap<TLSSocket, CertificateFacts>()

/** What certificates say, by their SHA-256: reading one costs more than a request, and every kubectl command is a new connection. */
const ofCertificates = new Map<string, CertificateFacts>()
/** More than agents and tools of a fleet have; the oldest are forgotten. */
const MAX_CERTIFICATES = 1_000

/** What a request proves itself with. A certificate counts only when TLS verified it against the cluster's authority. */
export function credentialsOf({ socket, headers }: IncomingMessage): Credentials {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
  return { certificate: socket instanceof TLSSocket ? certificateOf(socket) : undefined, bearer }
}

function certificateOf(socket: TLSSocket): CertificateFacts | undefined {
  if (!socket.authorized) return undefined
  const known = ofConnections.get(socket)
  if (known !== undefined) return known
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  const facts = ofCertificates.get(certificate.fingerprint256) ?? readCertificate(certificate.raw)
  keep(certificate.fingerprint256, facts)
  ofConnections.set(socket, facts)
  return facts
}

/** As the newest of those that are kept. */
function keep(fingerprint: string, facts: CertificateFacts): void {
  ofCertificates.delete(fingerprint)
  ofCertificates.set(fingerprint, facts)
  const [oldest] = ofCertificates.keys()
  if (ofCertificates.size > MAX_CERTIFICATES && oldest !== undefined) ofCertificates.delete(oldest)
}
