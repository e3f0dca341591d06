import { type Clock, deepEqual, type KeyValueStore, type Logger, messageOf } from '../../../base/index.ts'
import { type Authority, renewalTime } from '../../../pki/index.ts'
import { issueServerCertificate, namesFor, type ServerCertificate } from './server-certificate.ts'

/** Where the certificate and its key are; the API serves nothing under it. */
const KEY = '/bowline/server-certificate'

export interface KeptServerCertificateOptions {
  /** Where it is kept from one start to the next. Absent: in memory only. */
  readonly store: KeyValueStore | undefined
  readonly authority: Authority
  /** Host names and addresses, beyond this machine's. */
  readonly names: readonly string[]
  readonly clock: Clock
  readonly log: Logger
}

/**
 * The certificate of the API server, kept in the store: a restart takes it over as long as it is for the same names, of the same
 * authority, and not yet due for renewal.
 */
export class KeptServerCertificate {
  readonly #options: KeptServerCertificateOptions

  constructor(options: KeptServerCertificateOptions) {
    this.#options = options
  }

  /** The kept one, or a fresh one. */
  async current(): Promise<ServerCertificate> {
    const kept = await this.#read()
    return kept !== undefined && this.#isUsable(kept) ? kept : this.issue()
  }

  /** A fresh one, kept if the store takes it: a full disk must not keep anybody from being served. */
  async issue(): Promise<ServerCertificate> {
    const { store, authority, names, clock, log } = this.#options
    const certificate = await issueServerCertificate({ authority, names, now: clock.now() })
    try {
      await store?.txn([], [{ type: 'put', key: KEY, value: Buffer.from(JSON.stringify(certificate)) }])
    } catch (error) {
      log.warn('The server certificate could not be kept for the next start', { error: messageOf(error) })
    }
    return certificate
  }

  async #read(): Promise<ServerCertificate | undefined> {
    const kept = await this.#options.store?.get(KEY)
    return kept && (JSON.parse(Buffer.from(kept.value).toString()) as ServerCertificate)
  }

  #isUsable({ names, ca, validity }: ServerCertificate): boolean {
    const { authority, clock } = this.#options
    const now = clock.now()
    return (
      ca === authority.certificate &&
      deepEqual(names, namesFor(this.#options.names)) &&
      now >= validity.notBefore &&
      now < renewalTime(validity, 0)
    )
  }
}
