import { type Clock, deepEqual, type Logger, type Service, WorkQueue } from '../../base/index.ts'
import { type Client, type Informer, untilSynced } from '../../client/index.ts'
import {
  allKinds,
  type CustomResourceDefinition,
  customKinds,
  isConflict,
  isEstablished,
  isNotFound,
  type Kind,
  Kinds,
  typeCheckPolicy,
  type ValidatingAdmissionPolicy,
} from '../../kube/index.ts'
import { type ControllerContext, voiceOf } from './context.ts'
import { type ReconcileResult, runController } from './controller.ts'

const NAME = 'validating-admission-policy-status-controller'

/**
 * Tells in the status of each ValidatingAdmissionPolicy what is wrong with its expressions for the kinds that it names (kubernetes
 * `pkg/controller/validatingadmissionpolicystatus`). A policy is in force without it.
 */
export class AdmissionPolicyController implements Service {
  readonly #client: Client
  readonly #log: Logger
  readonly #clock: Clock
  readonly #policies: Informer<ValidatingAdmissionPolicy>
  readonly #definitions: Informer<CustomResourceDefinition>
  readonly #queue: WorkQueue

  constructor(context: ControllerContext) {
    this.#client = context.client
    this.#clock = context.clock
    this.#log = voiceOf(context, NAME).log
    this.#policies = context.informers.of(Kinds.ValidatingAdmissionPolicy)
    this.#definitions = context.informers.of(Kinds.CustomResourceDefinition)
    this.#queue = new WorkQueue(this.#clock)
  }

  async start(signal: AbortSignal): Promise<void> {
    const look = ({ metadata }: ValidatingAdmissionPolicy): void => this.#queue.add(metadata.name ?? '')
    const subscriptions = [this.#policies.subscribe({ added: look, updated: look, deleted: () => undefined })]
    if (await untilSynced([this.#policies, this.#definitions], signal))
      await runController(
        {
          name: NAME,
          queue: this.#queue,
          reconcile: key => this.#reconcile(key),
          workers: 1,
          log: this.#log,
        },
        signal,
      )
    for (const unsubscribe of subscriptions) unsubscribe()
  }

  async #reconcile(name: string): Promise<ReconcileResult | undefined> {
    const policy = this.#policies.get(name)
    const { generation } = policy?.metadata ?? {}
    if (policy?.spec === undefined || generation === undefined) return undefined
    if (policy.status?.observedGeneration === generation) return undefined
    const found = typeCheckPolicy(policy.spec, this.#kinds())
    const status = {
      ...policy.status,
      observedGeneration: generation,
      typeChecking: found.length === 0 ? {} : { expressionWarnings: found },
    }
    if (deepEqual(status, policy.status)) return undefined
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
    return undefined
  }

  #kinds(): readonly Kind[] {
    const defined = this.#definitions.list().filter(isEstablished).flatMap(customKinds)
    return [...allKinds, ...defined.filter(({ custom }) => custom.isServed)]
  }
}
