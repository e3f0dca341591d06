import { type Logger, type Service, WorkQueue } from '../../base/index.ts'
import { type Client, type Informer, untilSynced } from '../../client/index.ts'
import {
  type ConfigMap,
  isAlreadyExists,
  Kinds,
  type Namespace,
  ROOT_CA_CONFIG_MAP,
} from '../../kube/index.ts'
import { type ControllerContext, voiceOf } from './context.ts'
import { runController } from './controller.ts'
import { isNamespaceTerminating } from './namespace-terminating.ts'

const NAME = 'root-ca-certificate-publisher-controller'

/**
 * Keeps the certificate of the cluster's authority in every namespace, in the ConfigMap `kube-root-ca.crt` (kubernetes
 * `rootcacertpublisher`): what is in pods knows the API by it.
 */
export class RootCaPublisher implements Service {
  readonly #client: Client
  readonly #log: Logger
  readonly #namespaces: Informer<Namespace>
  readonly #maps: Informer<ConfigMap>
  readonly #data: { readonly [file: string]: string }
  readonly #queue: WorkQueue

  constructor(context: ControllerContext, { certificate }: { readonly certificate: string }) {
    this.#client = context.client
    this.#log = voiceOf(context, NAME).log
    this.#namespaces = context.informers.of(Kinds.Namespace)
    this.#maps = context.informers.of(Kinds.ConfigMap)
    this.#data = { 'ca.crt': certificate }
    this.#queue = new WorkQueue(context.clock)
  }

  async start(signal: AbortSignal): Promise<void> {
    const look = ({ metadata }: ConfigMap) => {
      if (metadata.name === ROOT_CA_CONFIG_MAP) this.#queue.add(metadata.namespace ?? '')
    }
    const subscriptions = [
      this.#namespaces.subscribe({ added: ({ metadata }) => this.#queue.add(metadata.name ?? '') }),
      this.#maps.subscribe({ updated: look, deleted: look }),
    ]
    if (await untilSynced([this.#namespaces, this.#maps], signal))
      await runController(
        { name: NAME, queue: this.#queue, reconcile: key => this.#reconcile(key), log: this.#log },
        signal,
      )
    for (const unsubscribe of subscriptions) unsubscribe()
  }

  async #reconcile(namespace: string): Promise<void> {
    const found = this.#namespaces.get(namespace)
    if (found === undefined || found.metadata.deletionTimestamp !== undefined) return
    const map = this.#maps.get(`${namespace}/${ROOT_CA_CONFIG_MAP}`)
    if (map !== undefined && map.data?.['ca.crt'] === this.#data['ca.crt']) return
    const metadata = { name: ROOT_CA_CONFIG_MAP, namespace }
    try {
      if (map !== undefined) await this.#client.update(Kinds.ConfigMap, { ...map, data: this.#data })
      else
        await this.#client.create(Kinds.ConfigMap, {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata,
          data: this.#data,
        })
    } catch (error) {
      if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) throw error
    }
  }
}
