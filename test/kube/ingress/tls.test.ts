import { describe, expect, it } from 'vitest'
import { tlsClaims, tlsSecrets, tlsSecretsFor } from '../../../src/kube/index.ts'
import { ingress, rule } from './objects.ts'

describe('tlsClaims()', () => {
  it('shows a certificate for the hosts that its entry lists, or else for those of the rules', () => {
    const listed = ingress('listed', { tls: [{ hosts: ['A.test', '*.b.test'], secretName: 'one' }] })
    const ruled = ingress('ruled', { rules: [rule('c.test')], tls: [{ secretName: 'two' }] })
    expect(tlsClaims([listed, ruled]).claims).toEqual([
      { namespace: 'default', secretName: 'one', hosts: ['a.test', '*.b.test'] },
      { namespace: 'default', secretName: 'two', hosts: ['c.test'] },
    ])
  })

  it('lets several certificates of one namespace stand for a host, and none of another', () => {
    const one = ingress('one', { tls: [{ hosts: ['a.test'], secretName: 'rsa' }] })
    const two = ingress('two', { tls: [{ hosts: ['a.test'], secretName: 'ec' }] })
    const thief = ingress(
      'thief',
      { tls: [{ hosts: ['a.test', 'b.test'], secretName: 'mine' }] },
      { namespace: 'other' },
    )
    const { claims, problems } = tlsClaims([one, two, thief])
    expect(claims.map(({ secretName, hosts }) => [secretName, hosts])).toEqual([
      ['rsa', ['a.test']],
      ['ec', ['a.test']],
      ['mine', ['b.test']],
    ])
    expect(problems).toEqual([
      {
        ingress: thief,
        reason: 'CertificateNotUsed',
        message: 'the certificate for a.test is that of the older ingress default/one',
      },
    ])
  })

  it('claims nothing by a host that is no DNS name', () => {
    const { claims, problems } = tlsClaims([ingress('odd', { tls: [{ hosts: ['a b\n'], secretName: 'x' }] })])
    expect(claims).toEqual([])
    expect(problems).toMatchObject([{ reason: 'HostNotValid' }])
  })
})

describe('tlsSecrets()', () => {
  it('names each Secret once, in its namespace', () => {
    const tls = [
      { hosts: ['a.test'], secretName: 'x' },
      { hosts: ['b.test'], secretName: 'x' },
      { hosts: ['c.test'] },
    ]
    expect(tlsSecrets([ingress('a', { tls }), ingress('b', { tls }, { namespace: 'other' })])).toEqual([
      { namespace: 'default', name: 'x' },
      { namespace: 'other', name: 'x' },
    ])
  })
})

describe('tlsSecretsFor()', () => {
  it.each([
    ['a.test', ['exact']],
    ['x.wild.test', ['wild']],
    ['x.y.wild.test', []],
    ['*.wild.test', ['wild']],
    ['ruled.test', ['rules']],
    ['else.test', []],
  ])('of %s are %j', (host, expected) => {
    const tls = [
      { hosts: ['a.test'], secretName: 'exact' },
      { hosts: ['*.wild.test'], secretName: 'wild' },
      { secretName: 'rules' },
    ]
    expect(tlsSecretsFor(ingress('a', { rules: [rule('ruled.test')], tls }), host)).toEqual(expected)
  })
})
