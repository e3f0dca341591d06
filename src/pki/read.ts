// Before a certificate is read: Node 20 loads it for `toLegacyObject` half-way otherwise, and whoever imports it later lacks most of it.
import 'node:tls'
import { createHash, X509Certificate } from 'node:crypto'
import type { PeerCertificate } from 'node:tls'
import { BowlineError } from '../base/index.ts'
import type { DistinguishedName } from './issue.ts'
import type { Validity } from './validity.ts'

/** Whom a certificate speaks for, and when. */
export interface CertificateFacts extends Validity {
  readonly subject: Required<DistinguishedName>
}

/**
 * Reads a certificate (PEM, or DER as TLS hands it over). `bad-input` when it is none. Trust is not judged here. By Node's own reader:
 * most processes never issue one, and need not load the library that does.
 */
export function readCertificate(certificate: string | Uint8Array): CertificateFacts {
  const x509 = parseCertificate(certificate)
  return {
    subject: subjectOf(x509),
    notBefore: Date.parse(x509.validFrom),
    notAfter: Date.parse(x509.validTo),
  }
}

/** SHA-256 of the certificate's DER, in hex: what the first part of a join token pins. */
export function fingerprint(certificatePem: string): string {
  return createHash('sha256').update(parseCertificate(certificatePem).raw).digest('hex')
}

/** PEM or DER. `bad-input` for anything else. */
export function parseCertificate(certificate: string | Uint8Array): X509Certificate {
  try {
    return new X509Certificate(certificate)
  } catch (cause) {
    throw new BowlineError('bad-input', 'Cannot read certificate: it is not X.509', { cause })
  }
}

/** Of several common names the last counts, as in Go's `pkix.Name`. */
function subjectOf(x509: X509Certificate): Required<DistinguishedName> {
  // The one form in which Node tells names apart that hold a separator. A field that is there twice is an array.
  const { subject } = x509.toLegacyObject() as { readonly subject?: Partial<PeerCertificate['subject']> }
  return { commonName: valuesOf(subject?.CN).at(-1) ?? '', organizations: valuesOf(subject?.O) }
}

function valuesOf(field: string | readonly string[] | undefined): readonly string[] {
  if (field === undefined) return []
  return typeof field === 'string' ? [field] : field
}
