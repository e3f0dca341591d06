import { createHash } from 'node:crypto'
import type { Name, X509Certificate } from '@peculiar/x509'
import { BowlineError } from '../base/index.ts'
import type { DistinguishedName } from './issue.ts'
import type { Validity } from './validity.ts'
import { x509 as library } from './x509.ts'

/** What a certificate says. */
export interface CertificateFacts extends Validity {
  readonly subject: Required<DistinguishedName>
  /** Lower-case hex. */
  readonly serialNumber: string
  readonly dnsNames: readonly string[]
  readonly ipAddresses: readonly string[]
}

/** Reads a certificate (PEM, or DER as TLS hands it over). `bad-input` when it is none. Trust is not judged here. */
export function readCertificate(certificate: string | Uint8Array): CertificateFacts {
  const x509 = parseCertificate(certificate)
  const names = x509.getExtension(library().SubjectAlternativeNameExtension)?.names.items ?? []
  return {
    subject: nameOf(x509.subjectName),
    serialNumber: x509.serialNumber,
    dnsNames: names.filter(({ type }) => type === 'dns').map(({ value }) => value),
    ipAddresses: names.filter(({ type }) => type === 'ip').map(({ value }) => value),
    notBefore: x509.notBefore.getTime(),
    notAfter: x509.notAfter.getTime(),
  }
}

/** SHA-256 of the certificate's DER, in hex: what the first part of a join token pins. */
export function fingerprint(certificatePem: string): string {
  return createHash('sha256')
    .update(new Uint8Array(parseCertificate(certificatePem).rawData))
    .digest('hex')
}

/** Common name and organizations of a name; the last common name counts, as in Go's `pkix.Name`. */
export function nameOf(name: Name): Required<DistinguishedName> {
  return { commonName: name.getField('CN').at(-1) ?? '', organizations: name.getField('O') }
}

function parseCertificate(certificate: string | Uint8Array): X509Certificate {
  try {
    return new (library().X509Certificate)(
      typeof certificate === 'string' ? certificate : new Uint8Array(certificate),
    )
  } catch (cause) {
    throw new BowlineError('bad-input', 'Cannot read certificate: it is not X.509', { cause })
  }
}
