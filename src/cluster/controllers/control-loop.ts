import {
  BowlineError,
  breathe,
  type Clock,
  deepEqual,
  type Ids,
  type Logger,
  messageOf,
  type Service,
  WorkQueue,
} from '../../base/index.ts'
import {
  type Client,
  createEventRecorder,
  type EventRecorder,
  type IndexFunction,
  type Informer,
  type InformerHandler,
  type Informers,
  untilSynced,
} from '../../client/index.ts'
import {
  isAlreadyExists,
  isConflict,
  isNotFound,
  isTransient,
  type Kind,
  type KubeObject,
  objectKey,
} from '../../kube/index.ts'

/** What every controller is given. The informers are shared, so that each kind is watched once. */
export interface ControllerContext {
  readonly client: Client
  readonly informers: Informers
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/** What a reconcile may ask for. Nothing asked: look again when something changes. */
export interface ReconcileResult {
  /** Look again after this long even if nothing changes. */
  readonly requeueAfterMs?: number
}

export interface ControlLoopOptions {
  /** As upstream names it: `replicaset-controller`. Events and lines of the log carry it. */
  readonly name: string
  /**
   * Makes the world right for one key, or finds that it is. Level-triggered: it is told where to look, never what happened;
   * it may be called at any time, any number of times, and be cut off at any point.
   */
  reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined> | Promise<void>
  /** What has to be done once when all that is followed is known, before the first key. It throws when the loop cannot go on. */
  begin?(): Promise<void>
  /** How many keys at once. Default 5, as upstream's controllers. */
  readonly workers?: number
}

/** What to do about the objects of a kind; a function is told of each state alike: added, updated, and the last of what was deleted. */
export type Follower<T extends KubeObject> = InformerHandler<T> | ((object: T) => void)

/** Which of the objects that are there at the start a follower will look at. */
interface Needs {
  readonly objects: boolean
  readonly mentioning: readonly string[] | undefined
}

function needsOf<T extends KubeObject>({ added, appeared, mentioning }: InformerHandler<T>): Needs {
  return { objects: added !== undefined && appeared === undefined, mentioning }
}

/**
 * The frame of a controller: informers that feed a queue of keys, and workers that reconcile them. The one place that decides
 * on retries: a failed key comes again after its back-off (5 ms doubling to a minute), but for an error that says that only a
 * change can help.
 *
 *     this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key) })
 *     this.#nodes = this.#loop.follow(Kinds.Node, this.#loop.enqueue)
 */
export class ControlLoop implements Service {
  readonly events: EventRecorder
  readonly log: Logger
  readonly #options: ControlLoopOptions
  readonly #informers: Informers
  readonly #followed: { readonly informer: Informer<KubeObject>; readonly needs: Needs }[] = []
  /** Each begins a subscription and answers with what ends it. */
  readonly #subscribe: (() => () => void)[] = []
  readonly #queue: WorkQueue

  constructor({ client, informers, clock, log }: ControllerContext, options: ControlLoopOptions) {
    this.events = createEventRecorder({ client, component: options.name, clock, log })
    this.log = log.with({ controller: options.name })
    this.#options = options
    this.#informers = informers
    this.#queue = new WorkQueue(clock)
  }

  /** Asks for a look at `key`. */
  add(key: string): void {
    this.#queue.add(key)
  }

  /** Asks for a look at `key` after `ms`; of several waits for a key the earliest counts. */
  addAfter(key: string, ms: number): void {
    this.#queue.addAfter(key, ms)
  }

  /** Asks for a look at an object, for controllers whose keys are those of objects: `namespace/name` or `name`. */
  readonly enqueue = (object: KubeObject): void => this.#queue.add(objectKey(object))

  /**
   * The shared informer of a kind. It has the indexes from now on, which are of what `follower` is told of, where it says what it wants
   * to be told of. Once the informers of all kinds have their objects, the followers are told of what is there, in the order of the calls,
   * and from then on of every change. No key is looked at before that.
   */
  follow<T extends KubeObject>(
    kind: Kind<T>,
    follower: Follower<NoInfer<T>> = {},
    indexes: Readonly<Record<string, IndexFunction<NoInfer<T>>>> = {},
  ): Informer<T> {
    const informer = this.#informers.of(kind)
    const handler: InformerHandler<T> =
      typeof follower === 'function' ? { added: follower, updated: follower, deleted: follower } : follower
    for (const [name, of] of Object.entries(indexes)) informer.addIndex(name, of, handler.mentioning)
    this.#followed.push({ informer: informer as unknown as Informer<KubeObject>, needs: needsOf(handler) })
    this.#subscribe.push(() => informer.subscribe(handler))
    return informer
  }

  async start(signal: AbortSignal): Promise<void> {
    const subscriptions: (() => void)[] = []
    const informers = this.#followed.map(({ informer }) => informer)
    if (await untilSynced(informers, signal)) {
      for (const { informer, needs } of this.#followed)
        if (needs.objects) await informer.complete(signal, needs.mentioning)
      for (const subscribe of this.#subscribe) {
        subscriptions.push(subscribe())
        await breathe('later')
      }
      await this.#options.begin?.()
      await this.#run(signal)
    }
    for (const unsubscribe of subscriptions) unsubscribe()
    await this.events.close()
  }

  async #run(signal: AbortSignal): Promise<void> {
    const close = () => this.#queue.close()
    signal.addEventListener('abort', close, { once: true })
    if (signal.aborted) close()
    await Promise.all(Array.from({ length: this.#options.workers ?? 5 }, () => this.#work(signal)))
    signal.removeEventListener('abort', close)
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (;;) {
      const key = await this.#queue.take()
      if (key === undefined) return
      try {
        const result = await this.#options.reconcile(key, signal)
        this.#queue.forget(key)
        if (result && result.requeueAfterMs !== undefined) this.#queue.addAfter(key, result.requeueAfterMs)
      } catch (error) {
        if (!signal.aborted) this.#retry(key, error)
      } finally {
        this.#queue.done(key)
      }
      await breathe('later')
    }
  }

  #retry(key: string, error: unknown): void {
    const fields = { controller: this.#options.name, object: key, error: messageOf(error) }
    if (error instanceof BowlineError && !error.retryable) {
      this.log.error('cannot reconcile until something changes', fields)
      this.#queue.forget(key)
      return
    }
    // Acting on a cache that lags shows itself as these, and the next look puts it right.
    if (isExpected(error) || this.#queue.failures(key) > 0)
      this.log.debug('reconcile failed, trying again', fields)
    else this.log.warn('reconcile failed, trying again', fields)
    this.#queue.addRateLimited(key)
  }
}

/**
 * Follows what `facts` tells of an object: calls `seen` with each object that comes or goes, and with both states of one whose
 * facts changed.
 */
export function whenChanged<T extends KubeObject>(
  facts: (object: T) => unknown,
  seen: (object: T) => void,
): InformerHandler<T> {
  return {
    added: seen,
    updated: (object, previous) => {
      if (deepEqual(facts(object), facts(previous))) return
      seen(previous)
      seen(object)
    },
    deleted: seen,
  }
}

function isExpected(error: unknown): boolean {
  return isConflict(error) || isAlreadyExists(error) || isNotFound(error) || isTransient(error)
}
