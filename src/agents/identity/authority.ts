import { X509Certificate } from 'node:crypto'
import { request } from 'node:https'
import { BowlineError, type Clock, messageOf } from '../../base/index.ts'

/** A join token as `bowline token create` prints it: `<CA sha256>.<id>.<secret>`. */
export interface JoinTokenParts {
  /** SHA-256 of the authority's certificate (DER), in lower-case hex. */
  readonly fingerprint: string
  /** `<id>.<secret>`: what proves that the joiner was asked in. Sent only to a server whose authority matches. */
  readonly bearer: string
}

/** Where a server shows its authority's certificate to anyone. */
const AUTHORITY_PATH = '/bowline/v1/ca'
const TIMEOUT_MS = 10_000
const MAX_BYTES = 65_536

/** Takes a join token apart. Throws `bad-input` that names no part of it. */
export function parseJoinToken(token: string): JoinTokenParts {
  const [fingerprint = '', id = '', secret = '', ...rest] = token.trim().split('.')
  if (!/^[0-9a-f]{64}$/i.test(fingerprint) || id === '' || secret === '' || rest.length > 0)
    throw new BowlineError(
      'bad-input',
      'Cannot read the join token: it is not of the form <CA sha256>.<id>.<secret>; print a new one with "bowline token create"',
    )
  return { fingerprint: fingerprint.toLowerCase(), bearer: `${id}.${secret}` }
}

/**
 * The certificate of a server's authority, believed only because its fingerprint is the one that the token names. Nothing secret
 * is sent to find out. Throws `unauthorized` when another authority answers.
 */
export async function fetchAuthority(server: string, fingerprint: string, clock: Clock): Promise<string> {
  const pem = await fetchText(new URL(AUTHORITY_PATH, server), server, clock)
  for (const block of pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [])
    if (fingerprintOf(block) === fingerprint) return `${block}\n`
  throw new BowlineError(
    'unauthorized',
    `Cannot join ${server}: its certificate authority is not the one that the join token names. Either the token is of another cluster, or somebody answers in the server's place`,
  )
}

function fingerprintOf(pem: string): string | undefined {
  try {
    return new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase()
  } catch {
    return undefined
  }
}

function fetchText(url: URL, server: string, clock: Clock): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (state: string, cause?: unknown) =>
      reject(new BowlineError('unavailable', `Cannot join ${server}: ${state}`, { cause, retryable: true }))
    // Whom this connection reaches is what the fingerprint decides, so that no certificate is asked for here.
    const asked = request(url, { method: 'GET', agent: false, rejectUnauthorized: false })
    const cancelTimer = clock.after(TIMEOUT_MS, () => asked.destroy(new Error('no answer in time')))
    asked.on('error', error => {
      cancelTimer()
      fail(messageOf(error), error)
    })
    asked.on('response', answer => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => {
        text += chunk
        if (text.length > MAX_BYTES) answer.destroy()
      })
      answer.on('close', () => {
        cancelTimer()
        if (answer.statusCode === 200 && text.length <= MAX_BYTES) resolve(text)
        else fail(`it answered ${answer.statusCode} where a Bowline server shows its certificate authority`)
      })
    })
    asked.end()
  })
}
