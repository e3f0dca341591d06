import { once } from 'node:events'
import { mkdtemp, readdir, readlink, rm, stat } from 'node:fs/promises'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { Program, type ProgramOptions, type Result } from '../e2e/support/program.ts'

/** What a server answered. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface RequestOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Where to connect, when it is not what the URL says (`curl --connect-to`). */
  readonly at?: { readonly host: string; readonly port: number }
  /** Of certificate authorities that an https server is trusted by; absent: any certificate is good. */
  readonly ca?: string
  /** Default 5,000. */
  readonly timeoutMs?: number
}

/**
 * A network namespace as a place to act from: programs run there, and connections go out from there though the caller
 * stays where it is.
 */
export class Place {
  /** What `nsenter --net=` takes. */
  readonly path: string
  #relay: Promise<Relay> | undefined
  readonly #forwards: Server[] = []

  constructor(path: string) {
    this.path = path
  }

  /** Starts a program here. The caller ends it. */
  spawn(command: string, args: readonly string[], options?: ProgramOptions): Program {
    // Not `ip netns exec`: it mounts /sys anew, without the control groups.
    return new Program('nsenter', [`--net=${this.path}`, command, ...args], options)
  }

  /** Runs a program here to its end. */
  run(command: string, args: readonly string[], options?: ProgramOptions): Promise<Result> {
    return this.spawn(command, args, options).ended
  }

  /** Like {@link run}, but another exit code than 0 throws with what was printed. Answers with stdout. */
  async runOk(command: string, args: readonly string[], options?: ProgramOptions): Promise<string> {
    const { code, stdout, stderr } = await this.run(command, args, options)
    if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`)
    return stdout
  }

  /** Opens a TCP connection from here. Rejects with the code of the refusal. */
  async connect(host: string, port: number): Promise<Socket> {
    const { socketPath } = await this.#started()
    const socket = connect({ path: socketPath, allowHalfOpen: true })
    const answer = await ask(socket, `tcp ${host} ${port}\n`)
    if (answer === 'ok') return socket
    socket.destroy()
    throw refused(answer, host, port)
  }

  /** Sends a datagram from here and waits for the answer. */
  async askByUdp(host: string, port: number, message: Buffer, timeoutMs = 5_000): Promise<Buffer> {
    const { socketPath } = await this.#started()
    const socket = connect({ path: socketPath, allowHalfOpen: true })
    const answer = await ask(socket, `udp ${host} ${port} ${timeoutMs} ${message.toString('base64')}\n`)
    socket.destroy()
    if (answer.startsWith('ok ')) return Buffer.from(answer.slice(3), 'base64')
    throw refused(answer, host, port)
  }

  /** One HTTP or HTTPS request from here, over a connection of its own. */
  async request(url: string, options: RequestOptions = {}): Promise<Answer> {
    const { method = 'GET', headers = {}, body, ca, timeoutMs = 5_000 } = options
    const { protocol, hostname, host, port, pathname, search } = new URL(url)
    const isTls = protocol === 'https:'
    const at = options.at ?? { host: hostname, port: Number(port) || (isTls ? 443 : 80) }
    const signal = AbortSignal.timeout(timeoutMs)
    const plain = await untilAborted(this.connect(at.host, at.port), signal, `connecting to ${at.host}`)
    const trust = ca === undefined ? { rejectUnauthorized: false } : { ca }
    const socket = isTls ? connectTls({ socket: plain, servername: hostname, ...trust }) : plain
    try {
      return await new Promise<Answer>((resolve, reject) => {
        const request = httpRequest({
          ...{ method, signal, path: `${pathname}${search}`, headers: { host, ...headers } },
          createConnection: () => socket,
        })
        request.on('error', reject)
        request.on('response', response => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(chunks).toString(),
            }),
          )
        })
        request.end(body)
      })
    } finally {
      socket.destroy()
      plain.destroy()
    }
  }

  /** Makes a port of this machine's loopback that leads to a port seen from here. Answers with its number. */
  async forward(host: string, port: number): Promise<number> {
    const server = createServer({ allowHalfOpen: true }, client => {
      client.on('error', () => undefined)
      this.connect(host, port).then(
        target => {
          target.on('error', () => client.destroy())
          target.on('close', () => client.destroy())
          client.on('close', () => target.destroy())
          client.pipe(target).pipe(client)
        },
        () => client.destroy(),
      )
    })
    this.#forwards.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  /** The processes that live in this namespace, but for the one that makes connections for the test. */
  async processes(): Promise<readonly number[]> {
    const own = await namespaceOf(this.path)
    const relay = await this.#relay?.catch(() => undefined)
    const found: number[] = []
    for (const name of await readdir('/proc')) {
      if (!/^\d+$/.test(name) || Number(name) === relay?.program.pid) continue
      const namespace = await readlink(`/proc/${name}/ns/net`).catch(() => undefined)
      if (namespace !== undefined && namespace === own) found.push(Number(name))
    }
    return found
  }

  /** Ends what was started to make connections from here; programs are their callers' to end. */
  async close(): Promise<void> {
    for (const server of this.#forwards.splice(0)) server.close()
    const relay = await this.#relay?.catch(() => undefined)
    this.#relay = undefined
    if (relay === undefined) return
    await relay.program.stop('SIGKILL')
    await rm(relay.folder, { recursive: true, force: true })
  }

  #started(): Promise<Relay> {
    this.#relay ??= this.#start()
    return this.#relay
  }

  async #start(): Promise<Relay> {
    const folder = await mkdtemp(join(tmpdir(), 'bowline-relay-'))
    const socketPath = join(folder, 'socket')
    const script = join(import.meta.dirname, 'namespace-relay.mjs')
    const program = this.spawn(process.execPath, [script, socketPath], { keepInput: true })
    await new Promise<void>((resolve, reject) => {
      program.child.stdout?.once('data', () => resolve())
      void program.ended.then(({ stderr }) => reject(new Error(`the relay ended: ${stderr}`)), reject)
    })
    return { program, folder, socketPath }
  }
}

interface Relay {
  readonly program: Program
  readonly folder: string
  readonly socketPath: string
}

/** The identity of a namespace, as `/proc/<pid>/ns/net` shows it. */
async function namespaceOf(path: string): Promise<string> {
  return `net:[${(await stat(path)).ino}]`
}

/** Writes a line and answers with the first line that comes back; what follows it stays in the socket. */
function ask(socket: Socket, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let head = Buffer.alloc(0)
    // Read, not listened to: a socket that never flowed is as good as new for whoever takes it over.
    function read(): void {
      for (
        let byte = socket.read(1) as Buffer | null;
        byte !== null;
        byte = socket.read(1) as Buffer | null
      ) {
        if (byte[0] !== 10) {
          head = Buffer.concat([head, byte])
          continue
        }
        socket.off('readable', read).off('error', reject).off('end', onEnd)
        return resolve(head.toString())
      }
    }
    const onEnd = (): void => reject(new Error('the relay broke off'))
    socket.on('readable', read).on('error', reject).on('end', onEnd)
    socket.write(line)
  })
}

function refused(answer: string, host: string, port: number): Error {
  const code = answer.replace(/^error /, '')
  return Object.assign(new Error(`connect ${code} ${host}:${port}`), { code })
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new Error(`${what} took too long`))
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
