import { request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { type Clock, messageOf } from '../../base/index.ts'
import type { HTTPGetAction } from '../../kube/index.ts'
import type { ProbeAnswer } from './probe.ts'

/** kubelet names itself so; servers tell probes from people by it. */
const USER_AGENT = 'kube-probe/1.32'
/** What is kept of an unhealthy answer's body for the event. */
const MAX_BODY_BYTES = 1024

export interface HttpTarget {
  readonly host: string
  readonly port: number
  readonly timeoutMs: number
}

/** One GET on a connection of its own: 200 to 399 is healthy. A certificate is not checked, as upstream does not. */
export function runHttp(action: HTTPGetAction, target: HttpTarget, clock: Clock): Promise<ProbeAnswer> {
  const isHttps = action.scheme === 'HTTPS'
  const path = `/${(action.path ?? '/').replace(/^\/+/, '')}`
  const url = `${isHttps ? 'https' : 'http'}://${bracketed(target.host)}:${target.port}${path}`
  const headers: Record<string, string> = { 'user-agent': USER_AGENT, accept: '*/*', connection: 'close' }
  for (const { name, value } of action.httpHeaders ?? []) headers[name.toLowerCase()] = value
  const options: RequestOptions & { rejectUnauthorized: boolean } = {
    host: target.host,
    port: target.port,
    path,
    headers,
    agent: false,
    rejectUnauthorized: false,
  }
  return new Promise(resolve => {
    const failed = (text: string) => finish({ ok: false, output: `Get "${url}": ${text}` })
    let request: ReturnType<typeof httpRequest> | undefined
    const cancelTimer = clock.after(target.timeoutMs, () =>
      failed('context deadline exceeded (Client.Timeout exceeded while awaiting headers)'),
    )
    function finish(answer: ProbeAnswer): void {
      cancelTimer()
      resolve(answer)
      request?.destroy()
    }
    try {
      request = (isHttps ? httpsRequest : httpRequest)(options)
    } catch (error) {
      // A header or path that Node refuses to send.
      return failed(messageOf(error))
    }
    request.on('error', error => failed(connectProblem(error, target)))
    request.on('response', response => {
      const status = response.statusCode ?? 0
      if (status >= 200 && status < 400) return finish({ ok: true, output: '' })
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > MAX_BODY_BYTES) response.destroy()
      })
      response.on('close', () =>
        finish({ ok: false, output: `HTTP probe failed with statuscode: ${status}` }),
      )
    })
    request.end()
  })
}

/** Healthy when the port takes a connection. */
export function runTcp({ host, port, timeoutMs }: HttpTarget, clock: Clock): Promise<ProbeAnswer> {
  return new Promise(resolve => {
    const socket = connect({ host, port })
    const cancelTimer = clock.after(timeoutMs, () =>
      finish({ ok: false, output: `dial tcp ${bracketed(host)}:${port}: i/o timeout` }),
    )
    function finish(answer: ProbeAnswer): void {
      cancelTimer()
      socket.destroy()
      resolve(answer)
    }
    socket.on('connect', () => finish({ ok: true, output: '' }))
    socket.on('error', error =>
      finish({ ok: false, output: connectProblem(error, { host, port, timeoutMs }) }),
    )
  })
}

/** Go's words for the common cases, which people search for. */
function connectProblem(error: Error, { host, port }: HttpTarget): string {
  const code = (error as { code?: unknown }).code
  const dial = `dial tcp ${bracketed(host)}:${port}`
  if (code === 'ECONNREFUSED') return `${dial}: connect: connection refused`
  if (code === 'EHOSTUNREACH') return `${dial}: connect: no route to host`
  if (code === 'ENETUNREACH') return `${dial}: connect: network is unreachable`
  if (code === 'ECONNRESET') return `${dial}: read: connection reset by peer`
  return messageOf(error)
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
