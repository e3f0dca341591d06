import { isIP } from 'node:net'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { Clock, Ids } from '../../../base/index.ts'
import {
  type Authority,
  createKeyPair,
  DAY_MS,
  issueCertificate,
  renewalTime,
  type Validity,
  validFrom,
} from '../../../pki/index.ts'

const LIFETIME_MS = 90 * DAY_MS

/** The name under which nodes know the API server inside a cluster. */
const CLUSTER_NAMES: readonly string[] = [
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'bowline',
]

/** Key, certificate and authority as `node:tls` takes them. */
export interface ServerCertificate {
  readonly key: string
  /** The certificate and then the authority's: a joining host compares the latter with the fingerprint in its token. */
  readonly cert: string
  readonly ca: string
  /** The host names and addresses that it is valid for. */
  readonly names: readonly string[]
  readonly validity: Validity
}

/** What a certificate is valid for that is asked for with `names`: those, this machine, and the server's names inside a cluster. */
export function namesFor(names: readonly string[]): readonly string[] {
  return [...new Set([...names, 'localhost', '127.0.0.1', '::1', ...CLUSTER_NAMES])]
}

/** A fresh certificate for the API server, valid for the host names and addresses given and for this machine. */
export async function issueServerCertificate(options: {
  readonly authority: Authority
  readonly names: readonly string[]
  readonly now: number
  readonly lifetimeMs?: number
}): Promise<ServerCertificate> {
  const { authority, now, lifetimeMs = LIFETIME_MS } = options
  const names = namesFor(options.names)
  const { publicKey, privateKey } = await createKeyPair()
  const validity = validFrom(now, lifetimeMs)
  const certificate = await issueCertificate({
    authority,
    subject: { commonName: 'bowline', organizations: [] },
    publicKey,
    usages: ['server'],
    validity,
    dnsNames: names.filter(name => isIP(name) === 0),
    ipAddresses: names.filter(name => isIP(name) !== 0),
  })
  const ca = authority.certificate
  return { key: privateKey, cert: certificate + ca, ca, names, validity }
}

/** Puts a new certificate into use before the old one ends, for as long as the server runs. */
export function keepRenewed(options: {
  readonly first: ServerCertificate
  readonly issue: () => Promise<ServerCertificate>
  readonly use: (context: SecureContext, certificate: ServerCertificate) => void
  readonly clock: Clock
  readonly ids: Ids
  readonly onError: (error: unknown) => void
}): () => void {
  const { issue, use, clock, ids, onError } = options
  let stopped = false
  let cancel = plan(options.first.validity)

  /** The clock is looked at once a day: while a machine is suspended its timers stand still. */
  function plan(validity: Validity): () => void {
    const at = renewalTime(validity, ids.random())
    return wait(at)
  }

  function wait(at: number): () => void {
    const left = at - clock.now()
    return clock.after(Math.min(Math.max(left, 0), DAY_MS), () => {
      if (left > DAY_MS) cancel = wait(at)
      else renew().catch(onError)
    })
  }

  async function renew(): Promise<void> {
    try {
      const certificate = await issue()
      if (stopped) return
      use(createSecureContext(certificate), certificate)
      cancel = plan(certificate.validity)
    } catch (error) {
      cancel = wait(clock.now() + 60_000)
      throw error
    }
  }

  return () => {
    stopped = true
    cancel()
  }
}
