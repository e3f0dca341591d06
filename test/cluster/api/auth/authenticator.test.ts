import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../../src/base/index.ts'
import { createAuthenticator } from '../../../../src/cluster/api/auth/authenticator.ts'
import type { Identity } from '../../../../src/cluster/api/contract.ts'
import type { CertificateFacts } from '../../../../src/pki/index.ts'

const NOW = 1_700_000_000_000

function certificate(
  commonName: string,
  organizations: readonly string[],
  from: number = NOW - 1000,
  to: number = NOW + 1000,
): CertificateFacts {
  return {
    subject: { commonName, organizations },
    notBefore: from,
    notAfter: to,
  }
}

function authenticator(
  tokens: Readonly<Record<string, Identity>> = {},
): ReturnType<typeof createAuthenticator> {
  return createAuthenticator({
    clock: { ...systemClock, now: () => NOW },
    tokenVerifiers: [
      {
        async verify(token) {
          const identity = tokens[token]
          return identity && { identity, audiences: [] }
        },
      },
    ],
    members: undefined,
  })
}

describe('authenticate()', () => {
  it('reads user and groups from a certificate', async () => {
    const credentials = { certificate: certificate('bowline-admin', ['system:masters']), bearer: undefined }
    expect(await authenticator().authenticate(credentials)).toEqual({
      username: 'bowline-admin',
      groups: ['system:masters', 'system:authenticated'],
    })
  })

  it('asks the token verifiers when there is no certificate that counts', async () => {
    const one = authenticator({ t: { username: 'u', groups: ['g'] } })
    const expired = certificate('admin', ['system:masters'], NOW - 2000, NOW - 1)
    expect((await one.authenticate({ certificate: expired, bearer: 't' })).username).toBe('u')
    expect((await one.authenticate({ certificate: undefined, bearer: 't' })).groups).toContain(
      'system:authenticated',
    )
  })

  it.each([
    ['nothing', undefined, undefined],
    ['an unknown token', undefined, 'x'],
    ['an empty token', undefined, ''],
    ['a certificate that is over', certificate('a', [], NOW - 2000, NOW - 1), undefined],
    ['a certificate that is not valid yet', certificate('a', [], NOW + 1, NOW + 2), undefined],
    ['a certificate without a name', certificate('', ['system:masters']), undefined],
    [
      'a certificate with the in-process group',
      certificate('a', ['system:masters', 'bowline:system']),
      undefined,
    ],
    ['a token with the in-process group', undefined, 'evil'],
  ])('refuses %s', async (_case, given, bearer) => {
    const one = authenticator({ evil: { username: 'e', groups: ['bowline:system'] } })
    await expect(one.authenticate({ certificate: given, bearer })).rejects.toMatchObject({ code: 401 })
  })
})
