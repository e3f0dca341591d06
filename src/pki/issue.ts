import type { ExtendedKeyUsage, Extension, JsonAttributeObject, JsonNameParams } from '@peculiar/x509'
import { type Authority, pemText } from './authority.ts'
import { ECDSA_SHA256, publicKeyBytes } from './key.ts'
import type { Validity } from './validity.ts'
import { x509 as library } from './x509.ts'

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

/** A certificate in PEM, signed by the authority. It never outlives the authority's own certificate. */
export async function issueCertificate(options: CertificateOptions): Promise<string> {
  const {
    AuthorityKeyIdentifierExtension,
    BasicConstraintsExtension,
    ExtendedKeyUsageExtension,
    KeyUsageFlags,
    KeyUsagesExtension,
    Name,
    SubjectKeyIdentifierExtension,
    X509Certificate,
    X509CertificateGenerator,
  } = library()
  const { authority, validity } = options
  const issuer = new X509Certificate(authority.certificate)
  const spki = publicKeyBytes(options.publicKey)
  const x509 = await X509CertificateGenerator.create({
    subject: new Name(subjectName(options.subject)),
    issuer: new Name(issuer.subjectName.toJSON()),
    notBefore: new Date(validity.notBefore),
    notAfter: new Date(Math.min(validity.notAfter, issuer.notAfter.getTime())),
    signingAlgorithm: ECDSA_SHA256,
    publicKey: new Uint8Array(spki),
    signingKey: authority.signingKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(options.usages.map(keyUsage)),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await SubjectKeyIdentifierExtension.create(new Uint8Array(spki)),
      ...alternativeNames(options),
    ],
  })
  return pemText(x509)
}

/**
 * Each value with its type: of a bare text the library takes what stands in quotes, drops backslashes, and reads hex after a `#`. What an
 * approver saw must be what the certificate says.
 */
function subjectName({ commonName, organizations = [] }: DistinguishedName): JsonNameParams {
  const value = (utf8String: string): JsonAttributeObject => ({ utf8String })
  return [...organizations.map(organization => ({ O: [value(organization)] })), { CN: [value(commonName)] }]
}

function keyUsage(usage: CertificateUsage): ExtendedKeyUsage {
  const { clientAuth, serverAuth } = library().ExtendedKeyUsage
  return usage === 'client' ? clientAuth : serverAuth
}

function alternativeNames({ dnsNames = [], ipAddresses = [] }: CertificateOptions): readonly Extension[] {
  if (dnsNames.length + ipAddresses.length === 0) return []
  return [
    new (library().SubjectAlternativeNameExtension)([
      ...dnsNames.map(value => ({ type: 'dns' as const, value })),
      ...ipAddresses.map(value => ({ type: 'ip' as const, value })),
    ]),
  ]
}
