import { generateKeyPair } from 'node:crypto'
import { Agent } from 'node:https'
import { rootCertificates } from 'node:tls'
import { promisify } from 'node:util'

export interface AcmeOptions {
  /** The URL of the authority's directory. */
  readonly directory: string
  /** Whom the authority writes to. */
  readonly email: string
  /** PEM of a further root by which the directory may prove itself; for an authority inside a company. */
  readonly ca: string | undefined
}

/** One certificate that is asked for. */
export interface AcmeOrder {
  readonly hosts: readonly string[]
  /** PEM. Who asks: one key per directory, so that the authority's limits and its trust in hosts are one. */
  readonly accountKey: string
  /** Resolves when whoever asks any of the hosts for the token is answered so. */
  publish(token: string, answer: string): Promise<void>
  withdraw(token: string): Promise<void>
}

export interface IssuedCertificate {
  /** PEM: the certificate and the chain behind it. */
  readonly certificate: string
  /** PEM. */
  readonly key: string
}

/** A certificate authority that is asked by ACME (RFC 8555), with challenges over HTTP. */
export interface AcmeAuthority {
  readonly directory: string
  issue(order: AcmeOrder): Promise<IssuedCertificate>
}

/** For one answer, and its bytes at most. */
const ANSWER_TIMEOUT_MS = 60_000
const MAX_ANSWER_BYTES = 1024 * 1024

/** The one door to `acme-client`, which is loaded with the first order: most servers never make one. */
export function createAcmeAuthority({ directory, email, ca }: AcmeOptions): AcmeAuthority {
  return {
    directory,
    async issue({ hosts, accountKey, publish, withdraw }) {
      const acme = await import('acme-client')
      acme.axios.defaults.timeout = ANSWER_TIMEOUT_MS
      acme.axios.defaults.maxContentLength = MAX_ANSWER_BYTES
      if (ca !== undefined) acme.axios.defaults.httpsAgent = new Agent({ ca: [...rootCertificates, ca] })
      const [key, request] = await acme.crypto.createCsr({ altNames: [...hosts] }, await createKey())
      const client = new acme.Client({ directoryUrl: directory, accountKey })
      const certificate = await client.auto({
        csr: request,
        email,
        termsOfServiceAgreed: true,
        challengePriority: ['http-01'],
        // It would ask the names of the hosts from here, where they may mean something else.
        skipChallengeVerification: true,
        challengeCreateFn: (_, { token }, answer) => publish(token, answer),
        challengeRemoveFn: (_, { token }) => withdraw(token),
      })
      return { certificate, key: String(key) }
    },
  }
}

/** A new EC key in PEM, for an account or a certificate. */
export async function createKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  return privateKey
}
