import type { Service } from '../../base/index.ts'
import { type ConfigMap, Kinds, ROOT_CA_CONFIG_MAP } from '../../kube/index.ts'
import type { ControllerContext } from './control-loop.ts'
import { NamespaceObjectKeeper } from './namespace-object-keeper.ts'

/**
 * Keeps the certificate of the cluster's authority in every namespace, in the ConfigMap `kube-root-ca.crt` (kubernetes
 * `rootcacertpublisher`): what is in pods knows the API by it.
 */
export class RootCaPublisher implements Service {
  readonly #keeper: NamespaceObjectKeeper<ConfigMap>

  constructor(context: ControllerContext, { certificate }: { readonly certificate: string }) {
    this.#keeper = new NamespaceObjectKeeper(context, {
      name: 'root-ca-certificate-publisher-controller',
      kind: Kinds.ConfigMap,
      object: {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: ROOT_CA_CONFIG_MAP },
        data: { 'ca.crt': certificate },
      },
      isRight: ({ data }) => data?.['ca.crt'] === certificate,
    })
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#keeper.start(signal)
  }
}
