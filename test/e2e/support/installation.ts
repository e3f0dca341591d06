import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../src/base/index.ts'
import { createHttpsClient, type HttpsClient, readKubeconfig } from '../../../src/client/index.ts'
import { type App, Kinds, type Pod, parseYamlValue, type RecordObject } from '../../../src/kube/index.ts'
import { eventually } from '../../base/eventually.ts'
import type { GitRepository } from './git.ts'
import type { Program, ProgramOptions, Result } from './program.ts'

/** How long anything may take on a busy machine before a test gives up. */
export const PATIENCE_MS = 60_000

/** Between looks at an installation: each costs its server some milliseconds, which what is waited for needs itself. */
const LOOK_MS = 50

export interface InstallationOptions {
  /** From `inject('bowlineMain')`. */
  readonly main: string
  /** Holds everything of the installation. */
  readonly folder: string
  readonly repository: GitRepository
  /** Starts a program where the server is. */
  readonly launcher: (command: string, args: readonly string[], options?: ProgramOptions) => Program
}

/**
 * A server with its repository, and the tools that talk to it (kubectl, bowline, git), each the real program: what one host
 * and several have in common.
 */
export abstract class Installation {
  readonly folder: string
  readonly dataDir: string
  readonly kubeconfig: string
  readonly repository: GitRepository
  readonly #main: string
  readonly #launcher: InstallationOptions['launcher']
  #client: HttpsClient | undefined

  protected constructor({ main, folder, repository, launcher }: InstallationOptions) {
    this.folder = folder
    this.dataDir = join(folder, 'data')
    this.kubeconfig = join(this.dataDir, 'kubeconfig')
    this.repository = repository
    this.#main = main
    this.#launcher = launcher
  }

  /** Where this process reaches the server, when that is not what the kubeconfig says. */
  protected serverUrl(): string | undefined {
    return undefined
  }

  /** What reads the cluster in the tests; administrator. */
  get client(): HttpsClient {
    this.#client ??= connect(this.kubeconfig, this.serverUrl())
    return this.#client
  }

  kubectl(args: readonly string[], input = ''): Promise<Result> {
    return this.#launcher('kubectl', args, { env: this.#kubectlEnv, input }).ended
  }

  /** Like {@link kubectl}, but a failure throws with what kubectl said. Answers with stdout. */
  async kubectlOk(args: readonly string[], input = ''): Promise<string> {
    const { code, stdout, stderr } = await this.kubectl(args, input)
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`)
    return stdout
  }

  /** Starts a kubectl that goes on, such as one that follows. The caller ends it. */
  spawnKubectl(args: readonly string[]): Program {
    return this.#launcher('kubectl', args, { env: this.#kubectlEnv })
  }

  get #kubectlEnv(): Record<string, string> {
    return {
      HOME: this.folder,
      KUBECONFIG: this.kubeconfig,
      KUBECACHEDIR: join(this.folder, 'kube-cache'),
    }
  }

  /** Runs a bowline command in the clone of the repository. */
  bowline(...args: readonly string[]): Promise<Result> {
    return this.spawn(args).ended
  }

  /** Starts a bowline command. */
  spawn(args: readonly string[], { env, ...options }: ProgramOptions = {}): Program {
    return this.#launcher(process.execPath, this.command(args), {
      cwd: this.repository.clone,
      ...options,
      env: { ...this.environment, ...env },
    })
  }

  /** The arguments of `node` for a bowline command. */
  protected command(args: readonly string[]): readonly string[] {
    return [this.#main, ...args]
  }

  protected get environment(): Record<string, string> {
    return { ...this.repository.env, BOWLINE_KUBECONFIG: this.kubeconfig, NO_COLOR: '1' }
  }

  /** Pushes a commit and waits until its apps have settled. Answers with what `bowline follow` said. */
  async deploy(message: string, files: Parameters<GitRepository['push']>[1]): Promise<Result> {
    const commit = await this.repository.push(message, files)
    return this.bowline('follow', commit, '--deadline', String(PATIENCE_MS / 1_000))
  }

  /** Polls until `condition` gives a value that is not undefined or false. A server that is away for a moment is no failure. */
  until<T>(
    what: string,
    condition: () => Promise<T | undefined | false>,
    patienceMs: number = PATIENCE_MS,
  ): Promise<T> {
    let problem = ''
    return eventually<T>(
      what,
      async () => {
        try {
          const value = await condition()
          if (value === undefined || value === false) await systemClock.sleep(LOOK_MS)
          return value
        } catch (error) {
          if (error instanceof Hopeless) throw error
          problem = String(error)
          await systemClock.sleep(100)
          return undefined
        }
      },
      patienceMs,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}${problem === '' ? '' : `; last problem: ${problem}`}`)
    })
  }

  pod(namespace: string, name: string): Promise<Pod> {
    return this.client.get(Kinds.Pod, name, { namespace })
  }

  /** The pods of a namespace that are not on their way out. */
  async pods(namespace: string, labelSelector?: string): Promise<readonly Pod[]> {
    const { items } = await this.client.list(Kinds.Pod, {
      namespace,
      ...(labelSelector === undefined ? {} : { labelSelector }),
    })
    return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  }

  /** Resolves when exactly so many pods of a namespace are there and ready. */
  readyPods(namespace: string, count: number, labelSelector?: string): Promise<readonly Pod[]> {
    return this.until(`${count} ready pods in ${namespace}`, async () => {
      const { items } = await this.client.list(Kinds.Pod, {
        namespace,
        ...(labelSelector === undefined ? {} : { labelSelector }),
      })
      return items.length === count && items.every(isReady) && items
    })
  }

  async app(name: string): Promise<App> {
    return await this.client.get(Kinds.App, name)
  }

  /** The records of an app, oldest first. */
  async records(app: string): Promise<readonly RecordObject[]> {
    const { items } = await this.client.list(Kinds.Record, { labelSelector: `bowline.dev/app=${app}` })
    return items.toSorted((a, b) => a.spec.sequence - b.spec.sequence)
  }

  /** Forgets the client: the next use makes a new one. */
  protected async disconnect(): Promise<void> {
    await this.#client?.close()
    this.#client = undefined
  }
}

/** Ends a wait at once: what is waited for cannot come any more. */
export class Hopeless extends Error {}

/** A client of the server that a kubeconfig names, or of the one at `url`. */
export function connect(path: string, url?: string): HttpsClient {
  const { ca, credentials, ...named } = readKubeconfig(parseYamlValue(readFileSync(path, 'utf8')))
  const server = url ?? named.server
  return createHttpsClient({
    ...{ server, credentials, userAgent: 'bowline-test', fieldManager: 'bowline-test', clock: systemClock },
    ...(ca === undefined ? {} : { ca }),
  })
}

export function isReady({ metadata, status }: Pod): boolean {
  return (
    metadata.deletionTimestamp === undefined &&
    status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
  )
}
