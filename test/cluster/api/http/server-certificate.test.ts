import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { describe, expect, it, vi } from 'vitest'
import { systemClock, systemIds } from '../../../../src/base/index.ts'
import {
  issueServerCertificate,
  keepRenewed,
  type ServerCertificate,
} from '../../../../src/cluster/api/http/server-certificate.ts'
import { createAuthority, DAY_MS } from '../../../../src/pki/index.ts'
import { FakeClock } from '../../../base/fake-clock.ts'

describe('issueServerCertificate()', () => {
  it('is valid for the names given, for this machine, and for the names of a cluster', async () => {
    const authority = await createAuthority(systemClock)
    const names = ['bowline.example', '192.0.2.7', '2001:db8::1']
    const { cert, key } = await issueServerCertificate({ authority, names, now: systemClock.now() })
    const leaf = new X509Certificate(cert)
    for (const host of ['bowline.example', 'localhost', 'kubernetes.default.svc'])
      expect(leaf.checkHost(host)).toBe(host)
    for (const ip of ['192.0.2.7', '2001:db8::1', '127.0.0.1', '::1']) expect(leaf.checkIP(ip)).toBe(ip)
    expect(leaf.checkHost('elsewhere.example')).toBeUndefined()
    expect(cert.endsWith(authority.certificate)).toBe(true)
    createSecureContext({ cert, key })
  })
})

describe('keepRenewed()', () => {
  it('uses a new certificate before the old one ends, again and again, and stops', async () => {
    const clock = new FakeClock(systemClock.now())
    const authority = await createAuthority(clock)
    const issue = (): Promise<ServerCertificate> =>
      issueServerCertificate({ authority, names: [], now: clock.now() })
    const first = await issue()
    const used: ServerCertificate[] = []
    const stop = keepRenewed({
      first,
      issue,
      use: (_context, certificate) => void used.push(certificate),
      clock,
      ids: systemIds,
      onError: error => {
        throw error
      },
    })
    for (let round = 1; round <= 3; round += 1) {
      const { notAfter } = (used.at(-1) ?? first).validity
      while (used.length < round) {
        await clock.advance(DAY_MS)
        expect(clock.now()).toBeLessThan(notAfter)
        await vi.waitFor(() => expect(clock.pending).toBe(1))
      }
    }
    stop()
    await clock.advance(400 * DAY_MS)
    expect(used).toHaveLength(3)
  })
})
