import { type Logger, type Service, WorkQueue } from '../../base/index.ts'
import { type Client, type Informer, untilSynced } from '../../client/index.ts'
import { isAlreadyExists, Kinds, type Namespace, type ServiceAccount } from '../../kube/index.ts'
import { type ControllerContext, voiceOf } from './context.ts'
import { runController } from './controller.ts'
import { isNamespaceTerminating } from './namespace-terminating.ts'

const NAME = 'serviceaccount-controller'
const DEFAULT = 'default'

/** Gives each namespace the ServiceAccount `default`, and gives it back when someone deletes it. */
export class ServiceAccountController implements Service {
  readonly #client: Client
  readonly #log: Logger
  readonly #namespaces: Informer<Namespace>
  readonly #accounts: Informer<ServiceAccount>
  readonly #queue: WorkQueue

  constructor(context: ControllerContext) {
    this.#client = context.client
    this.#log = voiceOf(context, NAME).log
    this.#namespaces = context.informers.of(Kinds.Namespace)
    this.#accounts = context.informers.of(Kinds.ServiceAccount)
    this.#queue = new WorkQueue(context.clock)
  }

  async start(signal: AbortSignal): Promise<void> {
    const subscriptions = [
      this.#namespaces.subscribe({ added: ({ metadata }) => this.#queue.add(metadata.name ?? '') }),
      this.#accounts.subscribe({
        deleted: ({ metadata }) => {
          if (metadata.name === DEFAULT) this.#queue.add(metadata.namespace ?? '')
        },
      }),
    ]
    if (await untilSynced([this.#namespaces, this.#accounts], signal))
      await runController(
        { name: NAME, queue: this.#queue, reconcile: key => this.#reconcile(key), log: this.#log },
        signal,
      )
    for (const unsubscribe of subscriptions) unsubscribe()
  }

  async #reconcile(namespace: string): Promise<void> {
    const found = this.#namespaces.get(namespace)
    if (found === undefined || found.metadata.deletionTimestamp !== undefined) return
    if (this.#accounts.get(`${namespace}/${DEFAULT}`) !== undefined) return
    const metadata = { name: DEFAULT, namespace }
    try {
      await this.#client.create(Kinds.ServiceAccount, { apiVersion: 'v1', kind: 'ServiceAccount', metadata })
    } catch (error) {
      if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) throw error
    }
  }
}
