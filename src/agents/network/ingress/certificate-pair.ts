import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { Secret } from '../../../kube/index.ts'

/** A certificate with its key, as a proxy reads it. */
export interface CertificatePair {
  /** Key, certificate and the chain behind it: PEM without a line that is empty. */
  readonly pem: string
}

const BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g
/** What the proxy takes in one command. */
const MAX_BYTES = 15_000
/** The proxy's library refuses shorter ones. */
const MIN_RSA_BITS = 2048

const known = new WeakMap<Secret, CertificatePair | string>()

/** The pair in a `kubernetes.io/tls` Secret, written anew from what was understood; or what is wrong with it, without a secret. */
export function certificatePair(secret: Secret): CertificatePair | string {
  let pair = known.get(secret)
  if (pair === undefined) {
    pair = readPair(secret)
    known.set(secret, pair)
  }
  return pair
}

function readPair({ data = {} }: Secret): CertificatePair | string {
  const certificateText = decode(data['tls.crt'])
  const keyText = decode(data['tls.key'])
  if (certificateText === '' || keyText === '') return 'it has no tls.crt and tls.key'
  const chain = readChain(certificateText)
  const [leaf] = chain
  if (leaf === undefined) return 'its tls.crt is no certificate in PEM'
  const key = readKey(keyText)
  if (key === undefined) return 'its tls.key is no private key in PEM without a password'
  if (!leaf.checkPrivateKey(key)) return 'its key belongs to another certificate'
  if ((key.asymmetricKeyDetails?.modulusLength ?? MIN_RSA_BITS) < MIN_RSA_BITS)
    return 'its RSA key is too short'
  const pem = [key.export({ type: 'pkcs8', format: 'pem' }), ...chain]
    .map(part => `${String(part).trim()}\n`)
    .join('')
  return Buffer.byteLength(pem) > MAX_BYTES ? 'its chain is too long' : { pem }
}

function decode(value: string | undefined): string {
  return Buffer.from(value ?? '', 'base64').toString('latin1')
}

function readChain(text: string): readonly X509Certificate[] {
  try {
    return (text.match(BLOCK) ?? []).map(block => new X509Certificate(block))
  } catch {
    return []
  }
}

function readKey(text: string): ReturnType<typeof createPrivateKey> | undefined {
  try {
    return createPrivateKey(text)
  } catch {
    return undefined
  }
}
