import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'

/** What a token says, besides who signed it. */
export type Claims = { readonly [claim: string]: unknown }

/** A key that tokens are signed with and proved by. */
export interface TokenKey {
  /** The public key's own name: SHA-256 of its SPKI. */
  readonly id: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** Every key here is EC P-256, so this is the one algorithm: what a token's header names is compared with it, never obeyed. */
export const TOKEN_ALGORITHM = 'ES256'
const SIGNATURE = { dsaEncoding: 'ieee-p1363' } as const

/** The key of an EC P-256 private key in PEM. */
export function loadTokenKey(privatePem: string): TokenKey {
  const privateKey = createPrivateKey(privatePem)
  const publicKey = createPublicKey(privateKey)
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  return { id: createHash('sha256').update(spki).digest('base64url'), privateKey, publicKey }
}

/** A JSON Web Token (RFC 7519) in its compact form. */
export function signToken(key: TokenKey, claims: Claims): string {
  const content = `${encode({ alg: TOKEN_ALGORITHM, kid: key.id })}.${encode(claims)}`
  const signature = sign('sha256', Buffer.from(content), { key: key.privateKey, ...SIGNATURE })
  return `${content}.${signature.toString('base64url')}`
}

/**
 * What a token says that this key signed: `unknown` for texts that are no token of this key's, `forged` for one that names the key
 * and was not signed by it. Times and names in it are the caller's to judge.
 */
export function openToken(key: TokenKey, token: string): Claims | 'forged' | 'unknown' {
  const [header = '', payload = '', signature = '', ...rest] = token.split('.')
  const { alg, kid } = decode(header) ?? {}
  if (alg !== TOKEN_ALGORITHM || kid !== key.id || signature === '' || rest.length > 0) return 'unknown'
  const isGenuine = verify(
    'sha256',
    Buffer.from(`${header}.${payload}`),
    { key: key.publicKey, ...SIGNATURE },
    Buffer.from(signature, 'base64url'),
  )
  return (isGenuine ? decode(payload) : undefined) ?? 'forged'
}

/** The public key as a JSON Web Key (RFC 7517), for those who check tokens without asking this server. */
export function publicWebKey({ id, publicKey }: TokenKey): object {
  return { use: 'sig', alg: TOKEN_ALGORITHM, kid: id, ...publicKey.export({ format: 'jwk' }) }
}

function encode(value: Claims): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function decode(part: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return typeof value === 'object' && value !== null ? (value as Claims) : undefined
  } catch {
    return undefined
  }
}
