import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import { type CertificateFacts, readCertificate } from '../../../pki/index.ts'
import type { Credentials } from '../auth/authenticator.ts'

/** A connection's certificate is read once, however many requests follow. */
const certificates = new WeakMap<TLSSocket, CertificateFacts>()

/** What a request proves itself with. A certificate counts only when TLS verified it against the cluster's authority. */
export function credentialsOf({ socket, headers }: IncomingMessage): Credentials {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
  return { certificate: socket instanceof TLSSocket ? certificateOf(socket) : undefined, bearer }
}

function certificateOf(socket: TLSSocket): CertificateFacts | undefined {
  if (!socket.authorized) return undefined
  const known = certificates.get(socket)
  if (known !== undefined) return known
  const raw = socket.getPeerX509Certificate()?.raw
  if (raw === undefined) return undefined
  const facts = readCertificate(raw)
  certificates.set(socket, facts)
  return facts
}
