import { createPrivateKey, createPublicKey, KeyObject, webcrypto } from 'node:crypto'
import { BowlineError } from '../base/index.ts'

/** What every key that Bowline makes is. */
const EC_P256 = { name: 'ECDSA', namedCurve: 'P-256' } as const

/** How everything that Bowline makes is signed. */
export const ECDSA_SHA256 = { name: 'ECDSA', hash: 'SHA-256' } as const

/** A key pair as PEM texts: SPKI and PKCS#8. */
export interface KeyPair {
  readonly publicKey: string
  readonly privateKey: string
}

/** A fresh EC P-256 key pair. */
export async function createKeyPair(): Promise<KeyPair> {
  const keys = await createWebKeyPair()
  return { publicKey: publicKeyPem(keys.publicKey), privateKey: privateKeyPem(keys.privateKey) }
}

/** A fresh pair in the form that the X.509 library signs with. */
export function createWebKeyPair(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(EC_P256, true, ['sign', 'verify'])
}

export function privateKeyPem(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString()
}

function publicKeyPem(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ type: 'spki', format: 'pem' }).toString()
}

/** Reads an EC P-256 private key. A `bad-input` error for anything else; the message holds nothing of the key. */
export async function importPrivateKey(pem: string): Promise<webcrypto.CryptoKey> {
  try {
    const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' })
    return await webcrypto.subtle.importKey('pkcs8', der, EC_P256, false, ['sign'])
  } catch {
    // The cause is dropped on purpose: a parser's message may quote its input.
    throw new BowlineError('bad-input', 'Cannot read private key: it is not an EC P-256 key in PEM')
  }
}

/** The bytes (SPKI, DER) of a public key in PEM. */
export function publicKeyBytes(pem: string): Buffer {
  try {
    return createPublicKey(pem).export({ type: 'spki', format: 'der' })
  } catch (cause) {
    throw new BowlineError('bad-input', 'Cannot read public key: it is not a public key in PEM', { cause })
  }
}
