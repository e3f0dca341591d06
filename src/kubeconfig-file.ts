import { createPrivateKey, X509Certificate } from 'node:crypto'
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BowlineError, type Clock, deepEqual, type Logger, messageOf } from './base/index.ts'
import { ADMIN_SUBJECT, createAdminKubeconfig } from './cluster/index.ts'
import {
  type Authority,
  createKeyPair,
  DAY_MS,
  issueCertificate,
  readCertificate,
  renewalTime,
  validFrom,
} from './pki/index.ts'

/** How long the administrator's certificate lasts; from 70 % of that on it is replaced. */
const ADMIN_LIFETIME_MS = 365 * DAY_MS

const OWNER_ONLY = 0o600

interface AdminCredentials {
  readonly certificate: string
  /** PEM. */
  readonly key: string
}

export interface KubeconfigOptions {
  readonly path: string
  readonly server: string
  readonly authority: Authority
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Sees to it that the administrator's kubeconfig is there and leads to this server. What it holds already is kept as long as it is
 * good: copies of it are in use elsewhere. It is written whole or not at all, and for its owner only; where there is no room for it, the
 * one of the last start is kept.
 */
export async function ensureKubeconfig(options: KubeconfigOptions): Promise<void> {
  const { path, server, authority, clock, log } = options
  const present = await readPresent(path)
  const kept = credentialsIn(present, authority)
  const credentials =
    kept !== undefined && isFresh(kept, clock.now()) ? kept : await issue(authority, clock.now())
  const text = createAdminKubeconfig({
    server,
    authority: authority.certificate,
    certificate: credentials.certificate,
    privateKey: credentials.key,
  })
  try {
    if (text === present) await chmod(path, OWNER_ONLY)
    else await writeWhole(path, text)
  } catch (cause) {
    if (present === undefined)
      throw new BowlineError('unavailable', `Cannot write ${path}: ${messageOf(cause)}`, { cause })
    log.warn('the kubeconfig stays as it was: it cannot be written anew', { path, error: messageOf(cause) })
  }
}

/**
 * Replaces the credentials of the kubeconfig before they run out, for as long as the server runs. One that somebody took away,
 * or put another's credentials into, stays so until the next start.
 */
export async function keepKubeconfig(options: KubeconfigOptions, signal: AbortSignal): Promise<void> {
  const { path, authority, clock, log } = options
  for (;;) {
    await clock.sleep(DAY_MS, signal)
    try {
      const credentials = credentialsIn(await readPresent(path), authority)
      if (credentials !== undefined && !isFresh(credentials, clock.now())) await ensureKubeconfig(options)
    } catch (error) {
      log.error('Cannot renew the kubeconfig', { path, error: messageOf(error) })
    }
  }
}

function readPresent(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined)
}

/** The credentials of a kubeconfig that a server of this authority wrote; undefined when they are anybody else's. */
function credentialsIn(kubeconfig: string | undefined, authority: Authority): AdminCredentials | undefined {
  const [certificate, key] = ['client-certificate-data', 'client-key-data'].map(field => {
    const data = new RegExp(`^ +${field}: (\\S+)$`, 'm').exec(kubeconfig ?? '')?.[1]
    return data && Buffer.from(data, 'base64').toString()
  })
  if (!certificate || !key) return undefined
  try {
    return isOurs({ certificate, key }, authority) ? { certificate, key } : undefined
  } catch {
    // Somebody wrote into it; whatever it was, it is none of ours.
    return undefined
  }
}

function isOurs({ certificate, key }: AdminCredentials, authority: Authority): boolean {
  const x509 = new X509Certificate(certificate)
  return (
    x509.verify(new X509Certificate(authority.certificate).publicKey) &&
    x509.checkPrivateKey(createPrivateKey(key)) &&
    deepEqual(readCertificate(certificate).subject, ADMIN_SUBJECT)
  )
}

/** They are of now, and not due for renewal. */
function isFresh({ certificate }: AdminCredentials, now: number): boolean {
  const validity = readCertificate(certificate)
  return now >= validity.notBefore && now < renewalTime(validity, 0)
}

async function issue(authority: Authority, now: number): Promise<AdminCredentials> {
  const { privateKey, publicKey } = await createKeyPair()
  const certificate = await issueCertificate({
    authority,
    publicKey,
    subject: ADMIN_SUBJECT,
    usages: ['client'],
    validity: validFrom(now, ADMIN_LIFETIME_MS),
  })
  return { certificate, key: privateKey }
}

async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeFile(`${path}.new`, text, { mode: OWNER_ONLY })
  await chmod(`${path}.new`, OWNER_ONLY)
  await rename(`${path}.new`, path)
}
