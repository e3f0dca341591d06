import { describe, expect, it } from 'vitest'
import {
  ISSUED_ANNOTATION,
  judgeCertificate,
  wantedCertificates,
} from '../../../../src/cluster/controllers/acme/wanted-certificates.ts'
import type { Secret } from '../../../../src/kube/index.ts'
import { selfSigned, tlsSecret } from '../../../agents/network/ingress/cluster-view.ts'
import { ingress, rule } from '../../../kube/ingress/objects.ts'

const ACME = { annotations: { 'ingress.bowline.dev/acme': 'true' } }
const DIRECTORY = 'https://acme.test/dir'
const DAY = 24 * 60 * 60 * 1000

describe('wantedCertificates()', () => {
  const hostsOf = (...ingresses: Parameters<typeof wantedCertificates>[0]) =>
    [...wantedCertificates(ingresses)].map(([key, { hosts }]) => `${key}: ${hosts.join(' ')}`)

  it('are those of ingresses that say so, for the hosts of their entry', () => {
    const tls = [{ hosts: ['b.test', 'a.test'], secretName: 'tls' }]
    expect(hostsOf(ingress('plain', { tls }))).toEqual([])
    expect(hostsOf(ingress('asking', { tls }, ACME))).toEqual(['default/tls: a.test b.test'])
    const ruled = ingress('ruled', { rules: [rule('c.test')], tls: [{ secretName: 'ruled' }] }, ACME)
    expect(hostsOf(ruled)).toEqual(['default/ruled: c.test'])
  })

  it('leave out wildcards, and hosts that an older ingress elsewhere has', () => {
    const old = ingress('old', { tls: [{ hosts: ['a.test'], secretName: 'old' }] }, { namespace: 'other' })
    const tls = [{ hosts: ['a.test', '*.b.test', 'c.test'], secretName: 'tls' }]
    expect(hostsOf(old, ingress('young', { tls }, ACME))).toEqual(['default/tls: c.test'])
  })
})

describe('judgeCertificate()', () => {
  // Thirty days long.
  const pair = selfSigned('a.test')
  const made = tlsSecret('tls', pair)
  const own: Secret = {
    ...made,
    metadata: { ...made.metadata, annotations: { [ISSUED_ANNOTATION]: DIRECTORY } },
  }
  const wanted = (...hosts: readonly string[]) => ({ hosts, ingresses: [] })
  const now = Date.now()

  it.each<[string, Secret | undefined, readonly string[], number, string, string]>([
    ['is not there', undefined, ['a.test'], 0, DIRECTORY, 'issue'],
    ['is good', own, ['a.test'], 0, DIRECTORY, 'good'],
    ['is good for less than a third of its life', own, ['a.test'], 20.1 * DAY, DIRECTORY, 'issue'],
    ['is good for more than a third of its life', own, ['a.test'], 19.9 * DAY, DIRECTORY, 'good'],
    ['has other hosts', own, ['b.test'], 0, DIRECTORY, 'issue'],
    ['misses a host', own, ['a.test', 'b.test'], 0, DIRECTORY, 'issue'],
    ['is of another authority', own, ['a.test'], 0, 'https://other.test/dir', 'issue'],
    ['cannot be read', { ...own, data: {} }, ['a.test'], 0, DIRECTORY, 'issue'],
    ['was made by somebody else', made, ['a.test'], 90 * DAY, DIRECTORY, 'foreign'],
  ])('one that %s', (_, secret, hosts, later, directory, verdict) => {
    expect(judgeCertificate(secret, wanted(...hosts), { directory, now: now + later }).type).toBe(verdict)
  })
})
