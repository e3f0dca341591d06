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
  const body = Buffer.from(JSON.stringify(value))
  return { body, etag: `"${hashOf(body)}"`, contentType }
}

export function hashOf(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex').toUpperCase()
}
