import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { Clock, Logger, Service } from './base/index.ts'
import type { KindView } from './kinds/index.ts'
import type { App } from './kube/index.ts'
import {
  findGit,
  type GitBinary,
  openRepository,
  ParseCache,
  ParsePool,
  type Repository,
  RevisionLoader,
} from './sync/index.ts'
import { VERSION } from './version.ts'

/** The variables that git commands may need. */
type Environment = Readonly<Record<string, string | undefined>>

/** Opens the source of an App: its repository, and the loader that turns commits into revisions. */
export class SourceOpener implements Service {
  readonly #cacheFolder: string
  readonly #clock: Clock
  readonly #git: GitBinary | undefined
  readonly #pool: ParsePool
  readonly #cache: ParseCache
  readonly #kinds: () => Promise<KindView>

  private constructor(
    cacheFolder: string,
    clock: Clock,
    git: GitBinary | undefined,
    cache: ParseCache,
    kinds: () => Promise<KindView>,
  ) {
    this.#kinds = kinds
    this.#cacheFolder = cacheFolder
    this.#clock = clock
    this.#git = git
    this.#cache = cache
    this.#pool = new ParsePool({ clock, workers: Math.max(1, availableParallelism() - 1) })
  }

  /** `cacheFolder` holds nothing that cannot be made again. */
  static async create(options: {
    readonly cacheFolder: string
    readonly environment: Environment
    readonly clock: Clock
    readonly log: Logger
    /** The kinds that are defined in the cluster, at the time of the call. */
    readonly kinds: () => Promise<KindView>
    /** Called when what was opened before relied on a cache that is damaged: it is to be opened again. */
    readonly onDamage: () => void
  }): Promise<SourceOpener> {
    const { cacheFolder, environment, clock, log, kinds, onDamage } = options
    const [git, cache] = await Promise.all([
      findGit(environment),
      ParseCache.open(join(cacheFolder, 'parsed'), { log, version: VERSION, onDamage }),
    ])
    return new SourceOpener(cacheFolder, clock, git, cache, kinds)
  }

  async open({
    metadata,
    spec,
  }: App): Promise<{ readonly repository: Repository; readonly loader: RevisionLoader }> {
    const { source, namespace = 'default' } = spec
    const repository = await openRepository(source, {
      cacheFolder: join(this.#cacheFolder, 'repositories'),
      git: this.#git,
      clock: this.#clock,
    })
    const loader = new RevisionLoader({
      reader: repository.reader,
      pool: this.#pool,
      cache: this.#cache,
      folder: source.path,
      whole: { name: metadata.name ?? '', namespace },
      kinds: this.#kinds,
    })
    return { repository, loader }
  }

  /** Until the signal; what was opened cannot be used any more then. */
  async start(signal: AbortSignal): Promise<void> {
    if (!signal.aborted)
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
    await this.#pool.close()
    await this.#cache.close()
  }
}
