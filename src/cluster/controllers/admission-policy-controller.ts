import { deepEqual, type Service } from '../../base/index.ts'
import type { Client, Informer } from '../../client/index.ts'
import { customKinds, isEstablished, typeCheckPolicy } from '../../kinds/index.ts'
import {
  allKinds,
  type CustomResourceDefinition,
  isConflict,
  isNotFound,
  type Kind,
  Kinds,
  type ValidatingAdmissionPolicy,
} from '../../kube/index.ts'
import { ControlLoop, type ControllerContext } from './control-loop.ts'

const NAME = 'validating-admission-policy-status-controller'

/**
 * Tells in the status of each ValidatingAdmissionPolicy what is wrong with its expressions for the kinds that it names (kubernetes
 * `pkg/controller/validatingadmissionpolicystatus`). A policy is in force without it.
 */
export class AdmissionPolicyController implements Service {
  readonly #client: Client
  readonly #loop: ControlLoop
  readonly #policies: Informer<ValidatingAdmissionPolicy>
  readonly #definitions: Informer<CustomResourceDefinition>

  constructor(context: ControllerContext) {
    this.#client = context.client
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key), workers: 1 })
    const { enqueue } = this.#loop
    this.#policies = this.#loop.follow(Kinds.ValidatingAdmissionPolicy, { added: enqueue, updated: enqueue })
    this.#definitions = this.#loop.follow(Kinds.CustomResourceDefinition)
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  async #reconcile(name: string): Promise<void> {
    const policy = this.#policies.get(name)
    const { generation } = policy?.metadata ?? {}
    if (policy?.spec === undefined || generation === undefined) return
    if (policy.status?.observedGeneration === generation) return
    const found = typeCheckPolicy(policy.spec, this.#kinds())
    const status = {
      ...policy.status,
      observedGeneration: generation,
      typeChecking: found.length === 0 ? {} : { expressionWarnings: found },
    }
    if (deepEqual(status, policy.status)) return
    try {
      await this.#client.update(
        Kinds.ValidatingAdmissionPolicy,
        { ...policy, status },
        { subresource: 'status' },
      )
    } catch (error) {
      // The newer state comes, or the end of it came.
      if (!isNotFound(error) && !isConflict(error)) throw error
    }
  }

  #kinds(): readonly Kind[] {
    const defined = this.#definitions.list().filter(isEstablished).flatMap(customKinds)
    return [...allKinds, ...defined.filter(({ custom }) => custom.isServed)]
  }
}
