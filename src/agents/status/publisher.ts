import { type BackoffOptions, type Clock, type Logger, messageOf, WorkQueue } from '../../base/index.ts'
import type { Client } from '../../client/index.ts'
import { isNotFound, Kinds, type Pod } from '../../kube/index.ts'
import type { PodView } from '../pods/view.ts'
import { type HostFacts, podStatus } from './pod-status.ts'
import { statusPatch } from './status-patch.ts'

export interface PublisherOptions {
  readonly client: Client
  readonly clock: Clock
  readonly log: Logger
  readonly facts: HostFacts
  /** How the pod is now; undefined for one that is no longer to be told of, or not yet: then `add` is called again. */
  readonly view: (uid: string) => PodView | undefined
  /** The server's answer to a write. */
  readonly accept: (pod: Pod) => void
}

/** Statuses written at once; a status that changes during its write is written once more, with everything since. */
const CONCURRENCY = 8
/** A server that was away for an hour is told of everything within seconds (kubelet looks every ten). */
const RETRY: BackoffOptions = { initialMs: 50, maxMs: 5_000 }

/** Brings the API server's pod statuses in line with what the node sees. The only writer of what it writes. */
export class Publisher {
  readonly #options: PublisherOptions
  readonly #queue: WorkQueue

  constructor(options: PublisherOptions) {
    this.#options = options
    this.#queue = new WorkQueue(options.clock, RETRY)
  }

  /** Asks for a pod's status to be compared and, where it differs, written. */
  add(uid: string): void {
    this.#queue.add(uid)
  }

  /** Whether the server has the status of this view. */
  isPublished(view: PodView): boolean {
    return statusPatch(view.pod, podStatus(view, this.#options.facts)) === undefined
  }

  async run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) this.#queue.close()
    else signal.addEventListener('abort', () => this.#queue.close(), { once: true })
    await Promise.all(Array.from({ length: CONCURRENCY }, () => this.#work(signal)))
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (let uid = await this.#queue.take(); uid !== undefined; uid = await this.#queue.take()) {
      try {
        await this.#publish(uid, signal)
        this.#queue.forget(uid)
      } catch (error) {
        if (!signal.aborted && !isNotFound(error)) this.#retry(uid, error)
      }
      this.#queue.done(uid)
    }
  }

  async #publish(uid: string, signal: AbortSignal): Promise<void> {
    const { client, facts, view: viewOf, accept } = this.#options
    const view = viewOf(uid)
    if (view === undefined || view.gone) return
    const body = statusPatch(view.pod, podStatus(view, facts))
    if (body === undefined) return
    const { name, namespace } = view.pod.metadata
    const options = { namespace, subresource: 'status', signal }
    accept(await client.patch(Kinds.Pod, name, { type: 'strategic', body }, options))
  }

  #retry(uid: string, error: unknown): void {
    // Once per silence: a server that is away for an hour is no reason for a line per pod and attempt.
    if (this.#queue.failures(uid) === 0)
      this.#options.log.warn('a pod status was not written', { pod: uid, error: messageOf(error) })
    this.#queue.addRateLimited(uid)
  }
}
