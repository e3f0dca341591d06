import { type Authority, pemText } from './authority.ts'
import { ECDSA_SHA256, publicKeyBytes } from './key.ts'
import type { Validity } from './validity.ts'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonName,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from './x509.ts'

/** Who a certificate speaks for. Kubernetes reads the common name as the user and the organizations as its groups. */
export interface DistinguishedName {
  readonly commonName: string
  readonly organizations?: readonly string[]
}

/** What a certificate may be used for: proving a server's names, or proving who a client is. */
type CertificateUsage = 'client' | 'server'

export interface CertificateOptions {
  readonly authority: Authority
  readonly subject: DistinguishedName
  /** PEM (SPKI) of the key that the certificate is for. */
  readonly publicKey: string
  readonly usages: readonly CertificateUsage[]
  readonly validity: Validity
  readonly dnsNames?: readonly string[]
  /** IPv4 and IPv6 addresses in their usual text forms. */
  readonly ipAddresses?: readonly string[]
}

const USAGES: Readonly<Record<CertificateUsage, ExtendedKeyUsage>> = {
  client: ExtendedKeyUsage.clientAuth,
  server: ExtendedKeyUsage.serverAuth,
}

/** A certificate in PEM, signed by the authority. It never outlives the authority's own certificate. */
export async function issueCertificate(options: CertificateOptions): Promise<string> {
  const { authority, validity } = options
  const spki = publicKeyBytes(options.publicKey)
  const x509 = await X509CertificateGenerator.create({
    subject: subjectName(options.subject),
    issuer: new Name(authority.x509.subjectName.toJSON()),
    notBefore: new Date(validity.notBefore),
    notAfter: new Date(Math.min(validity.notAfter, authority.x509.notAfter.getTime())),
    signingAlgorithm: ECDSA_SHA256,
    publicKey: new Uint8Array(spki),
    signingKey: authority.signingKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(options.usages.map(usage => USAGES[usage])),
      await AuthorityKeyIdentifierExtension.create(authority.x509.publicKey),
      await SubjectKeyIdentifierExtension.create(new Uint8Array(spki)),
      ...alternativeNames(options),
    ],
  })
  return pemText(x509)
}

/** The structured form, in which no character of a name has a meaning. */
export function subjectName({ commonName, organizations = [] }: DistinguishedName): JsonName {
  return [...organizations.map(organization => ({ O: [organization] })), { CN: [commonName] }]
}

function alternativeNames({ dnsNames = [], ipAddresses = [] }: CertificateOptions): readonly Extension[] {
  if (dnsNames.length + ipAddresses.length === 0) return []
  return [
    new SubjectAlternativeNameExtension([
      ...dnsNames.map(value => ({ type: 'dns' as const, value })),
      ...ipAddresses.map(value => ({ type: 'ip' as const, value })),
    ]),
  ]
}
