import { BowlineError, type Logger, messageOf, type WorkQueue } from '../../base/index.ts'
import { isAlreadyExists, isConflict, isNotFound, isTransient } from '../../kube/index.ts'

/** What a reconcile may ask for. Nothing asked: look again when something changes. */
export interface ReconcileResult {
  /** Look again after this long even if nothing changes. */
  readonly requeueAfterMs?: number
}

export interface ControllerOptions {
  /** As upstream names it: `replicaset-controller`. */
  readonly name: string
  /** Fed by the controller's informers; closed here when the signal aborts. */
  readonly queue: WorkQueue
  /**
   * Makes the world right for one key, or finds that it is. Level-triggered: it is told where to look, never what happened;
   * it may be called at any time, any number of times, and be cut off at any point.
   */
  reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined> | Promise<void>
  /** How many keys at once. Default 5, as upstream's controllers. */
  readonly workers?: number
  readonly log: Logger
}

/**
 * Works the queue until `signal` aborts. The one place that decides on retries: a failed key comes again after its back-off
 * (5 ms doubling to a minute), but for an error that says that only a change can help.
 */
export async function runController(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  const { queue, workers = 5 } = options
  const close = () => queue.close()
  signal.addEventListener('abort', close, { once: true })
  if (signal.aborted) close()
  await Promise.all(Array.from({ length: workers }, () => work(options, signal)))
  signal.removeEventListener('abort', close)
}

async function work({ name, queue, reconcile, log }: ControllerOptions, signal: AbortSignal): Promise<void> {
  for (;;) {
    const key = await queue.take()
    if (key === undefined) return
    try {
      const result = await reconcile(key, signal)
      queue.forget(key)
      if (result && result.requeueAfterMs !== undefined) queue.addAfter(key, result.requeueAfterMs)
    } catch (error) {
      if (!signal.aborted) retry(error, { name, queue, key, log })
    } finally {
      queue.done(key)
    }
  }
}

function retry(
  error: unknown,
  { name, queue, key, log }: Pick<ControllerOptions, 'name' | 'queue' | 'log'> & { readonly key: string },
): void {
  const fields = { controller: name, object: key, error: messageOf(error) }
  if (error instanceof BowlineError && !error.retryable) {
    log.error('cannot reconcile until something changes', fields)
    queue.forget(key)
    return
  }
  // Acting on a cache that lags shows itself as these, and the next look puts it right.
  if (isExpected(error) || queue.failures(key) > 0) log.debug('reconcile failed, trying again', fields)
  else log.warn('reconcile failed, trying again', fields)
  queue.addRateLimited(key)
}

function isExpected(error: unknown): boolean {
  return isConflict(error) || isAlreadyExists(error) || isNotFound(error) || isTransient(error)
}
