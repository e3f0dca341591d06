import { BowlineError } from '../../base/index.ts'
import { readOrdinaryFile } from '../git/ordinary-file.ts'

const MAX_FILE_BYTES = 1024 * 1024

/** What a request to one host may present. Bound to that origin; never part of a message. */
export interface Credentials {
  /** `https://git.example.org` */
  readonly origin: string
  /** The value of the Authorization header. */
  readonly authorization: string
}

/**
 * The first line of a `git credential-store` file (`https://user:password@host[/path]`) that fits the repository's
 * address: same protocol, host and port, and its path, when it has one, is the address's or leads to it.
 * Undefined when none fits. Throws `bad-config` when the file cannot be read; no message quotes the file.
 */
export async function readCredentials(file: string, address: URL): Promise<Credentials | undefined> {
  const bytes = await readOrdinaryFile(file, MAX_FILE_BYTES).catch((error: NodeJS.ErrnoException) => {
    if (error instanceof BowlineError) throw error
    throw new BowlineError(
      'bad-config',
      `Cannot read the credentials file ${file}: ${error.code ?? 'unreadable'}`,
      {
        retryable: true,
      },
    )
  })
  for (const line of bytes.toString('utf8').split('\n')) {
    const url = parseLine(line.trim())
    if (url === undefined || url.origin !== address.origin || !pathFits(url.pathname, address.pathname))
      continue
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
    return { origin: url.origin, authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
  }
  return undefined
}

/**
 * Checks a repository's address. Only http and https, no user or password inside it (an App's spec is readable by many),
 * no query and no fragment. Throws `bad-config`.
 */
export function parseAddress(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw new BowlineError(
      'bad-config',
      'Cannot use repository address: only http and https addresses and local folders are supported',
    )
  const refuse = (state: string): BowlineError =>
    new BowlineError('bad-config', `Cannot use repository ${printable(url)}: ${state}`)
  if (url.username !== '' || url.password !== '')
    throw refuse('the address holds a user or password; put them in a credentials file')
  if (url.search !== '' || url.hash !== '') throw refuse('the address has a query or fragment')
  return url
}

/** The address without anything that could be a secret. */
export function printable(url: URL): string {
  return `${url.origin}${url.pathname}`
}

/**
 * Takes user names, passwords and Authorization values out of a text that a Git command or server wrote, and control characters but
 * line ends and tabs: it is shown in terminals, and in the status of Apps.
 */
export function scrub(text: string, credentials: Credentials | undefined): string {
  let clean = text.replace(/:\/\/[^\s/@]*@/g, '://')
  clean = clean.replace(/(authorization:\s*)\S+(?:\s+\S+)?/gi, '$1***')
  const secrets = credentials === undefined ? [] : secretsOf(credentials)
  for (const secret of secrets) clean = clean.replaceAll(secret, '***')
  return clean.replace(/(?![\n\t])\p{Cc}/gu, '\ufffd')
}

function secretsOf({ authorization }: Credentials): readonly string[] {
  const encoded = authorization.replace(/^Basic /, '')
  const pair = Buffer.from(encoded, 'base64').toString('utf8')
  const password = pair.slice(pair.indexOf(':') + 1)
  return [encoded, password, encodeURIComponent(password)].filter(secret => secret.length > 3)
}

function parseLine(line: string): URL | undefined {
  if (line === '' || line.startsWith('#') || !URL.canParse(line)) return undefined
  const url = new URL(line)
  if (url.username === '' && url.password === '') return undefined
  try {
    decodeURIComponent(url.username + url.password)
    return url
  } catch {
    return undefined
  }
}

function pathFits(stored: string, asked: string): boolean {
  if (stored === '' || stored === '/') return true
  return asked === stored || asked.startsWith(stored.endsWith('/') ? stored : `${stored}/`)
}
