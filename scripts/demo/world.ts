import { silentLogger, systemClock, systemIds } from '../../src/base/index.ts'
import { type Client, createInformer, type Informer } from '../../src/client/index.ts'
import {
  type App,
  type Deployment,
  Kinds,
  type KubeObject,
  type Node,
  type Pod,
  type RecordObject,
} from '../../src/kube/index.ts'
import { BrokenClaim } from './claim.ts'

/** The namespace, and the label `app`, of examples/hello. */
const HELLO = 'hello'

/** How soon an interruption is noticed by who waits for a change. */
const LOOK_AGAIN_MS = 250

/** The cluster as its own API shows it, followed by watches. */
export class World {
  readonly apps: Informer<App>
  readonly nodes: Informer<Node>
  readonly #pods: Informer<Pod>
  readonly #deployments: Informer<Deployment>
  readonly #records: Informer<RecordObject>
  readonly #callbacks = new Set<() => void>()
  readonly #signal: AbortSignal

  /** Reads nothing before {@link start}. */
  constructor(client: Client, signal: AbortSignal) {
    const parts = { clock: systemClock, ids: systemIds, log: silentLogger }
    this.apps = createInformer(client, Kinds.App, parts)
    this.nodes = createInformer(client, Kinds.Node, parts)
    this.#pods = createInformer(client, Kinds.Pod, parts)
    this.#deployments = createInformer(client, Kinds.Deployment, parts)
    this.#records = createInformer(client, Kinds.Record, parts)
    this.#signal = signal
  }

  /** Follows until the signal aborts. Resolves when everything was read once. */
  async start(): Promise<void> {
    const informers = this.#informers()
    const tell = (): void => {
      for (const callback of [...this.#callbacks]) callback()
    }
    for (const informer of informers) {
      informer.subscribe({ added: tell, updated: tell, deleted: tell })
      void informer.run(this.#signal).catch(() => undefined)
    }
    await Promise.all(informers.map(informer => informer.synced))
  }

  /** The pods of examples/hello that are not on their way out. */
  pods(): readonly Pod[] {
    return this.allPods().filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  }

  /** Those on their way out too. */
  allPods(): readonly Pod[] {
    return this.#pods.list(HELLO).filter(({ metadata }) => metadata.labels?.app === HELLO)
  }

  readyPods(): readonly Pod[] {
    return this.pods().filter(
      ({ status }) =>
        status?.podIP !== undefined &&
        status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
    )
  }

  deployment(): Deployment | undefined {
    return this.#deployments.get(`${HELLO}/${HELLO}`)
  }

  /** Oldest first. */
  records(): readonly RecordObject[] {
    return this.#records.list().toSorted((a, b) => a.spec.sequence - b.spec.sequence)
  }

  /** Calls back after every change of anything. */
  onChange(callback: () => void): () => void {
    this.#callbacks.add(callback)
    return () => this.#callbacks.delete(callback)
  }

  /** Waits until `read` finds what it looks for; a broken claim when that takes too long. */
  async until<T>(claim: string, read: () => T | undefined | false, withinMs = 60_000): Promise<T> {
    const end = systemClock.now() + withinMs
    for (;;) {
      this.#signal.throwIfAborted()
      const found = read()
      if (found !== undefined && found !== false) return found
      const left = end - systemClock.now()
      if (left <= 0) throw new BrokenClaim(`${claim}, within ${withinMs / 1_000} s`)
      await this.#change(Math.min(left, LOOK_AGAIN_MS))
    }
  }

  /** Resolves at the next change, or after a while. */
  #change(withinMs: number): Promise<void> {
    return new Promise(resolve => {
      const unsubscribe = this.onChange(() => done())
      const cancel = systemClock.after(withinMs, () => done())
      function done(): void {
        cancel()
        unsubscribe()
        resolve()
      }
    })
  }

  #informers(): readonly Informer<KubeObject>[] {
    return [
      this.apps,
      this.nodes,
      this.#pods,
      this.#deployments,
      this.#records,
    ] as unknown as readonly Informer<KubeObject>[]
  }
}
