import { describe, expect, it } from 'vitest'
import { summarizeCertificate } from '../../src/cli/certificates.ts'
import { selfSigned, tlsSecret } from '../agents/network/ingress/cluster-view.ts'
import { ingress } from '../kube/ingress/objects.ts'

const DAY_MS = 24 * 60 * 60 * 1000

describe('summarizeCertificate()', () => {
  // Thirty days long.
  const secret = tlsSecret('tls', selfSigned('a.test'))
  const ingresses = [
    ingress('one', { tls: [{ hosts: ['b.test', 'a.test'], secretName: 'tls' }] }),
    ingress('two', {
      tls: [
        { hosts: ['a.test'], secretName: 'tls' },
        { hosts: ['c.test'], secretName: 'other' },
      ],
    }),
  ]

  it.each([
    [0, 29],
    [28 * DAY_MS, 1],
    [31 * DAY_MS, -2],
  ])('counts the days that are left after %i ms', (later, daysLeft) => {
    const summary = summarizeCertificate('default/tls', ingresses, secret, Date.now() + later)
    expect(summary).toMatchObject({ secret: 'default/tls', hosts: ['a.test', 'b.test'], daysLeft })
    expect(summary.expires).toMatch(/^\d{4}-\d\d-\d\d$/)
  })

  it.each([undefined, { ...secret, data: {} }])('says nothing of the end of what is not there', object => {
    expect(summarizeCertificate('default/tls', ingresses, object, Date.now())).toEqual({
      secret: 'default/tls',
      hosts: ['a.test', 'b.test'],
    })
  })
})
