import { beforeAll, describe, expect, it } from 'vitest'
import { systemIds } from '../../../../../src/base/index.ts'
import {
  type AccountTokens,
  createAccountTokens,
} from '../../../../../src/cluster/api/auth/service-accounts/account-tokens.ts'
import type { KubeObject } from '../../../../../src/kube/index.ts'
import { createKeyPair, loadTokenKey, signToken, type TokenKey } from '../../../../../src/pki/index.ts'
import { FakeClock } from '../../../../base/fake-clock.ts'
import { manifest } from '../../../../kube/objects.ts'

const ISSUER = 'https://issuer'
const clock = new FakeClock()
const objects = new Map<string, KubeObject>()
const order = { namespace: 'shop', account: { name: 'bot', uid: 'u' }, audiences: [], seconds: 600 }
let key: TokenKey
let tokens: AccountTokens

beforeAll(async () => {
  key = loadTokenKey((await createKeyPair()).privateKey)
  const find = async ({ kind }: { readonly kind: string }, _namespace: string, name: string) =>
    objects.get(`${kind}/${name}`)
  tokens = createAccountTokens({ key, issuer: ISSUER, find, clock, ids: systemIds })
  objects.set('ServiceAccount/bot', manifest('v1', 'ServiceAccount', {}, { name: 'bot', uid: 'u' }))
})

describe('verify()', () => {
  it('takes a token until it expires', async () => {
    const { token, expirationTimestamp } = tokens.issue(order)
    expect(Date.parse(expirationTimestamp)).toBe(clock.now() + 600_000)
    await clock.advance(599_000)
    expect(await tokens.verify(token, [ISSUER])).toMatchObject({ audiences: [ISSUER] })
    await clock.advance(1_000)
    expect(await tokens.verify(token, [ISSUER])).toEqual({ error: 'service account token has expired' })
  })

  it('takes none before its time, and none of another issuer', async () => {
    const { token } = tokens.issue(order)
    await clock.advance(-2_000)
    expect(await tokens.verify(token, [ISSUER])).toEqual({ error: 'service account token is not valid yet' })
    await clock.advance(2_000)
    const foreign = signToken(key, { iss: 'https://other', exp: 9e9, nbf: 0, aud: [ISSUER] })
    expect(await tokens.verify(foreign, [ISSUER])).toBeUndefined()
    const nothing = signToken(key, { iss: ISSUER, exp: 9e9, nbf: 0, aud: [ISSUER] })
    expect(await tokens.verify(nothing, [ISSUER])).toBeUndefined()
  })

  it('takes the token of a pod that ends, for as long as it ends and a minute', async () => {
    const deletionTimestamp = new Date(clock.now() + 30_000).toISOString()
    objects.set('Pod/p', manifest('v1', 'Pod', {}, { name: 'p', uid: 'p', deletionTimestamp }))
    const { token } = tokens.issue({ ...order, pod: { name: 'p', uid: 'p' } })
    await clock.advance(89_000)
    expect(await tokens.verify(token, [ISSUER])).toHaveProperty('identity')
    await clock.advance(2_000)
    expect(await tokens.verify(token, [ISSUER])).toEqual({
      error: 'service account token has been invalidated',
    })
  })
})
