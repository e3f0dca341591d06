import { createPublicKey, sign } from 'node:crypto'
import { bitString, emptyAttributes, integer, objectIdentifier, sequence, set, utf8String } from './der.ts'
import type { DistinguishedName } from './issue.ts'
import { createKeyPair } from './key.ts'

/** A fresh private key (PKCS#8) and a PKCS#10 request for it, both PEM. The key never leaves the one who asked. */
export interface KeyAndRequest {
  readonly privateKey: string
  readonly request: string
}

const COMMON_NAME = '2.5.4.3'
const ORGANIZATION = '2.5.4.10'
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2'

/**
 * Makes an EC P-256 key and a request that asks for `subject`. Written by hand (RFC 2986), because it is all of X.509 that an
 * agent ever needs.
 */
export async function createKeyAndRequest(subject: DistinguishedName): Promise<KeyAndRequest> {
  const { publicKey, privateKey } = await createKeyPair()
  const info = sequence(
    integer(0),
    nameOf(subject),
    createPublicKey(publicKey).export({ type: 'spki', format: 'der' }),
    emptyAttributes(),
  )
  const signature = sign('sha256', info, privateKey)
  const request = sequence(info, sequence(objectIdentifier(ECDSA_WITH_SHA256)), bitString(signature))
  return { privateKey, request: pemOf(request) }
}

function nameOf({ commonName, organizations = [] }: DistinguishedName): Buffer {
  const attributes = [
    ...organizations.map(organization => [ORGANIZATION, organization] as const),
    [COMMON_NAME, commonName] as const,
  ]
  return sequence(
    ...attributes.map(([type, value]) => set(sequence(objectIdentifier(type), utf8String(value)))),
  )
}

function pemOf(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`
}
