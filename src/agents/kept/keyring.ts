import { hkdfSync, randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isObject, type Logger, messageOf } from '../../base/index.ts'
import { type Seal, secretSeal } from './seal.ts'

export interface KeyringOptions {
  /** Where the wrapped key lies. */
  readonly folder: string
  /** The private key of the node's certificate, PEM: what opens the kept state when the host gives no key of its own. */
  readonly identityKey: string
  /** The content of `--secrets-key-file`; undefined without one. */
  readonly secretsKey: Buffer | undefined
  readonly log: Logger
}

/**
 * Seals what an agent keeps on disk of Secrets, ConfigMaps and pods. The key of the content is made once, at random, and lies
 * beside it wrapped: by the host's own key (`--secrets-key-file`, such as a systemd credential that a TPM protects), else by one
 * derived from the node's private key.
 *
 * The first protects against whoever has the disk and not that key. The second only keeps secrets out of what holds the kept
 * state without `node-identity.json` (a partial backup, a stray copy) and shows tampering: whoever reads the whole data
 * directory has the node's private key, and with it what the server gives that node until it is removed.
 */
export interface Keyring {
  /** The seal of one file. */
  seal(purpose: string): Seal
  /** Before the node's private key is replaced: lets the new one open the content too, so that a crash on the way loses nothing. */
  admit(identityKey: string): Promise<void>
  /** After it: lets only this one. */
  settle(identityKey: string): Promise<void>
}

interface WrappedKey {
  readonly salt: string
  readonly wrapped: string
}

const KEY_BYTES = 32
const SALT_BYTES = 16
const FILE = 'key.json'

/**
 * Opens the keyring of a folder, or makes one. Content that no key at hand opens is lost: the server has it, and that is logged.
 * A disk that takes no writes keeps nobody from starting.
 */
export async function openKeyring({
  folder,
  identityKey,
  secretsKey,
  log,
}: KeyringOptions): Promise<Keyring> {
  const path = join(folder, FILE)
  const kept = await readWrapped(path)
  const identity = Buffer.from(identityKey, 'utf8')
  let current = secretsKey ?? identity
  const known = kept.flatMap(one => unwrap(one, current) ?? unwrap(one, identity) ?? [])[0]
  if (known === undefined && kept.length > 0)
    log.warn('what was kept on disk cannot be opened with the key at hand and is given up', { folder })
  const content = known ?? randomBytes(KEY_BYTES)
  const write = async (...secrets: readonly Buffer[]) => {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await writeFile(`${path}.new`, JSON.stringify(secrets.map(secret => wrap(content, secret))), {
      mode: 0o600,
      flush: true,
    })
    await rename(`${path}.new`, path)
  }
  // A host that gives a key now leaves nothing that the node's private key would open.
  if (kept.length !== 1 || kept.some(one => unwrap(one, current) === undefined))
    await write(current).catch(error => {
      log.warn('the key of what is kept on disk was not written', { error: messageOf(error) })
    })
  return {
    seal: purpose => secretSeal(content, purpose),
    async admit(next) {
      if (secretsKey === undefined) await write(current, Buffer.from(next, 'utf8'))
    },
    async settle(next) {
      if (secretsKey !== undefined) return
      current = Buffer.from(next, 'utf8')
      await write(current)
    },
  }
}

function wrap(content: Buffer, secret: Buffer): WrappedKey {
  const salt = randomBytes(SALT_BYTES)
  return {
    salt: salt.toString('base64'),
    wrapped: wrappingSeal(secret, salt).seal(content.toString('base64')),
  }
}

function unwrap({ salt, wrapped }: WrappedKey, secret: Buffer): Buffer | undefined {
  const text = wrappingSeal(secret, Buffer.from(salt, 'base64')).open(wrapped)
  return text === undefined ? undefined : Buffer.from(text, 'base64')
}

function wrappingSeal(secret: Buffer, salt: Buffer): Seal {
  const key = Buffer.from(hkdfSync('sha256', secret, salt, 'bowline kept state', KEY_BYTES))
  return secretSeal(key, 'key')
}

async function readWrapped(path: string): Promise<readonly WrappedKey[]> {
  const text = await readFile(path, 'utf8').catch(error => {
    if ((error as { code?: unknown }).code === 'ENOENT') return '[]'
    throw error
  })
  const value = parse(text)
  // Damaged: then the content is as good as lost, and is fetched from the server again.
  return (Array.isArray(value) ? value : []).filter(isWrappedKey)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isWrappedKey(value: unknown): value is WrappedKey {
  return isObject(value) && typeof value.salt === 'string' && typeof value.wrapped === 'string'
}
