import { join } from 'node:path'
import type { Clock, Ids, Logger, Service } from '../../base/index.ts'
import { type Informer, Informers, type Reader, type Watcher } from '../../client/index.ts'
import { type Kind, type KubeObject, objectKey, resourceName } from '../../kube/index.ts'
import { untilAborted } from '../until-aborted.ts'
import { KeptLog } from './kept-log.ts'
import type { Seal } from './seal.ts'

export interface KeptInformersOptions {
  readonly client: Reader & Watcher
  /** A file per kind. */
  readonly folder: string
  readonly seal: Seal
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
  /** How long the server has to answer before what was kept is served. */
  readonly patienceMs: number
}

/** Says that everything was written at least once: half a world is none to go by. */
const COMPLETE = ''

/**
 * The informers of an agent whose server may be away for days: `of(kind)` is always the same informer of all its objects, and
 * what it holds is kept on disk. An agent that starts while the server does not answer has the objects that it knew last; when the
 * server is back, handlers are told of what has changed since and of nothing else.
 */
export class KeptInformers implements Service {
  readonly #options: KeptInformersOptions
  readonly #informers: Informers
  readonly #keeping = new Map<string, (signal: AbortSignal) => Promise<void>>()
  readonly #running: Promise<void>[] = []
  #signal: AbortSignal | undefined

  constructor(options: KeptInformersOptions) {
    this.#options = options
    this.#informers = new Informers(options)
  }

  of<T extends KubeObject>(kind: Kind<T>): Informer<T> {
    const informer = this.#informers.of(kind)
    const name = resourceName(kind)
    if (this.#keeping.has(name)) return informer
    const keep = (signal: AbortSignal) => keepInformer(informer, name, this.#options, signal)
    this.#keeping.set(name, keep)
    if (this.#signal !== undefined) this.#running.push(keep(this.#signal))
    return informer
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#signal = signal
    for (const keep of this.#keeping.values()) this.#running.push(keep(signal))
    await this.#informers.start(signal)
    await Promise.all(this.#running)
  }
}

/** Keeps the content of an informer on disk until `signal` aborts, and gives it back what was kept when the server does not answer. */
async function keepInformer<T extends KubeObject>(
  informer: Informer<T>,
  name: string,
  { folder, seal, clock, log, patienceMs }: KeptInformersOptions,
  signal: AbortSignal,
): Promise<void> {
  const kept = new KeptLog({ path: join(folder, `${name}.log`), seal, clock, log })
  const objects = await kept.load()
  const set = (object: T) => kept.set(objectKey(object), versionOf(object), object)
  const answered = new AbortController()
  const patience = clock.sleep(patienceMs, AbortSignal.any([signal, answered.signal])).catch(() => {})
  await Promise.race([informer.synced, patience])
  answered.abort()
  if (!informer.hasSynced && !signal.aborted && objects.has(COMPLETE)) {
    const known = [...objects].filter(([key]) => key !== COMPLETE).map(([, object]) => object as T)
    log.warn('the server is away: what was known last counts', { resource: name, objects: known.length })
    informer.preload(known)
  }
  const unsubscribe = informer.subscribe({
    added: set,
    updated: set,
    deleted: object => kept.remove(objectKey(object)),
  })
  await untilAborted(signal, informer.synced)
  if (informer.hasSynced) {
    // What went while no agent ran.
    kept.keepOnly(key => key === COMPLETE || informer.get(key) !== undefined)
    kept.set(COMPLETE, '1', {})
  }
  await untilAborted(signal)
  unsubscribe()
  await kept.close()
}

/** Of this very object: one that was made anew under its name has another uid. */
function versionOf({ metadata }: KubeObject): string {
  return `${metadata.uid ?? ''}/${metadata.resourceVersion ?? ''}`
}
