import type { TLSSocket } from 'node:tls'
import { type CertificateFacts, readCertificate } from '../../../pki/index.ts'
import type { Credentials } from '../auth/authenticator.ts'
import { type ApiRequest, connectionOf } from './message.ts'

/** A connection's certificate is looked at once, however many requests follow. */
const ofConnections = new WeakMap<TLSSocket, CertificateFacts>()

/** What certificates say, by their SHA-256: reading one costs more than a request, and every kubectl command is a new connection. */
const ofCertificates = new Map<string, CertificateFacts>()
/** More than agents and tools of a fleet have; the oldest are forgotten. */
const MAX_CERTIFICATES = 1_000

/** What a request proves itself with. A certificate counts only when TLS verified it against the cluster's authority. */
export function credentialsOf(request: ApiRequest): Credentials {
  const bearer = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1]
  const connection = connectionOf(request)
  return { certificate: connection && certificateOf(connection), bearer }
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
