import { hasCode, type KeyValue } from '../../../base/index.ts'
import type { Kind } from '../../../kube/index.ts'
import { authorize } from '../authorize.ts'
import { type Selection, selectionOf } from '../cache/selection.ts'
import { StoredEntry } from '../cache/stored-entry.ts'
import { viewOf } from '../cache/view.ts'
import { decodeContinue, encodeContinue } from '../continue-token.ts'
import type { EntryList, ListQuery, RequestContext } from '../contract.ts'
import { badRequest, continueExpired, expired, tooLargeResourceVersion } from '../refusals.ts'
import { parseResourceVersion } from '../resource-version.ts'
import type { VerbServices } from '../services.ts'

/** Objects that a page from history reads in one go when a selector skips some. */
const CHUNK = 500

/**
 * Lists a kind. From the cache, consistently, unless the query names a revision of the past (`Exact`, or a later page):
 * that comes from the store's history, and is an Expired once it is compacted.
 */
export async function listObjects(
  services: VerbServices,
  context: RequestContext,
  kind: Kind,
  query: ListQuery,
): Promise<EntryList> {
  const { namespace, fieldSelector } = query
  authorize(services, context, kind, { verb: 'list', namespace, fieldSelector })
  return readList(services, context, kind, query)
}

/** The list itself, for callers that were authorized. */
export async function readList(
  services: VerbServices,
  context: RequestContext,
  kind: Kind,
  query: ListQuery,
): Promise<EntryList> {
  const selection = selectionOf(kind, query)
  const revision = parseResourceVersion(query.resourceVersion)
  checkVersionMatch(query, revision)
  if (query.continue !== '') {
    const token = decodeContinue(query.continue)
    const after = `${selection.prefix}${token.after}`
    if (token.revision === undefined) {
      await services.world.fresh(context)
      return listNewest(services, selection, { limit: query.limit, after })
    }
    return listAt(services, selection, {
      revision: token.revision,
      after,
      remaining: token.remaining,
      limit: query.limit,
      onCompacted: () =>
        continueExpired(encodeContinue({ ...token, revision: undefined, remaining: undefined })),
    })
  }
  // A limit with a version has always meant exactly that version (apiserver `storage/etcd3/store.go`).
  const isExact =
    query.resourceVersionMatch === 'Exact' || (query.resourceVersionMatch === '' && query.limit > 0)
  if (revision !== undefined && revision > 0 && isExact) {
    await services.world.reach(revision, context)
    return listAt(services, selection, {
      revision,
      after: undefined,
      remaining: undefined,
      limit: query.limit,
      onCompacted: () => expired(revision, services.store.revision),
    })
  }
  if (revision === undefined) await services.world.fresh(context)
  else await services.world.reach(revision, context)
  return listNewest(services, selection, { limit: query.limit, after: '' })
}

function listNewest(
  { world }: VerbServices,
  selection: Selection,
  { limit, after }: { readonly limit: number; readonly after: string },
): EntryList {
  const found = world
    .cacheOf(selection.kind)
    .select(selection)
    .filter(entry => entry.key > after)
  const entries = limit > 0 ? found.slice(0, limit) : found
  const more = entries.length < found.length
  const last = entries.at(-1)?.key ?? ''
  const remaining = selection.isNarrow ? undefined : found.length - entries.length
  return {
    entries,
    resourceVersion: String(world.revision),
    continue: more
      ? encodeContinue({ revision: world.revision, after: last.slice(selection.prefix.length), remaining })
      : '',
    remainingItemCount: more ? remaining : undefined,
  }
}

interface Page {
  readonly revision: number
  /** The key after which it begins. */
  readonly after: string | undefined
  readonly remaining: number | undefined
  /** 0: no limit. */
  readonly limit: number
  readonly onCompacted: () => Error
}

async function listAt(services: VerbServices, selection: Selection, page: Page): Promise<EntryList> {
  const { store, world } = services
  if (page.revision > store.revision) throw tooLargeResourceVersion(page.revision, store.revision)
  const cache = world.cacheOf(selection.kind)
  const limit = page.limit > 0 ? page.limit : Number.POSITIVE_INFINITY
  const entries: StoredEntry[] = []
  let { after } = page
  let more = true
  while (more && entries.length < limit) {
    const wanted = Math.min(limit - entries.length, CHUNK)
    const found = await store
      .range(selection.prefix, {
        atRevision: page.revision,
        limit: selection.isNarrow ? CHUNK : wanted,
        ...(after === undefined ? {} : { after }),
      })
      .catch((error: unknown) => {
        throw hasCode(error, 'compacted') ? page.onCompacted() : error
      })
    more = found.more
    for (const item of found.items) {
      if (entries.length >= limit) {
        more = true
        break
      }
      after = item.key
      const entry = viewOf(selection.kind, sharedEntry(cache, item))
      if (!selection.isNarrow || selection.matches(entry.object)) entries.push(entry)
    }
    if (found.items.length === 0) break
  }
  const remaining = page.remaining === undefined ? undefined : Math.max(0, page.remaining - entries.length)
  return {
    entries,
    resourceVersion: String(page.revision),
    continue: more
      ? encodeContinue({
          revision: page.revision,
          after: (after ?? '').slice(selection.prefix.length),
          remaining,
        })
      : '',
    remainingItemCount: more ? remaining : undefined,
  }
}

/** The entry that everyone shares, when the object has not changed since. */
function sharedEntry(cache: { get(key: string): StoredEntry | undefined }, item: KeyValue): StoredEntry {
  const current = cache.get(item.key)
  return current?.revision === item.modRevision ? current : new StoredEntry(item, item.modRevision)
}

function checkVersionMatch(query: ListQuery, revision: number | undefined): void {
  if (query.continue !== '') {
    if (revision !== undefined && revision !== 0)
      throw badRequest('specifying resource version is not allowed when using continue')
    return
  }
  if (query.resourceVersionMatch === '') return
  if (revision === undefined)
    throw badRequest('resourceVersionMatch is forbidden unless resourceVersion is provided')
  if (query.resourceVersionMatch === 'Exact' && revision === 0)
    throw badRequest('resourceVersionMatch "Exact" is forbidden for resourceVersion "0"')
}
