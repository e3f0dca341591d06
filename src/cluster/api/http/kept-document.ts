import { createHash } from 'node:crypto'

/** A document that is made once and known by its hash. */
export interface KeptDocument {
  readonly body: Buffer
  /** Quoted, as the header wants it. */
  readonly etag: string
  readonly contentType: string
}

/** Serialises and hashes a document. */
export function keepDocument(value: unknown, contentType = 'application/json'): KeptDocument {
  return keepBytes(Buffer.from(`${JSON.stringify(value)}\n`), contentType)
}

/** Hashes what is serialised already. */
export function keepBytes(body: Buffer, contentType: string): KeptDocument {
  return { body, etag: `"${hashOf(body)}"`, contentType }
}

export function hashOf(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex').toUpperCase()
}
