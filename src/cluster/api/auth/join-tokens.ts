import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { BowlineError, type Clock, type Ids, type KeyValue, type KeyValueStore } from '../../../base/index.ts'
import type { TokenVerifier } from './authenticator.ts'
import { BOOTSTRAPPERS_GROUP, bootstrapUser } from './identity.ts'

/** What may be told of a join token: everything but its secret, which the server does not know. */
export interface JoinToken {
  readonly id: string
  readonly description: string
  /** RFC 3339. */
  readonly createdAt: string
  readonly expiresAt: string
  /** True: good for one node name only, the first that a certificate is signed for. */
  readonly singleUse: boolean
  /** The node that a single-use token was used for; `` while it is unused. */
  readonly usedBy: string
}

export interface JoinTokenOptions {
  readonly description?: string
  /** Default 24 hours. */
  readonly lifetimeMs?: number
  /** Default false. */
  readonly singleUse?: boolean
}

export interface JoinTokens extends TokenVerifier {
  /** The text `<CA sha256>.<id>.<secret>` is shown this once and kept nowhere. */
  create(options?: JoinTokenOptions): Promise<{ readonly token: string; readonly info: JoinToken }>
  /** Those that can still be used or have been, oldest first; what has expired is forgotten. */
  list(): Promise<readonly JoinToken[]>
  /** False when there is none of this id. */
  revoke(id: string): Promise<boolean>
  /** Binds a single-use token to a node name. False when it is revoked, expired, or bound to another name. */
  claim(id: string, nodeName: string): Promise<boolean>
}

/** Where the tokens are kept; the API serves nothing under it. */
const PREFIX = '/bowline/join-tokens/'
const ID_LENGTH = 10
const SECRET_BYTES = 32
const DEFAULT_LIFETIME_MS = 24 * 60 * 60 * 1000
const MAX_LIFETIME_MS = 366 * DEFAULT_LIFETIME_MS
const MAX_DESCRIPTION = 256

interface StoredToken extends JoinToken {
  /**
   * SHA-256 of the secret, in hex. The secret is 256 random bits, so there is nothing to guess and a slow hash
   * (made for passwords) would only let whoever sends wrong tokens use up the server.
   */
  readonly secretHash: string
}

/** Join tokens over a store. `authorityFingerprint` is what a token pins: an agent checks it before it sends the secret. */
export function createJoinTokens(options: {
  readonly store: KeyValueStore
  readonly clock: Clock
  readonly ids: Ids
  readonly authorityFingerprint: string
}): JoinTokens {
  const { store, clock, ids, authorityFingerprint } = options

  async function read(
    id: string,
  ): Promise<{ readonly kept: KeyValue; readonly token: StoredToken } | undefined> {
    if (!/^[a-z0-9]{1,32}$/.test(id)) return undefined
    const kept = await store.get(PREFIX + id)
    return kept === undefined ? undefined : { kept, token: decode(kept) }
  }

  function isLive({ expiresAt }: JoinToken): boolean {
    return clock.now() < Date.parse(expiresAt)
  }

  async function forgetExpired(kept: KeyValue): Promise<void> {
    await store.txn([{ key: kept.key, modRevision: kept.modRevision }], [{ type: 'delete', key: kept.key }])
  }

  return {
    async create({ description = '', lifetimeMs = DEFAULT_LIFETIME_MS, singleUse = false } = {}) {
      if (!(lifetimeMs > 0 && lifetimeMs <= MAX_LIFETIME_MS))
        throw new BowlineError(
          'bad-input',
          'Cannot create join token: its lifetime must be more than 0 and at most 366 days',
        )
      if (description.length > MAX_DESCRIPTION)
        throw new BowlineError(
          'bad-input',
          `Cannot create join token: its description is longer than ${MAX_DESCRIPTION} characters`,
        )
      const secret = randomBytes(SECRET_BYTES).toString('base64url')
      const info: JoinToken = {
        id: ids.suffix(ID_LENGTH),
        description,
        createdAt: new Date(clock.now()).toISOString(),
        expiresAt: new Date(clock.now() + lifetimeMs).toISOString(),
        singleUse,
        usedBy: '',
      }
      const key = PREFIX + info.id
      const stored: StoredToken = { ...info, secretHash: hashOf(secret).toString('hex') }
      const result = await store.txn([{ key, modRevision: 0 }], [{ type: 'put', key, value: encode(stored) }])
      if (!result.ok)
        throw new BowlineError('conflict', `Cannot create join token: the id "${info.id}" is taken`, {
          retryable: true,
        })
      return { token: `${authorityFingerprint}.${info.id}.${secret}`, info }
    },

    async list() {
      const { items } = await store.range(PREFIX)
      const tokens: JoinToken[] = []
      for (const kept of items) {
        const token = decode(kept)
        if (isLive(token)) tokens.push(withoutHash(token))
        else await forgetExpired(kept)
      }
      return tokens.sort((a, b) => (a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0))
    },

    async revoke(id) {
      const found = await read(id)
      if (found === undefined) return false
      await store.txn([], [{ type: 'delete', key: found.kept.key }])
      return true
    },

    async claim(id, nodeName) {
      for (;;) {
        const found = await read(id)
        if (found === undefined || !isLive(found.token)) return false
        const { kept, token } = found
        if (!token.singleUse || token.usedBy === nodeName) return true
        if (token.usedBy !== '') return false
        const value = encode({ ...token, usedBy: nodeName })
        const result = await store.txn(
          [{ key: kept.key, modRevision: kept.modRevision }],
          [{ type: 'put', key: kept.key, value }],
        )
        if (result.ok) return true
      }
    },

    async verify(token) {
      const [id = '', secret = '', ...rest] = token.split('.')
      if (rest.length > 0 || secret === '') return undefined
      const found = await read(id)
      // The work is the same whether or not the id exists.
      const expected = found === undefined ? hashOf('') : Buffer.from(found.token.secretHash, 'hex')
      const matches = timingSafeEqual(hashOf(secret), expected)
      if (found === undefined || !matches || !isLive(found.token)) return undefined
      return { identity: { username: bootstrapUser(id), groups: [BOOTSTRAPPERS_GROUP] }, audiences: [] }
    },
  }
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

function encode(token: StoredToken): Uint8Array {
  return Buffer.from(JSON.stringify(token))
}

function decode({ value }: KeyValue): StoredToken {
  return JSON.parse(Buffer.from(value).toString()) as StoredToken
}

function withoutHash({ secretHash: _, ...info }: StoredToken): JoinToken {
  return info
}
