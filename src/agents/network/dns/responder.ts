import type { Answer } from 'dns-packet'
import type { Ids } from '../../../base/index.ts'
import { type ClusterZone, RECORD_TTL_SECONDS, type Resolution } from './cluster-zone.ts'
import type { Forwarder } from './forwarder.ts'
import {
  encodeAnswer,
  finishAnswer,
  type Query,
  queryFor,
  Rcodes,
  rcodeOf,
  readAnswers,
  startOfAuthority,
  wireRecord,
} from './message.ts'

export interface ResponderOptions {
  readonly zone: ClusterZone
  readonly forwarder: Pick<Forwarder, 'forward'>
  /** Whether all services and endpoints are known; until then a name that is not known may yet be. */
  readonly isComplete: () => boolean
  /** Resolves when they are, or when waiting for them makes no sense any more. */
  readonly completed: () => Promise<void>
  /** Turns answers around, so that each of a name's addresses is first as often as any other. */
  readonly ids: Pick<Ids, 'random'>
}

/** An answer, or for one that takes its time the work to be done for it, which never fails. */
export type Reply = Buffer | (() => Promise<Buffer>)

/** More steps from alias to alias are a circle. */
const MAX_ALIASES = 8
/** No record of an answer is shorter. */
const MIN_RECORD_BYTES = 16

/** From a query to its answer of at most `limit` bytes. */
export function createResponder(options: ResponderOptions): (query: Query, limit: number) => Reply {
  const { zone, forwarder, isComplete, completed, ids } = options

  function respond(query: Query, limit: number): Reply {
    const resolution = zone.resolve(query.name, query.type)
    switch (resolution.type) {
      case 'elsewhere':
        return () => forward(query, limit)
      case 'alias':
        return () => followAlias(query, resolution.target, limit)
      case 'no-name':
        if (!isComplete()) return () => respondWhenComplete(query, limit)
        return finish(query, limit, ownContent(query, [], resolution, limit))
      default:
        return finish(query, limit, ownContent(query, [], resolution, limit))
    }
  }

  async function forward(query: Query, limit: number): Promise<Buffer> {
    const message = await forwarder.forward(query)
    return message === undefined ? failure(query, limit) : finishAnswer(message, query, limit)
  }

  async function respondWhenComplete(query: Query, limit: number): Promise<Buffer> {
    await completed()
    const resolution = zone.resolve(query.name, query.type)
    if (resolution.type === 'no-name' && !isComplete()) return failure(query, limit)
    const reply = respond(query, limit)
    return Buffer.isBuffer(reply) ? reply : await reply()
  }

  async function followAlias(query: Query, firstTarget: string, limit: number): Promise<Buffer> {
    const aliases: Answer[] = []
    let name = query.name
    let target = firstTarget
    while (aliases.length < MAX_ALIASES) {
      aliases.push(wireRecord({ name, record: { type: 'CNAME', data: target } }, RECORD_TTL_SECONDS))
      const resolution = zone.resolve(target, query.type)
      if (resolution.type === 'elsewhere') return await forwardAlias(query, aliases, target, limit)
      if (resolution.type !== 'alias')
        return finish(query, limit, ownContent({ ...query, name: target }, aliases, resolution, limit))
      name = target
      target = resolution.target
    }
    return failure(query, limit)
  }

  async function forwardAlias(
    query: Query,
    aliases: readonly Answer[],
    target: string,
    limit: number,
  ): Promise<Buffer> {
    const message = await forwarder.forward(queryFor(query, target))
    if (message === undefined) return failure(query, limit)
    try {
      const answers = [...aliases, ...readAnswers(message)]
      return finish(query, limit, content(rcodeOf(message), answers, []))
    } catch {
      // Records that the codec does not understand.
      return failure(query, limit)
    }
  }

  /** What the cluster says of the query's name, behind what led there. */
  function ownContent(
    { name }: Query,
    before: readonly Answer[],
    resolution: Extract<Resolution, { type: 'found' | 'no-data' | 'no-name' }>,
    limit: number,
  ): Content {
    if (resolution.type !== 'found') {
      const rcode = resolution.type === 'no-name' ? Rcodes.nameError : Rcodes.noError
      return content(rcode, before, [startOfAuthority(resolution.zone, zone.domain, RECORD_TTL_SECONDS)])
    }
    const { records, additionals, ttlSeconds } = resolution
    // What cannot fit need not be written to be cut off again; one more says that there are more.
    const most = Math.floor(limit / MIN_RECORD_BYTES) + 1
    const answers = turned(records, ids.random())
      .slice(0, most)
      .map(record => wireRecord({ name, record }, ttlSeconds))
    return {
      ...content(Rcodes.noError, [...before, ...answers], []),
      additionals: additionals.slice(0, most).map(named => wireRecord(named, ttlSeconds)),
    }
  }

  return respond
}

type Content = Parameters<typeof encodeAnswer>[1]

function content(rcode: number, answers: readonly Answer[], authorities: readonly Answer[]): Content {
  return { rcode, authoritative: true, answers, authorities, additionals: [] }
}

function finish(query: Query, limit: number, content: Content): Buffer {
  return finishAnswer(encodeAnswer(query.question, content), query, limit)
}

/** Nobody knows, for now. */
export function failure(query: Query, limit: number): Buffer {
  return finish(query, limit, { ...content(Rcodes.serverFailure, [], []), authoritative: false })
}

/** The same in the same circle, begun elsewhere. */
function turned<T>(values: readonly T[], random: number): readonly T[] {
  if (values.length < 2) return values
  const start = Math.floor(random * values.length)
  return [...values.slice(start), ...values.slice(0, start)]
}
