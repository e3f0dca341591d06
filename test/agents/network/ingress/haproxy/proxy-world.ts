import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, createServer, type IncomingMessage, request, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultCertificate } from '../../../../../src/agents/network/ingress/default-certificate.ts'
import type { ProxyOptions } from '../../../../../src/agents/network/ingress/haproxy/config.ts'
import { proxyDefaults } from '../../../../../src/agents/network/ingress/haproxy/defaults.ts'
import { findHaproxy, readInfo } from '../../../../../src/agents/network/ingress/haproxy/program.ts'
import { Haproxy } from '../../../../../src/agents/network/ingress/haproxy/proxy.ts'
import type { ProxyBackend, ProxyModel, ProxyRoute } from '../../../../../src/agents/network/ingress/model.ts'
import { silentLogger, systemClock } from '../../../../../src/base/index.ts'

/** A real proxy on loopback ports of its own. */
export class ProxyWorld {
  readonly folder: string
  readonly options: ProxyOptions
  ends = 0
  readonly #root: string
  readonly #program: string
  readonly #opened: Haproxy[] = []
  readonly #closers: (() => void)[] = []

  private constructor(root: string, program: string, options: ProxyOptions) {
    this.#root = root
    this.folder = join(root, 'ingress')
    this.#program = program
    this.options = options
  }

  static async open(): Promise<ProxyWorld> {
    const root = await mkdtemp(join(tmpdir(), 'bowline-ingress-'))
    const [httpPort = 0, httpsPort = 0] = await freePorts(2)
    const options = await proxyDefaults({ httpPort, httpsPort })
    const program = (await findHaproxy()) ?? ''
    return new ProxyWorld(root, program, { ...options, addresses: ['127.0.0.1'], threads: 2 })
  }

  /** The proxy as a fresh agent meets it. */
  agent(): Haproxy {
    const haproxy = new Haproxy({
      folder: this.folder,
      program: this.#program,
      proxy: this.options,
      defaultCertificate: () => defaultCertificate(join(this.#root, 'default.pem'), systemClock),
      onEnd: () => {
        this.ends += 1
      },
      clock: systemClock,
      log: silentLogger,
    })
    this.#opened.push(haproxy)
    return haproxy
  }

  /** The process that serves; 0 when there is none. */
  async worker(): Promise<number> {
    return (await readInfo(this.folder))?.pid ?? 0
  }

  /** A pod that answers with its name and what it was asked. */
  async pod(name: string): Promise<TestPod> {
    const server = createServer((incoming, response) => {
      incoming.resume().on('end', () => {
        response.setHeader('content-type', 'application/json')
        response.end(
          JSON.stringify({
            pod: name,
            method: incoming.method,
            url: incoming.url,
            headers: incoming.headers,
          }),
        )
      })
    })
    const port = await listen(server)
    this.#closers.push(
      () => server.closeAllConnections(),
      () => server.close(),
    )
    return { name, server, endpoint: { address: '127.0.0.1', port, state: 'ready' } }
  }

  onClose(close: () => void): void {
    this.#closers.push(close)
  }

  get(host: string, path = '/', options: RequestOptions = {}): Promise<Reply> {
    return send({ port: this.options.httpPort, host, path, ...options })
  }

  async close(): Promise<void> {
    for (const haproxy of this.#opened) haproxy.close()
    await this.agent().stop()
    for (const close of this.#closers) close()
    await rm(this.#root, { recursive: true, force: true })
  }
}

export interface TestPod {
  readonly name: string
  readonly server: Server
  readonly endpoint: ProxyBackend['endpoints'][number]
}

interface RequestOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly agent?: Agent
}

export interface Reply {
  readonly code: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  /** The name of the pod that answered. */
  readonly pod: string | undefined
}

export function send(
  options: RequestOptions & { readonly port: number; readonly host: string; readonly path: string },
): Promise<Reply> {
  const { port, host, path, method = 'GET', headers = {}, body, agent } = options
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        path,
        method,
        headers: { ...headers, host },
        ...(agent ? { agent } : { agent: false }),
      },
      incoming => {
        let text = ''
        incoming.setEncoding('utf8')
        incoming.on('data', (chunk: string) => {
          text += chunk
        })
        incoming.on('error', reject)
        incoming.on('end', () => {
          const isPod = incoming.headers['content-type'] === 'application/json'
          const pod = isPod ? (JSON.parse(text) as { pod: string }).pod : undefined
          resolve({ code: incoming.statusCode ?? 0, headers: incoming.headers, text, pod })
        })
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

const CLIENTS = 4

interface LoadOptions {
  readonly methods?: readonly string[]
  /** Who answered; undefined counts as a failure. Default: what a pod of `ProxyWorld` says. */
  readonly podOf?: (reply: Reply) => string | undefined
  readonly pauseMs?: number
}

/** Requests from several clients that keep their connections, until it is stopped. */
export class Load {
  readonly failures: string[] = []
  answers = 0
  readonly pods: Set<string> = new Set()
  #stopped = false
  readonly #clients: Promise<void>[]

  constructor(port: number, host: string, options: LoadOptions = {}) {
    this.#clients = Array.from({ length: CLIENTS }, (_, index) => this.#run({ port, host }, options, index))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#clients)
  }

  async #run(
    target: { port: number; host: string },
    { methods = ['GET', 'POST', 'GET'], podOf = ({ pod }) => pod, pauseMs = 0 }: LoadOptions,
    index: number,
  ): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let count = 0; !this.#stopped; count += 1) {
      const method = methods[(count + index) % methods.length] ?? 'GET'
      try {
        const body = method === 'POST' ? 'x'.repeat(1000) : undefined
        const reply = await send({
          ...target,
          path: '/',
          method,
          agent,
          ...(body ? { body } : {}),
        })
        const pod = podOf(reply)
        if (reply.code === 200 && pod !== undefined) this.pods.add(pod)
        else this.failures.push(`${method}: ${reply.code} ${reply.text}`)
        this.answers += 1
        if (pauseMs > 0) await systemClock.sleep(pauseMs)
      } catch (error) {
        this.failures.push(`${method}: ${error}`)
      }
    }
    agent.destroy()
  }
}

export function route(route: Partial<ProxyRoute> & { readonly backend: string | undefined }): ProxyRoute {
  return { host: 'a.test', match: 'prefix', path: '', redirect: false, ...route }
}

export function backendOf(name: string, ...pods: readonly TestPod[]): ProxyBackend {
  return { name, protocol: 'http', endpoints: pods.map(({ endpoint }) => endpoint) }
}

export function modelOf(parts: Partial<ProxyModel>): ProxyModel {
  return { routes: [], backends: [], certificates: [], challenges: [], problems: [], ...parts }
}

export async function listen(server: Pick<Server, 'listen' | 'address'>): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()))
  return (server.address() as AddressInfo).port
}

export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createTcpServer())
  const ports: number[] = []
  for (const server of servers) ports.push(await listen(server as unknown as Server))
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}
