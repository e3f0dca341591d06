import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

/** How records lie on disk: as text of one line that shows whether it is whole and untouched. */
export interface Seal {
  seal(record: string): string
  /** Undefined for a line that was damaged, cut off, changed, or sealed with another key. */
  open(line: string): string | undefined
}

/** Readable by whoever may read the file; a checksum tells damage. For what every node may read anyway. */
export const plainSeal: Seal = {
  seal: record => `${checksum(record)} ${record}`,
  open(line) {
    const record = line.slice(CHECKSUM_LENGTH + 1)
    return line.startsWith(`${checksum(record)} `) ? record : undefined
  },
}

const CHECKSUM_LENGTH = 16

function checksum(record: string): string {
  return createHash('sha256').update(record).digest('hex').slice(0, CHECKSUM_LENGTH)
}

const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * AES-256-GCM with a nonce at random for every record: good for 2^32 records under one key. `purpose` is authenticated with each,
 * so that a record of one file is no record of another.
 */
export function secretSeal(key: Buffer, purpose: string): Seal {
  const associated = Buffer.from(purpose, 'utf8')
  return {
    seal(record) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(CIPHER, key, nonce).setAAD(associated)
      const sealed = Buffer.concat([cipher.update(record, 'utf8'), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64')
    },
    open(line) {
      const bytes = Buffer.from(line, 'base64')
      if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined
      const [nonce, tag, sealed] = [
        bytes.subarray(0, NONCE_BYTES),
        bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES),
        bytes.subarray(NONCE_BYTES + TAG_BYTES),
      ]
      const decipher = createDecipheriv(CIPHER, key, nonce).setAAD(associated).setAuthTag(tag)
      try {
        return Buffer.concat([decipher.update(sealed), decipher.final()]).toString('utf8')
      } catch {
        return undefined
      }
    },
  }
}
