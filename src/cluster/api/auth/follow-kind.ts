import { backoffMs, type Clock, type Logger, messageOf } from '../../../base/index.ts'
import { type Kind, type KubeObject, objectKey } from '../../../kube/index.ts'
import type { ListQuery, RequestContext, Verbs } from '../contract.ts'
import { systemIdentity } from './identity.ts'

/** Keeps what it needs of the objects of one kind. */
export interface Sink {
  /** Everything is told anew. */
  clear(): void
  set(object: KubeObject): void
  /** By `<namespace>/<name>`, or the name alone. */
  remove(key: string): void
}

export interface FollowOptions {
  readonly verbs: Verbs
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly log: Logger
  /** Called once, when the kind has been read whole. */
  readonly onSynced: () => void
}

const RETRY = { initialMs: 50, maxMs: 5_000 }

const EVERYTHING: ListQuery = {
  namespace: '',
  labelSelector: '',
  fieldSelector: '',
  limit: 0,
  continue: '',
  resourceVersion: '',
  resourceVersionMatch: '',
}

/** Tells a sink all objects of a kind and every change, in process, until the signal aborts. For what authorizers judge by. */
export async function followKind(
  kind: Kind,
  sink: Sink,
  { verbs, signal, clock, log, onSynced }: FollowOptions,
): Promise<void> {
  const context: RequestContext = {
    user: systemIdentity('authorizer'),
    warnings: [],
    signal,
    userAgent: 'bowline',
  }
  let failures = 0
  let isFirst = true
  while (!signal.aborted) {
    try {
      const list = await verbs.list(context, kind, EVERYTHING)
      sink.clear()
      for (const { object } of list.entries) sink.set(object)
      failures = 0
      if (isFirst) onSynced()
      isFirst = false
      const events = await verbs.watch(context, kind, {
        namespace: '',
        labelSelector: '',
        fieldSelector: '',
        resourceVersion: list.resourceVersion,
        allowWatchBookmarks: true,
        sendInitialEvents: false,
      })
      for await (const { type, entry } of events) {
        if (type === 'DELETED') sink.remove(objectKey(entry.object))
        else if (type !== 'BOOKMARK') sink.set(entry.object)
      }
    } catch (error) {
      if (signal.aborted) return
      failures += 1
      log.warn('Lost sight of what authorization judges by', { kind: kind.kind, error: messageOf(error) })
    }
    await clock.sleep(backoffMs(failures, RETRY), signal).catch(() => undefined)
  }
}

/** Follows several kinds; `onSynced` is called once, when all have been read whole. */
export async function followKinds(
  kinds: readonly (readonly [Kind, Sink])[],
  options: FollowOptions,
): Promise<void> {
  let missing = kinds.length
  const onSynced = (): void => {
    missing -= 1
    if (missing === 0) options.onSynced()
  }
  await Promise.all(kinds.map(([kind, sink]) => followKind(kind, sink, { ...options, onSynced })))
}
