import { createPrivateKey, type webcrypto } from 'node:crypto'
import { BowlineError, type Clock } from '../base/index.ts'
import { createWebKeyPair, ECDSA_SHA256, importPrivateKey, privateKeyPem } from './key.ts'
import { parseCertificate } from './read.ts'
import { DAY_MS, validFrom } from './validity.ts'
import { x509 as library } from './x509.ts'

/** An authority's lasting form: two PEM texts. `privateKey` is the cluster's deepest secret. */
export interface AuthorityFiles {
  readonly certificate: string
  readonly privateKey: string
}

/** An authority that is ready to sign. */
export interface Authority extends AuthorityFiles {
  readonly signingKey: webcrypto.CryptoKey
}

const AUTHORITY_LIFETIME_MS = 3653 * DAY_MS

/** A new self-signed authority: EC P-256, valid for ten years, may sign certificates but no further authorities. */
export async function createAuthority(clock: Clock): Promise<Authority> {
  const {
    BasicConstraintsExtension,
    KeyUsageFlags,
    KeyUsagesExtension,
    SubjectKeyIdentifierExtension,
    X509CertificateGenerator,
  } = library()
  const keys = await createWebKeyPair()
  const { notBefore, notAfter } = validFrom(clock.now(), AUTHORITY_LIFETIME_MS)
  const x509 = await X509CertificateGenerator.createSelfSigned({
    // Two clusters' authorities differ in name too, so that no chain is ever built from the wrong one.
    name: [{ CN: [`bowline-ca@${Math.floor(clock.now() / 1000)}`] }],
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
    signingAlgorithm: ECDSA_SHA256,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(
        KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature,
        true,
      ),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return {
    certificate: pemText(x509),
    privateKey: privateKeyPem(keys.privateKey),
    signingKey: keys.privateKey,
  }
}

/** Reads what `createAuthority` made. `bad-input` when it is no authority or the two texts do not belong together. */
export async function loadAuthority({ certificate, privateKey }: AuthorityFiles): Promise<Authority> {
  const signingKey = await importPrivateKey(privateKey)
  const x509 = parseCertificate(certificate)
  if (!x509.ca) throw unusable('the certificate may not sign others')
  if (!x509.checkPrivateKey(createPrivateKey(privateKey)))
    throw unusable('its key is that of another certificate')
  return { certificate: pemText(x509), privateKey, signingKey }
}

/** PEM as OpenSSL writes it: with a final newline. */
export function pemText(x509: { toString(format: 'pem'): string }): string {
  return `${x509.toString('pem').trimEnd()}\n`
}

function unusable(reason: string): BowlineError {
  return new BowlineError('bad-input', `Cannot load certificate authority: ${reason}`)
}
