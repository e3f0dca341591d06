import { createPublicKey } from 'node:crypto'
import type { Name, Pkcs10CertificateRequest } from '@peculiar/x509'
import { BowlineError } from '../base/index.ts'
import { type CertificateOptions, type DistinguishedName, issueCertificate } from './issue.ts'
import { x509 } from './x509.ts'

/** What a verified request holds. The names are only what was asked for. */
export interface CertificateRequest {
  readonly subject: Required<DistinguishedName>
  /** PEM (SPKI). */
  readonly publicKey: string
}

export interface SignRequestOptions extends Omit<CertificateOptions, 'publicKey'> {
  /** PKCS#10 in PEM. */
  readonly request: string
}

/** A request is a few hundred bytes; RSA 8192 is under 4 KiB. */
const MAX_REQUEST_CHARACTERS = 16_384

const MIN_RSA_BITS = 2048
const EC_CURVES: ReadonlySet<string | undefined> = new Set(['prime256v1', 'secp384r1', 'secp521r1'])

/**
 * Reads a request and checks that whoever made it holds its private key. `bad-input` when it is malformed, not signed by
 * its own key, or asks for a weak one (RSA under 2048 bits, an unusual curve).
 */
export async function readRequest(pem: string): Promise<CertificateRequest> {
  if (pem.length > MAX_REQUEST_CHARACTERS)
    throw new BowlineError(
      'bad-input',
      `Cannot read certificate request: it is longer than ${MAX_REQUEST_CHARACTERS} characters`,
    )
  const parsed = parseRequest(pem)
  const publicKey = parsed.publicKey.toString('pem')
  assertStrong(publicKey)
  if (!(await isSelfSigned(parsed)))
    throw new BowlineError(
      'bad-input',
      'Cannot read certificate request: its signature is not that of its key',
    )
  return { subject: nameOf(parsed.subjectName), publicKey }
}

/** Signs a verified request. Subject and names are those given here, whatever the request asks for. */
export async function signRequest({ request, ...options }: SignRequestOptions): Promise<string> {
  const { publicKey } = await readRequest(request)
  return issueCertificate({ ...options, publicKey })
}

const BEGIN = '-----BEGIN'
const BLOCK =
  /^-----BEGIN CERTIFICATE REQUEST-----[ \t]*\r?\n([A-Za-z0-9+/= \t\r\n]+)^-----END CERTIFICATE REQUEST-----[ \t]*\r?$/m
const SEQUENCE = 0x30

function parseRequest(pem: string): Pkcs10CertificateRequest {
  try {
    return new (x509().Pkcs10CertificateRequest)(derOf(pem))
  } catch (cause) {
    throw new BowlineError('bad-input', 'Cannot read certificate request: it is not PKCS#10 in PEM', {
      cause,
    })
  }
}

/**
 * The text is read here, and strictly: of several blocks an approver's tools and the library may each take another, and the library,
 * which takes much else for a request, goes back and forth between headers of PEM for longer than anybody lives.
 */
function derOf(pem: string): Uint8Array<ArrayBuffer> {
  const [, base64 = ''] = (pem.split(BEGIN).length === 2 && BLOCK.exec(pem)) || []
  const der = Buffer.from(base64, 'base64')
  // What does not begin as DER, the library takes for a text again.
  if (der[0] !== SEQUENCE || der.toString('base64') !== base64.replaceAll(/[ \t\r\n]/g, ''))
    throw new TypeError('it is not one block of PEM')
  return new Uint8Array(der)
}

async function isSelfSigned(request: Pkcs10CertificateRequest): Promise<boolean> {
  try {
    return await request.verify()
  } catch {
    // An algorithm that the key cannot have made is a signature that does not hold.
    return false
  }
}

function assertStrong(publicKeyPem: string): void {
  const { asymmetricKeyType, asymmetricKeyDetails } = readKey(publicKeyPem)
  if (asymmetricKeyType === 'ec' && EC_CURVES.has(asymmetricKeyDetails?.namedCurve)) return
  if (asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= MIN_RSA_BITS) return
  throw new BowlineError(
    'bad-input',
    'Cannot read certificate request: its key must be EC P-256, P-384 or P-521, or RSA of at least 2048 bits',
  )
}

function readKey(pem: string): ReturnType<typeof createPublicKey> {
  try {
    return createPublicKey(pem)
  } catch (cause) {
    throw new BowlineError('bad-input', 'Cannot read certificate request: its key is of no known kind', {
      cause,
    })
  }
}

/** The last common name counts, as in Go's `pkix.Name`. */
function nameOf(name: Name): Required<DistinguishedName> {
  return { commonName: name.getField('CN').at(-1) ?? '', organizations: name.getField('O') }
}
