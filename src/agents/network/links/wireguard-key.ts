import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BowlineError } from '../../../base/index.ts'

/** This host's end of WireGuard, as kept on its disk. The private key never leaves it. */
export interface WireguardKey {
  /** The file that holds the private key alone, as `wg` reads it. */
  readonly file: string
  readonly publicKey: string
  readonly port: number
}

const DEFAULT_PORT = 51_820

/** The key of this host, made the first time. Kept so that peers need not learn a new one after each start. */
export async function ensureKey(folder: string): Promise<WireguardKey> {
  const file = join(folder, 'wireguard.key')
  const [kept, port] = await Promise.all([read(file), read(join(folder, 'wireguard.port'))])
  const privateKey = kept ?? (await makeKey(folder, file))
  return { file, publicKey: publicKeyOf(privateKey, file), port: Number(port) || DEFAULT_PORT }
}

/** Remembers that another port than the usual one is used. */
export async function keepPort(folder: string, port: number): Promise<void> {
  await replaceFile(join(folder, 'wireguard.port'), `${port}\n`)
}

async function makeKey(folder: string, file: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const { d = '' } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' })
  const privateKey = toBase64(d)
  await replaceFile(file, `${privateKey}\n`)
  return privateKey
}

function publicKeyOf(privateKey: string, file: string): string {
  try {
    // PKCS #8 of an X25519 key is this prefix and the 32 bytes (RFC 8410).
    const prefix = Buffer.from('302e020100300506032b656e04220420', 'hex')
    const der = Buffer.concat([prefix, Buffer.from(privateKey, 'base64')])
    const key = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
    return toBase64(key.export({ format: 'jwk' }).x ?? '')
  } catch (error) {
    // The cause may quote what the file holds.
    const { name } = error as Error
    throw new BowlineError('corrupt', `Cannot use the WireGuard key ${file}: it is damaged (${name})`, {
      data: { next: 'remove the file: a new key is made, and other hosts learn it' },
    })
  }
}

async function read(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Whole or not at all. */
async function replaceFile(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 })
  await rename(`${file}.new`, file)
}

function toBase64(base64url: string): string {
  return Buffer.from(base64url, 'base64url').toString('base64')
}
