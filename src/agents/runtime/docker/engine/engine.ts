import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import { BowlineError, type Clock } from '../../../../base/index.ts'
import { loadDockerode } from './dockerode.ts'
import { type Endpoint, parseEndpoint } from './endpoint.ts'
import { engineError } from './engine-error.ts'

export interface EngineRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Without the API version: `/containers/json`. */
  readonly path: string
  /** Lists become repeated parameters, objects (filters) JSON; absent values are left out. */
  readonly query?: Readonly<Record<string, unknown>>
  readonly body?: object
  /** Sent as it is, in place of a body. */
  readonly archive?: Buffer
  readonly auth?: { readonly username: string; readonly password: string; readonly serveraddress: string }
  /** Completes "Cannot …" in the error. */
  readonly action: string
  /** Default {@link DEFAULT_TIMEOUT_MS}. For a stream: until its answer begins. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** Listing and inspecting take milliseconds; a busy engine that starts a hundred containers may take seconds. */
const DEFAULT_TIMEOUT_MS = 30_000

/** The newest API version that this code was written against; an engine that only speaks newer ones is refused. */
const NEWEST_API = '1.47'

/**
 * One engine's API: the only door to dockerode. Every call ends, in an answer or in a BowlineError: docker-modem never
 * calls back when an engine dies in the middle of an answer, so a timer and an abort stand behind each request.
 *
 * No `agent` is handed to dockerode: docker-modem inspects a request's options at unlimited depth each time, sockets of
 * an agent included, which costs milliseconds a call. Node's global agent keeps connections alive already.
 */
export class Engine {
  readonly version: EngineVersion
  readonly #docker: Docker
  readonly #clock: Clock

  private constructor(docker: Docker, clock: Clock, version: EngineVersion) {
    this.#docker = docker
    this.#clock = clock
    this.version = version
  }

  /** Asks the engine for its version and settles on an API version that both sides speak. */
  static async connect(endpoint: string, clock: Clock, timeoutMs = 5_000): Promise<Engine> {
    const parsed = parseEndpoint(endpoint)
    const first = new Engine(openDocker(parsed), clock, UNKNOWN_VERSION)
    const answer = await first.call<VersionAnswer>({
      method: 'GET',
      path: '/version',
      action: `reach the container engine at ${endpoint}`,
      timeoutMs,
    })
    const version = {
      engine: answer.Version,
      api: negotiateApi(answer.ApiVersion, answer.MinAPIVersion ?? '1.24'),
      architecture: answer.Arch,
    }
    return new Engine(openDocker(parsed, version.api), clock, version)
  }

  /** The parsed JSON of the answer; undefined when it has no body. */
  async call<T>(request: EngineRequest): Promise<T> {
    return (await this.#send(request, false)) as T
  }

  /** The body of the answer as it arrives. The caller reads it to the end or destroys it. */
  async stream(request: EngineRequest): Promise<Readable> {
    return (await this.#send(request, true)) as Readable
  }

  async #send(request: EngineRequest, isStream: boolean): Promise<unknown> {
    const { action, signal, timeoutMs = DEFAULT_TIMEOUT_MS } = request
    if (signal?.aborted) throw engineError(action, signal.reason)
    const abort = new AbortController()
    return await new Promise((resolve, reject) => {
      const settle = (error: unknown, answer?: unknown): void => {
        cancelTimer()
        signal?.removeEventListener('abort', onAbort)
        if (error === null || error === undefined) resolve(answer)
        else reject(engineError(action, error))
      }
      const giveUp = (error: unknown): void => {
        settle(error)
        abort.abort()
      }
      const onAbort = (): void => giveUp(signal?.reason)
      const cancelTimer = this.#clock.after(timeoutMs, () => giveUp(silence(action, timeoutMs)))
      signal?.addEventListener('abort', onAbort, { once: true })
      dial(this.#docker, request, isStream, abort.signal, settle)
    })
  }
}

export interface EngineVersion {
  /** `20.10.24`. */
  readonly engine: string
  /** The one spoken: `1.41`. */
  readonly api: string
  /** As Go names it: `amd64`, `arm64`. */
  readonly architecture: string
}

interface VersionAnswer {
  readonly Version: string
  readonly ApiVersion: string
  readonly MinAPIVersion?: string
  readonly Arch: string
}

const UNKNOWN_VERSION: EngineVersion = { engine: '', api: '', architecture: '' }

/** The lower of what the engine and this code speak at most. */
function negotiateApi(engineNewest: string, engineOldest: string): string {
  if (compareVersions(engineOldest, NEWEST_API) > 0)
    throw new BowlineError(
      'unsupported',
      `Cannot use the container engine: it speaks no API version below ${engineOldest}, Bowline none above ${NEWEST_API}`,
    )
  return compareVersions(engineNewest, NEWEST_API) < 0 ? engineNewest : NEWEST_API
}

function compareVersions(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number)
  const [majorB = 0, minorB = 0] = b.split('.').map(Number)
  return majorA - majorB || minorA - minorB
}

function openDocker(endpoint: Endpoint, apiVersion?: string): Docker {
  // dockerode fills what is missing from DOCKER_HOST; a key that is there, even undefined, overrides that.
  const nothing = { host: undefined, port: undefined, socketPath: undefined, ca: undefined, cert: undefined }
  const version = apiVersion === undefined ? undefined : `v${apiVersion}`
  const Dockerode = loadDockerode()
  return new Dockerode({
    ...nothing,
    key: undefined,
    protocol: 'http',
    ...endpoint,
    version,
  } as Docker.DockerOptions)
}

function silence(action: string, timeoutMs: number): BowlineError {
  return new BowlineError(
    'unavailable',
    `Cannot ${action}: the engine did not answer within ${timeoutMs / 1000} s`,
    { retryable: true },
  )
}

type Settle = (error: unknown, answer?: unknown) => void

/** The part of docker-modem's own request that is used here. */
interface Dial {
  dial(
    options: {
      path: string
      method: string
      options: { _query: object; _body: object }
      statusCodes: Readonly<Record<number, true>>
      isStream: boolean
      abortSignal: AbortSignal
      file?: Buffer
      authconfig?: object
    },
    callback: Settle,
  ): void
}

const SUCCESS = { 200: true, 201: true, 204: true, 304: true } as const

function dial(
  docker: Docker,
  request: EngineRequest,
  isStream: boolean,
  signal: AbortSignal,
  settle: Settle,
): void {
  const modem = docker.modem as Dial
  // The trailing "?" makes docker-modem append `_query`.
  modem.dial(
    {
      path: `${request.path}?`,
      method: request.method,
      options: { _query: withoutAbsent(request.query), _body: request.body ?? {} },
      statusCodes: SUCCESS,
      isStream,
      abortSignal: signal,
      ...(request.archive && { file: request.archive }),
      ...(request.auth && { authconfig: request.auth }),
    },
    settle,
  )
}

function withoutAbsent(query: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined))
}
