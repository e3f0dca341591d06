import { IncomingMessage, type OutgoingHttpHeader, type ServerResponse } from 'node:http'
import { constants, type Http2ServerRequest, Http2ServerResponse, type OutgoingHttpHeaders } from 'node:http2'
import { TLSSocket } from 'node:tls'

/** A request by either protocol, HTTP/1.1 or HTTP/2. */
export type ApiRequest = IncomingMessage | Http2ServerRequest
/** The answer to it. */
export type ApiResponse = ServerResponse | Http2ServerResponse

/** The connection that a request came by: the same object for all requests of a connection. Undefined where it is not TLS, or is gone. */
export function connectionOf(request: ApiRequest): TLSSocket | undefined {
  const socket = request instanceof IncomingMessage ? request.socket : request.stream.session?.socket
  return socket instanceof TLSSocket ? socket : undefined
}

/** Every value of every header, by its name in lower case. */
export function distinctHeaders(request: ApiRequest): { readonly [name: string]: readonly string[] } {
  if (request instanceof IncomingMessage) return request.headersDistinct as { [name: string]: string[] }
  const found: { [name: string]: string[] } = Object.create(null)
  const { rawHeaders } = request
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    found[name] ??= []
    found[name].push(rawHeaders[at + 1] as string)
  }
  return found
}

/** Begins an answer; names and values of headers come by turns, as HTTP/1.1 takes them fastest. */
export function writeHead(response: ApiResponse, code: number, headers: OutgoingHttpHeader[]): void {
  if (!(response instanceof Http2ServerResponse)) {
    response.writeHead(code, headers)
    return
  }
  const named: OutgoingHttpHeaders = {}
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] as string
    // What HTTP/1.1 says of its connection, HTTP/2 says in frames of its own.
    if (name !== 'connection') named[name] = headers[at + 1]
  }
  response.writeHead(code, named)
}

/** Whether nobody reads this answer any more. */
export function isGone(response: ApiResponse): boolean {
  return response instanceof Http2ServerResponse ? response.stream.destroyed : response.destroyed
}

/** Breaks an answer off, so that its client sees that it is not whole. */
export function cut(response: ApiResponse): void {
  if (!(response instanceof Http2ServerResponse)) response.destroy()
  else if (!isGone(response)) response.stream.close(constants.NGHTTP2_INTERNAL_ERROR)
}

/**
 * Says with an answer, in its headers, that what is left of its request is not waited for: HTTP/1.1 gives up the connection, HTTP/2 this
 * request alone.
 */
export function refuseRest(
  request: ApiRequest,
  response: ApiResponse,
): { readonly [header: string]: string } {
  if (request.complete) return {}
  if (!(response instanceof Http2ServerResponse)) return { connection: 'close' }
  const { stream } = response
  // Node does so itself where nobody has begun to read.
  if (!stream.endAfterHeaders && request.readableFlowing !== null)
    stream.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR))
  return {}
}

/**
 * Takes no further request of a connection of HTTP/2 whose client has not said who it is: it could send hundreds at once, and again
 * (apiserver `UnauthenticatedHTTP2DOSMitigation`). Those of HTTP/1.1 come one after the other.
 */
export function refuseMore(request: ApiRequest): void {
  if (!(request instanceof IncomingMessage)) request.stream.session?.close()
}
