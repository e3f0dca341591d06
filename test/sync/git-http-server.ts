import { spawn } from 'node:child_process'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface GitHttpServer {
  readonly url: string
  /** Requests so far, `GET /repo/info/refs?…` each, with whether they carried credentials. */
  readonly requests: { readonly line: string; readonly authorized: boolean }[]
  /** When set, every request is answered by it. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
  close(): Promise<void>
}

/** Smart HTTP by git's own `http-backend` as a CGI program, for the repositories under `root`. With `password`, Basic authentication. */
export async function startGitHttpServer(root: string, password?: string): Promise<GitHttpServer> {
  const expected = `Basic ${Buffer.from(`ada:${password}`).toString('base64')}`
  const requests: { readonly line: string; readonly authorized: boolean }[] = []
  const server: Server = createServer((request, response) => {
    const authorized = request.headers.authorization !== undefined
    requests.push({ line: `${request.method} ${request.url}`, authorized })
    if (state.intercept !== undefined) state.intercept(request, response)
    else if (password !== undefined && request.headers.authorization !== expected)
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="git"' }).end('no')
    else runBackend(root, request, response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const state: GitHttpServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    intercept: undefined,
    close: () =>
      new Promise(resolve => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  return state
}

function runBackend(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://localhost')
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'http.receivepack',
      GIT_CONFIG_VALUE_0: 'true',
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      REMOTE_USER: 'ada',
      REMOTE_ADDR: '127.0.0.1',
      ...(request.headers['content-encoding']
        ? { HTTP_CONTENT_ENCODING: request.headers['content-encoding'] }
        : {}),
      ...(request.headers['git-protocol'] ? { GIT_PROTOCOL: String(request.headers['git-protocol']) } : {}),
      ...(request.headers['content-length'] ? { CONTENT_LENGTH: request.headers['content-length'] } : {}),
    },
  })
  child.stdin.on('error', () => {})
  request.pipe(child.stdin)
  let head = Buffer.alloc(0)
  let sent = false
  child.stdout.on('data', (chunk: Buffer) => {
    if (sent) return void response.write(chunk)
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end === -1) return
    sent = true
    let status = 200
    const headers: Record<string, string> = {}
    for (const line of head.subarray(0, end).toString('latin1').split('\r\n')) {
      const [name = '', value = ''] = line.split(/: (.*)/)
      if (name.toLowerCase() === 'status') status = Number.parseInt(value, 10)
      else headers[name] = value
    }
    response.writeHead(status, headers)
    response.write(head.subarray(end + 4))
  })
  child.on('close', () => response.end())
}
