import { setMaxListeners } from 'node:events'
import type { Clock, Ids, Logger, Service } from '../base/index.ts'
import { isCustomKind, type Kind, type KubeObject, resourceName } from '../kube/index.ts'
import type { Reader, Watcher } from './client.ts'
import { createInformer, type Informer } from './informer.ts'

export interface InformersOptions {
  readonly client: Reader & Watcher
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/**
 * The informers that several parts share, so that each kind is watched once: `of(kind)` is always the same informer of all
 * its objects. One that is asked for after the start begins at once.
 */
export class Informers implements Service {
  readonly #options: InformersOptions
  readonly #informers = new Map<string, Informer<KubeObject>>()
  readonly #running: Promise<void>[] = []
  #signal: AbortSignal | undefined

  constructor(options: InformersOptions) {
    this.#options = options
  }

  of<T extends KubeObject>(kind: Kind<T>): Informer<T> {
    // Each version of a defined kind shows objects of its own.
    const name = isCustomKind(kind) ? `${resourceName(kind)}/${kind.version}` : resourceName(kind)
    const known = this.#informers.get(name)
    // The name of a resource fixes its type.
    if (known !== undefined) return known as Informer<KubeObject> as Informer<T>
    const informer = createInformer(this.#options.client, kind, this.#options)
    this.#informers.set(name, informer as unknown as Informer<KubeObject>)
    if (this.#signal !== undefined) this.#running.push(informer.run(this.#signal))
    return informer
  }

  /** Resolves when every informer asked for so far has its objects. */
  async synced(): Promise<void> {
    await Promise.all([...this.#informers.values()].map(informer => informer.synced))
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#signal = signal
    // Every informer hangs on it: that is no leak.
    setMaxListeners(0, signal)
    for (const informer of this.#informers.values()) this.#running.push(informer.run(signal))
    if (!signal.aborted)
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
    await Promise.all(this.#running)
  }
}

/** Waits until all of them have their objects; false when `signal` aborted first. */
export async function untilSynced(
  informers: readonly Pick<Informer<KubeObject>, 'synced'>[],
  signal: AbortSignal,
): Promise<boolean> {
  if (signal.aborted) return false
  let onAbort = () => {}
  const aborted = new Promise<boolean>(resolve => {
    onAbort = () => resolve(false)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  const synced = Promise.all(informers.map(informer => informer.synced)).then(() => true)
  try {
    return await Promise.race([synced, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
