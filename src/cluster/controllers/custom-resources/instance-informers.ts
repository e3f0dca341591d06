import type { Service } from '../../../base/index.ts'
import { createInformer, type Informer } from '../../../client/index.ts'
import { isEstablished, storageKind } from '../../../kinds/index.ts'
import {
  type CustomKind,
  type CustomResourceDefinition,
  type Kind,
  Kinds,
  type KubeObject,
  resourceName,
} from '../../../kube/index.ts'
import type { ControllerContext } from '../control-loop.ts'
import { EMPTIED } from './definition-controller.ts'

interface Running {
  readonly kind: CustomKind
  readonly informer: Informer<KubeObject>
  end(): void
}

/** What whoever follows the objects of defined kinds is told. */
export interface InstanceFollower {
  /** A kind was established: its informer, before it has any object. */
  begun(informer: Informer<KubeObject>): void
  /**
   * The definition is gone; the informer still has the objects that it saw last. They were deleted before it, unless somebody tore the
   * definition from them by taking its finalizer away: then they are `left` in the store, for another definition of the kind to find.
   */
  gone(informer: Informer<KubeObject>, objects: 'deleted' | 'left'): void
}

/** The informers of the objects of CustomResourceDefinitions, which controllers share: one comes when a definition is established and goes with it. */
export class InstanceInformers implements Service {
  readonly #context: ControllerContext
  readonly #followers: InstanceFollower[] = []
  /** By resource name. */
  readonly #running = new Map<string, Running>()
  readonly #tasks = new Set<Promise<void>>()

  constructor(context: ControllerContext) {
    this.#context = context
  }

  /** Tells a follower from the start on; to be called before it. */
  follow(follower: InstanceFollower): void {
    this.#followers.push(follower)
  }

  /** The informer of a resource such as `crontabs.stable.example.com`. */
  get(resource: string): Informer<KubeObject> | undefined {
    return this.#running.get(resource)?.informer
  }

  /** The informer of a kind in whichever version. */
  find(group: string, kind: string): Informer<KubeObject> | undefined {
    for (const running of this.#running.values())
      if (running.kind.group === group && running.kind.kind === kind) return running.informer
    return undefined
  }

  get all(): readonly Informer<KubeObject>[] {
    return [...this.#running.values()].map(({ informer }) => informer)
  }

  async start(signal: AbortSignal): Promise<void> {
    const unsubscribe = this.#context.informers.of(Kinds.CustomResourceDefinition).subscribe({
      added: definition => this.#follow(definition, signal),
      updated: definition => this.#follow(definition, signal),
      deleted: definition => {
        const informer = this.#end(definition.metadata.name ?? '')
        const objects = isEmptied(definition) ? 'deleted' : 'left'
        if (informer !== undefined) for (const follower of this.#followers) follower.gone(informer, objects)
      },
    })
    if (!signal.aborted)
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
    unsubscribe()
    for (const name of [...this.#running.keys()]) this.#end(name)
    await Promise.all(this.#tasks)
  }

  #follow(definition: CustomResourceDefinition, signal: AbortSignal): void {
    const kind = isEstablished(definition) ? storageKind(definition) : undefined
    if (kind === undefined || signal.aborted) return
    const name = resourceName(kind)
    const running = this.#running.get(name)
    // Verbs find what a kind has become by its name and version: another handle is needed for another version alone.
    if (running?.kind.version === kind.version && running.kind.custom.uid === kind.custom.uid) return
    this.#end(name)
    const stop = new AbortController()
    const informer = createInformer<KubeObject>(this.#context.client, kind as Kind, this.#context)
    this.#running.set(name, { kind, informer, end: () => stop.abort() })
    for (const follower of this.#followers) follower.begun(informer)
    const task = informer.run(stop.signal).finally(() => this.#tasks.delete(task))
    this.#tasks.add(task)
  }

  /** Definitions are named like their resource. */
  #end(name: string): Informer<KubeObject> | undefined {
    const running = this.#running.get(name)
    this.#running.delete(name)
    running?.end()
    return running?.informer
  }
}

/** Whether the controller of definitions found no object left before it let the definition go. */
function isEmptied({ status }: CustomResourceDefinition): boolean {
  return (status?.conditions ?? []).some(({ type, reason }) => type === 'Terminating' && reason === EMPTIED)
}
