import type { Service } from '../../base/index.ts'
import type { Client, Informer } from '../../client/index.ts'
import { isAlreadyExists, type Kind, Kinds, type KubeObject, type Namespace } from '../../kube/index.ts'
import { ControlLoop, type ControllerContext } from './control-loop.ts'
import { isNamespaceTerminating } from './namespace-terminating.ts'

export interface NamespaceObjectOptions<T extends KubeObject> {
  /** The controller's, as upstream names it. */
  readonly name: string
  readonly kind: Kind<T>
  /** What every namespace has; without a namespace of its own. */
  readonly object: T
  /** Whether one that is there may stay as it is. Default: whatever it is. */
  isRight?(found: T): boolean
}

/** Keeps an object of one name in every namespace that is not being deleted. Keys are namespaces. */
export class NamespaceObjectKeeper<T extends KubeObject> implements Service {
  readonly #client: Client
  readonly #options: NamespaceObjectOptions<T>
  readonly #loop: ControlLoop
  readonly #namespaces: Informer<Namespace>
  readonly #objects: Informer<T>

  constructor(context: ControllerContext, options: NamespaceObjectOptions<T>) {
    this.#client = context.client
    this.#options = options
    this.#loop = new ControlLoop(context, { name: options.name, reconcile: key => this.#reconcile(key) })
    const look = ({ metadata }: T) => {
      if (metadata.name === options.object.metadata.name) this.#loop.add(metadata.namespace ?? '')
    }
    this.#namespaces = this.#loop.follow(Kinds.Namespace, { added: this.#loop.enqueue })
    this.#objects = this.#loop.follow(options.kind, { updated: look, deleted: look })
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  async #reconcile(namespace: string): Promise<void> {
    const { kind, object, isRight = () => true } = this.#options
    const owner = this.#namespaces.get(namespace)
    if (owner === undefined || owner.metadata.deletionTimestamp !== undefined) return
    const found = this.#objects.get(`${namespace}/${object.metadata.name}`)
    if (found !== undefined && isRight(found)) return
    try {
      if (found !== undefined)
        await this.#client.update(kind, { ...found, ...object, metadata: found.metadata })
      else await this.#client.create(kind, { ...object, metadata: { ...object.metadata, namespace } })
    } catch (error) {
      if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) throw error
    }
  }
}
