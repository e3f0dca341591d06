import { X509Certificate } from 'node:crypto'
import { chmod, readFile, rename, writeFile } from 'node:fs/promises'
import type { Clock } from '../../../base/index.ts'
import { createAuthority, createKeyPair, DAY_MS, issueCertificate, validFrom } from '../../../pki/index.ts'

const LIFETIME_MS = 10 * 365 * DAY_MS
/** Time enough for a restart of the agent to come by. */
const RENEW_BEFORE_MS = 365 * DAY_MS

/**
 * Key and certificate, in PEM, for server names that nobody has a certificate for. Made once and kept at `path`; its authority's key
 * is thrown away, so that there is nothing in it to trust.
 */
export async function defaultCertificate(path: string, clock: Clock): Promise<string> {
  const kept = await readFile(path, 'utf8').catch(() => undefined)
  if (kept !== undefined && isFresh(kept, clock.now())) return kept
  const authority = await createAuthority(clock)
  const { privateKey, publicKey } = await createKeyPair()
  const certificate = await issueCertificate({
    authority,
    publicKey,
    subject: { commonName: 'Bowline ingress default certificate' },
    usages: ['server'],
    validity: validFrom(clock.now(), LIFETIME_MS),
    dnsNames: ['ingress.invalid'],
  })
  const pem = [privateKey, certificate].map(text => `${text.trim()}\n`).join('')
  await writeFile(`${path}.new`, pem, { mode: 0o600 })
  await chmod(`${path}.new`, 0o600)
  await rename(`${path}.new`, path)
  return pem
}

function isFresh(pem: string, now: number): boolean {
  try {
    return Date.parse(new X509Certificate(pem).validTo) - RENEW_BEFORE_MS > now
  } catch {
    return false
  }
}
