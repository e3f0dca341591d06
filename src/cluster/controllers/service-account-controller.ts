import type { Service } from '../../base/index.ts'
import { Kinds, type ServiceAccount } from '../../kube/index.ts'
import type { ControllerContext } from './control-loop.ts'
import { NamespaceObjectKeeper } from './namespace-object-keeper.ts'

/** Gives each namespace the ServiceAccount `default`, and gives it back when someone deletes it. */
export class ServiceAccountController implements Service {
  readonly #keeper: NamespaceObjectKeeper<ServiceAccount>

  constructor(context: ControllerContext) {
    this.#keeper = new NamespaceObjectKeeper(context, {
      name: 'serviceaccount-controller',
      kind: Kinds.ServiceAccount,
      object: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } },
    })
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#keeper.start(signal)
  }
}
