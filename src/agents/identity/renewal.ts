import { X509Certificate } from 'node:crypto'
import { type Clock, type Ids, type Logger, messageOf, type Service } from '../../base/index.ts'
import type { HttpsClient } from '../../client/index.ts'
import type { Keyring } from '../kept/keyring.ts'
import { requestCertificate } from './certificate.ts'
import { type NodeIdentity, saveIdentity } from './node-identity.ts'

export interface CertificateRenewalOptions {
  readonly client: HttpsClient
  readonly identity: NodeIdentity
  /** What is kept on disk may be opened by the node's private key, and must be by the next one. */
  readonly keyring: Pick<Keyring, 'admit' | 'settle'>
  readonly dataDir: string
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/** client-go `util/certificate`: between 70 and 90 % of the life, at random, so that not all nodes ask at once. */
const RENEW_FROM = 0.7
const RENEW_SPREAD = 0.2
const RETRY_MS = 60_000
/** The clock is looked at this often: while a machine is suspended its timers stand still, and its certificate ends all the same. */
const MAX_SLEEP_MS = 24 * 60 * 60_000

/**
 * Renews the agent's certificate while it runs, with the certificate that it has. The new one is kept first, then used for new
 * connections. `current` is what is valid now.
 */
export class CertificateRenewal implements Service {
  readonly #options: CertificateRenewalOptions
  #identity: NodeIdentity

  constructor(options: CertificateRenewalOptions) {
    this.#options = options
    this.#identity = options.identity
  }

  get current(): NodeIdentity {
    return this.#identity
  }

  async start(signal: AbortSignal): Promise<void> {
    const { clock, ids, log } = this.#options
    let renewAt = renewalTime(this.#identity.certificate, ids.random())
    while (!signal.aborted) {
      const waitMs = Math.min(MAX_SLEEP_MS, renewAt - clock.now())
      try {
        if (waitMs > 0) {
          await clock.sleep(waitMs, signal)
          continue
        }
        await this.#renew(signal)
        log.info('node certificate renewed')
        renewAt = renewalTime(this.#identity.certificate, ids.random())
      } catch (error) {
        if (signal.aborted) return
        log.warn('the node certificate was not renewed', { error: messageOf(error) })
        renewAt = clock.now() + RETRY_MS
      }
    }
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { client, dataDir, keyring, clock, ids, log } = this.#options
    const { nodeName } = this.#identity
    const renewed = await requestCertificate({ client, nodeName, clock, ids, signal })
    const identity = { ...this.#identity, ...renewed }
    // Whichever of the two is on disk after a crash opens what is kept.
    await keyring.admit(identity.key)
    await saveIdentity(dataDir, identity)
    this.#identity = identity
    client.setCredentials(renewed)
    await keyring.settle(identity.key).catch(error => {
      log.warn('the former private key still opens what is kept on disk', { error: messageOf(error) })
    })
  }
}

/** When to renew a certificate; `random` in [0, 1) picks the moment. */
function renewalTime(certificate: string, random: number): number {
  const { validFrom, validTo } = new X509Certificate(certificate)
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)]
  return from + (to - from) * (RENEW_FROM + RENEW_SPREAD * random)
}
