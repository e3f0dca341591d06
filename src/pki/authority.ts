import type { webcrypto } from 'node:crypto'
import type { X509Certificate } from '@peculiar/x509'
import { BowlineError, type Clock } from '../base/index.ts'
import { createWebKeyPair, ECDSA_SHA256, importPrivateKey, isKeyOf, privateKeyPem } from './key.ts'
import { DAY_MS, validFrom } from './validity.ts'
import { x509 as library } from './x509.ts'

/** An authority's lasting form: two PEM texts. `privateKey` is the cluster's deepest secret. */
export interface AuthorityFiles {
  readonly certificate: string
  readonly privateKey: string
}

/** An authority that is ready to sign. */
export interface Authority extends AuthorityFiles {
  readonly x509: X509Certificate
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
  const files = { certificate: pemText(x509), privateKey: privateKeyPem(keys.privateKey) }
  return { ...files, x509, signingKey: keys.privateKey }
}

/** Reads what `createAuthority` made. `bad-input` when it is no authority or the two texts do not belong together. */
export async function loadAuthority({ certificate, privateKey }: AuthorityFiles): Promise<Authority> {
  const signingKey = await importPrivateKey(privateKey)
  const x509 = readAuthorityCertificate(certificate)
  if (!isKeyOf(privateKey, new Uint8Array(x509.publicKey.rawData)))
    throw new BowlineError(
      'bad-input',
      'Cannot load certificate authority: its key is that of another certificate',
    )
  return { certificate: pemText(x509), privateKey, x509, signingKey }
}

/** PEM as OpenSSL writes it: with a final newline. */
export function pemText(x509: { toString(format: 'pem'): string }): string {
  return `${x509.toString('pem').trimEnd()}\n`
}

function readAuthorityCertificate(pem: string): X509Certificate {
  const { BasicConstraintsExtension, X509Certificate } = library()
  let x509: X509Certificate
  try {
    x509 = new X509Certificate(pem)
  } catch (cause) {
    throw new BowlineError('bad-input', 'Cannot load certificate authority: it is not a certificate in PEM', {
      cause,
    })
  }
  if (x509.getExtension(BasicConstraintsExtension)?.ca !== true)
    throw new BowlineError(
      'bad-input',
      'Cannot load certificate authority: the certificate may not sign others',
    )
  return x509
}
