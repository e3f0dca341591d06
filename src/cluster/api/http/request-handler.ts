import { Cancellation, type Clock, type Ids, isAborted, type Logger } from '../../../base/index.ts'
import { StatusError } from '../../../kube/index.ts'
import type { AuditedRequest } from '../audit-log/audit-event.ts'
import type { ApiAuditLog } from '../audit-log/audit-log.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import { impersonated } from '../auth/impersonation.ts'
import { requireAllowed } from '../auth/require-allowed.ts'
import type { AuditNotes, Authorizer, Identity, RequestContext, Verbs } from '../contract.ts'
import type { Tunnels } from '../tunnel/tunnels.ts'
import { type Answer, statusAnswer } from './answer.ts'
import { type ApiPath, parseApiPath, segmentsOf } from './api-path.ts'
import { CLIENT_GONE } from './body.ts'
import { credentialsOf } from './credentials.ts'
import { answerDocument, type DocumentParts } from './document-routes.ts'
import { type Exchange, pathNotFound, productOf } from './exchange.ts'
import { answerExtension, type Extension, findExtension } from './extension.ts'
import type { InFlight, RequestSort } from './in-flight.ts'
import { answerLog } from './log-route.ts'
import {
  type ApiRequest,
  type ApiResponse,
  connectionOf,
  cut,
  distinctHeaders,
  isGone,
  refuseMore,
  refuseRest,
} from './message.ts'
import { durationOf, isWatch } from './query.ts'
import { describeBug, internalError, refusalOf } from './refusal.ts'
import type { RequestRateLimits } from './request-rates.ts'
import { answerResource } from './resource-routes.ts'
import { sendAnswer } from './send.ts'

export interface RequestHandlerOptions {
  readonly verbs: Verbs
  readonly authenticator: Authenticator
  readonly authorizer: Authorizer
  readonly tunnels: Tunnels
  readonly extensions: readonly Extension[]
  readonly documents: DocumentParts
  /** Told of every request that has been answered; absent: nothing is kept of them. */
  readonly auditLog?: Pick<ApiAuditLog, 'record'> | undefined
  readonly inFlight: InFlight
  readonly rates: RequestRateLimits
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/** A request that does not stream is answered within this time (apiserver `RequestTimeout`). */
const REQUEST_TIMEOUT_MS = 60_000

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Answers every request, whatever it asks and whatever goes wrong: authentication, limits, routing, the answer or a `Status`.
 * Never throws and never rejects.
 */
export class RequestHandler {
  readonly #options: RequestHandlerOptions
  readonly #running = new Set<Run>()

  constructor(options: RequestHandlerOptions) {
    this.#options = options
  }

  async handle(request: ApiRequest, response: ApiResponse): Promise<void> {
    const { log, ids, clock } = this.#options
    const auditId = ids.uid()
    const run = new Run(clock, response)
    this.#running.add(run)
    response.once('close', () => {
      this.#running.delete(run)
      run.end()
    })
    // A client that breaks off shows as an error here too; `close` has the same news.
    response.on('error', () => undefined)
    const warnings: string[] = []
    const onBug = (error: unknown): StatusError => {
      log.error('Request failed', {
        auditId,
        method: request.method,
        path: pathOf(request),
        ...describeBug(error),
      })
      return internalError(auditId)
    }
    const acceptEncoding = request.headers['accept-encoding']
    const sent = { auditId, warnings, acceptEncoding, clock, cancellation: run.cancellation }
    try {
      const answer = await this.#answer(request, run, warnings, onBug)
      await sendAnswer(response, answer, sent)
    } catch (error) {
      if (response.headersSent || isGone(response)) {
        if (!isAborted(error) && refusalOf(error) === undefined) onBug(error)
        cut(response)
        return
      }
      const refusal = refusalOf(error) ?? onBug(error)
      const answer = statusAnswer(refusal)
      // What is left of a body that was refused is not waited for.
      const headers = { ...answer.headers, ...refuseRest(request, response) }
      if (refusal.code === 401) refuseMore(request)
      // A refusal is still sent when its request was given up.
      const cancellation = new Cancellation()
      await sendAnswer(response, { ...answer, headers }, { ...sent, cancellation }).catch(onBug)
    } finally {
      this.#options.auditLog?.record(run.audited(request, { auditId, endedMs: clock.now() }))
    }
  }

  /** Ends what is running: streams end cleanly, everything else is refused. */
  abortAll(): void {
    for (const run of this.#running)
      run.cancel(new StatusError('ServiceUnavailable', 'the server is shutting down'))
  }

  /** Ends what runs for a user, streams above all: what it was allowed once it is not any more. */
  endOf(username: string): void {
    for (const run of this.#running)
      if (run.requester?.username === username)
        run.cancel(new StatusError('Forbidden', `"${username}" may not go on with this`))
  }

  async #answer(
    request: ApiRequest,
    run: Run,
    warnings: string[],
    onBug: (error: unknown) => StatusError,
  ): Promise<Answer> {
    const requester = await this.#options.authenticator.authenticate(credentialsOf(request))
    run.requester = requester
    this.#options.rates.take(requester)
    const headers = { headers: request.headers, distinct: () => distinctHeaders(request) }
    const user = impersonated(requester, headers, this.#options.authorizer)
    run.user = user
    if (this.#options.auditLog !== undefined) run.notes = { annotations: new Map(), objectName: '' }
    const exchange = exchangeOf(request, new HttpContext(user, warnings, request, run))
    const path = parseApiPath(exchange.segments)
    run.path = path
    const extension = path && findExtension(this.#options.extensions, path, exchange.method)
    const isStream = isStreaming(exchange, path, extension)
    const sort = isStream ? 'streams' : sortOf(exchange.method)
    run.hold(this.#options.inFlight.enter(sort, requester, isStream ? placesOf(exchange) : 1))
    if (isStream) return this.#route(exchange, path, extension, onBug)
    const timeoutMs = Math.min(
      durationOf(exchange.query, 'timeout') || REQUEST_TIMEOUT_MS,
      REQUEST_TIMEOUT_MS,
    )
    return run.within(timeoutMs, this.#route(exchange, path, extension, onBug))
  }

  async #route(
    exchange: Exchange,
    path: ApiPath | undefined,
    extension: Extension | undefined,
    onBug: (error: unknown) => StatusError,
  ): Promise<Answer> {
    if (path !== undefined && extension !== undefined)
      return answerExtension(extension, path, exchange, this.#options.authorizer)
    const { verbs, authorizer, clock, ids } = this.#options
    const { kinds } = verbs
    const kind = path && (await kinds.find(path.group, path.version, path.resource, exchange.context))
    if (path === undefined) return this.#routeDocument(exchange)
    // Which kinds there are, discovery tells everyone.
    if (kind === undefined) throw pathNotFound()
    if (path.subresource === 'log' && kind.subresources.includes('log'))
      return answerLog(this.#options, exchange, path)
    return answerResource({ verbs, authorizer, clock, ids, onBug }, exchange, kind, path)
  }

  async #routeDocument(exchange: Exchange): Promise<Answer> {
    requireAllowed(this.#options.authorizer, {
      user: exchange.context.user,
      verb: exchange.method.toLowerCase(),
      path: `/${exchange.segments.join('/')}`,
      group: '',
      resource: '',
      subresource: '',
      namespace: '',
      name: '',
      fieldSelector: '',
    })
    const { documents, verbs } = this.#options
    return answerDocument({ ...documents, kinds: verbs.kinds }, exchange)
  }
}

const NO_ANNOTATIONS: ReadonlyMap<string, string> = new Map()

/** What one request holds while it runs. */
class Run {
  readonly cancellation = new Cancellation()
  notes: AuditNotes | undefined
  requester: Identity | undefined
  user: Identity | undefined
  path: ApiPath | undefined
  readonly #clock: Clock
  readonly #response: ApiResponse
  readonly #receivedMs: number
  #cancelTimer: () => void = () => undefined
  #leave: () => void = () => undefined
  #refuse: (reason: unknown) => void = () => undefined
  #hasEnded = false

  constructor(clock: Clock, response: ApiResponse) {
    this.#clock = clock
    this.#response = response
    this.#receivedMs = clock.now()
  }

  /** The result of `work`, or a Timeout. The time runs on while the answer is sent: when it is over the connection is cut. */
  within(ms: number, work: Promise<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#cancelTimer = this.#clock.after(ms, () => {
        this.cancel(timeoutError())
        if (this.#response.headersSent) cut(this.#response)
      })
      this.#refuse = reject
      work.then(resolve, reject)
    })
  }

  /** Keeps a place among the running requests until the end; a request whose client has gone already gives it back at once. */
  hold(leave: () => void): void {
    if (this.#hasEnded) leave()
    else this.#leave = leave
  }

  /** Ends the work early. */
  cancel(reason: unknown): void {
    this.cancellation.cancel(reason)
    this.#refuse(reason)
  }

  /** What the audit log keeps of it. */
  audited(
    request: ApiRequest,
    { auditId, endedMs }: { readonly auditId: string; readonly endedMs: number },
  ): AuditedRequest {
    const { requester, user, path, notes } = this
    const { method = 'GET', url = '/', headers } = request
    return {
      auditId,
      method: method.toUpperCase(),
      uri: url,
      sourceAddress: connectionOf(request)?.remoteAddress,
      userAgent: headers['user-agent'],
      requester,
      user,
      resource: path && { ...path, name: path.name || (notes?.objectName ?? '') },
      code: this.#response.statusCode,
      annotations: notes?.annotations ?? NO_ANNOTATIONS,
      receivedMs: this.#receivedMs,
      endedMs,
    }
  }

  end(): void {
    this.#hasEnded = true
    this.#cancelTimer()
    this.#leave()
    this.cancel(CLIENT_GONE)
  }
}

function timeoutError(): StatusError {
  return new StatusError(
    'Timeout',
    'the server was unable to return a response in the time allotted, but may still be processing the request',
  )
}

/** What travels with a request. Of two parts there is no need in most requests, and they are made when they are asked for. */
class HttpContext implements RequestContext {
  readonly user: Identity
  readonly warnings: string[]
  readonly #request: ApiRequest
  readonly #run: Run

  constructor(user: Identity, warnings: string[], request: ApiRequest, run: Run) {
    this.user = user
    this.warnings = warnings
    this.#request = request
    this.#run = run
  }

  get signal(): AbortSignal {
    return this.#run.cancellation.signal
  }

  get audit(): AuditNotes | undefined {
    return this.#run.notes
  }

  get userAgent(): string {
    return productOf(this.#request.headers['user-agent'])
  }
}

function exchangeOf(request: ApiRequest, context: RequestContext): Exchange {
  const url = request.url ?? '/'
  const path = pathOf(request)
  return {
    request,
    method: (request.method ?? 'GET').toUpperCase(),
    path,
    segments: segmentsOf(path),
    query: new URLSearchParams(url.slice(path.length + 1)),
    context,
  }
}

function pathOf({ url = '/' }: ApiRequest): string {
  const end = url.indexOf('?')
  return end === -1 ? url : url.slice(0, end)
}

function sortOf(method: string): RequestSort {
  return READS.has(method) ? 'reads' : 'writes'
}

/** Every write is compared with the selectors of all watches: so many terms cost as much as another one. */
const TERMS_A_PLACE = 8

function placesOf({ query }: Exchange): number {
  const commas = (name: string) => (query.get(name) ?? '').split(',').length - 1
  return 1 + Math.floor((commas('labelSelector') + commas('fieldSelector')) / TERMS_A_PLACE)
}

function isStreaming(
  { method, query }: Exchange,
  path: ApiPath | undefined,
  extension: Extension | undefined,
): boolean {
  if (extension !== undefined) return extension.streams ?? false
  if (path === undefined || method !== 'GET') return false
  return path.subresource === 'log' || (path.name === '' && isWatch(query))
}
