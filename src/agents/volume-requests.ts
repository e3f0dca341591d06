import { BowlineError, hasCode, messageOf } from '../base/index.ts'
import type { TunnelRequest } from './tunnel.ts'
import type { FolderStore } from './volumes/index.ts'

/** The largest order that a server sends. */
const MAX_ORDER_BYTES = 64 * 1024

/**
 * What the server asks of this host's volumes, over the tunnel: `GET /volumes` lists them, `GET /volumes/<volume>/archive` is one as a
 * tar, `POST /volumes/<volume>/<order>` does something with one; undefined for any other path. An order is answered with lines of
 * JSON: `{}` when it has begun, as it may take hours, and then `{"result":…}` or `{"error":…}`.
 */
export function answerVolumeRequest(
  request: TunnelRequest,
  store: FolderStore,
): AsyncIterable<string | Uint8Array> | undefined {
  const url = new URL(request.path, 'http://agent')
  const [root, ...parts] = url.pathname.split('/').filter(Boolean).map(decodeURIComponent)
  if (root !== 'volumes') return undefined
  const { method, signal } = request
  const [volume = '', action = ''] = parts
  if (method === 'GET' && parts.length === 0) return answerLines(() => store.list())
  if (parts.length !== 2) return undefined
  if (method === 'GET') return action === 'archive' ? store.pack(volume, signal) : undefined
  const order = ORDERS[action]
  if (order === undefined) return undefined
  return answerLines(() => order(store, volume, { request, query: url.searchParams }))
}

interface Order {
  readonly request: TunnelRequest
  readonly query: URLSearchParams
}

const ORDERS: Readonly<
  Record<string, (store: FolderStore, volume: string, order: Order) => Promise<unknown>>
> = {
  async create(store, volume, { request }) {
    const { claim, snapshot, bytes } = await readOrder(request)
    const { namespace, name, uid } = (claim ?? {}) as Record<string, unknown>
    const owner = { namespace: text(namespace), name: text(name), uid: text(uid) }
    await store.requireRoom(size(bytes))
    await store.create(volume, owner, snapshot === undefined ? undefined : text(snapshot), request.signal)
  },
  async grow(store, volume, { request }) {
    const { claimUid, bytes } = await readOrder(request)
    await store.grow(volume, text(claimUid), size(bytes))
  },
  async retire(store, volume, { request }) {
    await store.retire(volume, text((await readOrder(request)).claimUid))
  },
  digest: (store, volume, { request }) => store.digest(volume, request.signal),
  receive: (store, volume, { request, query }) =>
    store.receive(volume, text(query.get('move')), request.body, request.signal),
  adopt: (store, volume, { query }) => store.adopt(volume, text(query.get('move'))),
  keep: (store, volume, { query }) => store.keep(volume, text(query.get('move'))),
  forget: (store, volume, { query }) => store.forget(volume, text(query.get('move'))),
  discard: (store, volume, { query }) => store.discard(volume, text(query.get('move'))),
  snapshot: (store, volume, { request, query }) =>
    store.snapshot(volume, text(query.get('id')), request.signal),
}

async function* answerLines(work: () => Promise<unknown>): AsyncGenerator<string> {
  yield '{}\n'
  try {
    yield `${JSON.stringify({ result: (await work()) ?? {} })}\n`
  } catch (error) {
    const reason = REASONS.find(([code]) => hasCode(error, code))?.[1] ?? 'InternalError'
    yield `${JSON.stringify({ error: { reason, message: messageOf(error) } })}\n`
  }
}

/** How the server's callers name what went wrong. */
const REASONS = [
  ['not-found', 'NotFound'],
  ['conflict', 'Conflict'],
  ['bad-input', 'BadRequest'],
] as const

async function readOrder({ body }: TunnelRequest): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > MAX_ORDER_BYTES) throw new BowlineError('bad-input', 'Cannot read an order: it is too large')
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>
  } catch (cause) {
    throw new BowlineError('bad-input', 'Cannot read an order: it is no JSON', { cause })
  }
}

function text(value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  throw new BowlineError('bad-input', 'Cannot follow an order: a part of it is missing')
}

/** A number of bytes; a server that does not say one asks for none. */
function size(value: unknown): number {
  if (value === undefined) return 0
  if (typeof value === 'number' && value >= 0) return value
  throw new BowlineError('bad-input', 'Cannot follow an order: its number of bytes is none')
}
