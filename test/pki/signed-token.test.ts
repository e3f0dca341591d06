import { createHmac, sign } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  createKeyPair,
  loadTokenKey,
  openToken,
  publicWebKey,
  signToken,
  type TokenKey,
} from '../../src/pki/index.ts'

let key: TokenKey
let other: TokenKey

beforeAll(async () => {
  key = loadTokenKey((await createKeyPair()).privateKey)
  other = loadTokenKey((await createKeyPair()).privateKey)
})

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

describe('openToken()', () => {
  it('reads what the key signed', () => {
    expect(openToken(key, signToken(key, { sub: 'ada', n: 1 }))).toEqual({ sub: 'ada', n: 1 })
  })

  it('knows no token of another key', () => {
    expect(openToken(key, signToken(other, { sub: 'ada' }))).toBe('unknown')
  })

  it('finds that the content, the signature or the algorithm was changed', () => {
    const [header = '', payload = '', signature = ''] = signToken(key, { sub: 'ada' }).split('.')
    const root = part({ sub: 'root' })
    expect(openToken(key, `${header}.${root}.${signature}`)).toBe('forged')
    expect(openToken(key, `${header}.${payload}.${signature.slice(0, -4)}AAAA`)).toBe('forged')
    expect(openToken(key, `${header}.${payload}.`)).toBe('unknown')
    expect(openToken(key, `${header}.${payload}.${signature}.x`)).toBe('unknown')
    expect(openToken(key, `${part({ alg: 'none', kid: key.id })}.${root}.`)).toBe('unknown')
    // The public key is no shared secret, whatever the header says.
    const hmac = `${part({ alg: 'HS256', kid: key.id })}.${root}`
    const secret = key.publicKey.export({ type: 'spki', format: 'pem' })
    expect(openToken(key, `${hmac}.${createHmac('sha256', secret).update(hmac).digest('base64url')}`)).toBe(
      'unknown',
    )
    // Named after this key, signed by another.
    const named = `${part({ alg: 'ES256', kid: key.id })}.${root}`
    const wrong = sign('sha256', Buffer.from(named), { key: other.privateKey, dsaEncoding: 'ieee-p1363' })
    expect(openToken(key, `${named}.${wrong.toString('base64url')}`)).toBe('forged')
  })

  it.each(['', '.', '..', 'a.b.c', '{}', `${part(null)}.${part([])}.x`])('is not upset by %j', text => {
    expect(openToken(key, text)).toBe('unknown')
  })
})

it('publicWebKey() tells nothing of the private key', () => {
  expect(Object.keys(publicWebKey(key)).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
})
