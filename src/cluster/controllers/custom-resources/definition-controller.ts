import { type Clock, deepEqual, type Service } from '../../../base/index.ts'
import { type Client, type Informer, ifFound } from '../../../client/index.ts'
import {
  acceptNames,
  CUSTOM_RESOURCE_CLEANUP,
  hasCondition,
  isEstablished,
  storageKind,
  withCondition,
} from '../../../kinds/index.ts'
import { allKinds, type CustomResourceDefinition, formatTime, Kinds } from '../../../kube/index.ts'
import { Contents } from '../contents.ts'
import { ControlLoop, type ControllerContext, type ReconcileResult } from '../control-loop.ts'

const NAME = 'customresourcedefinition-controller'
/** How often it looks whether the last objects of a definition that is being deleted are gone. */
const RECHECK_MS = 500
/** Why a definition that is being deleted ends its objects no more: none is left. */
export const EMPTIED = 'InstanceDeletionCompleted'

/**
 * Accepts the names of CustomResourceDefinitions and establishes them, and empties those that are being deleted
 * (apiextensions `pkg/controller`: status, establish, finalizer).
 */
export class DefinitionController implements Service {
  readonly #client: Client
  readonly #clock: Clock
  readonly #loop: ControlLoop
  readonly #definitions: Informer<CustomResourceDefinition>
  readonly #contents: Contents

  constructor(context: ControllerContext) {
    this.#client = context.client
    this.#clock = context.clock
    this.#contents = new Contents(context.client)
    // One at a time: of two definitions that claim a name at once, one must come first.
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key), workers: 1 })
    this.#definitions = this.#loop.follow(Kinds.CustomResourceDefinition, {
      added: this.#loop.enqueue,
      updated: definition => this.#seen(definition),
      deleted: definition => this.#seen(definition),
    })
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  /** The definition itself, and those of its group that wait for a name that it may have given up. */
  #seen(definition: CustomResourceDefinition): void {
    this.#loop.enqueue(definition)
    for (const other of this.#definitions.list())
      if (other.spec.group === definition.spec.group && !hasCondition(other, 'NamesAccepted'))
        this.#loop.enqueue(other)
  }

  async #reconcile(name: string): Promise<ReconcileResult | undefined> {
    // From the server and not from the cache: what was written a moment ago must count when names are given out.
    const definition = await ifFound(this.#client.get(Kinds.CustomResourceDefinition, name))
    if (definition === undefined) return undefined
    if (definition.metadata.deletionTimestamp !== undefined) return await this.#empty(definition)
    const { items } = await this.#client.list(Kinds.CustomResourceDefinition)
    const nowIso = formatTime(this.#clock.now())
    const { names, conditions } = acceptNames(definition, items, allKinds, nowIso)
    const status = { ...definition.status, acceptedNames: names, conditions }
    if (!deepEqual(status, definition.status)) await this.#writeStatus(definition, status)
    return undefined
  }

  /** Deletes the objects, then lets the definition go. */
  async #empty(definition: CustomResourceDefinition): Promise<ReconcileResult | undefined> {
    const { finalizers = [] } = definition.metadata
    if (!finalizers.includes(CUSTOM_RESOURCE_CLEANUP)) return undefined
    // Objects under the name of a definition that never got it are another definition's.
    const kind = isEstablished(definition) ? storageKind(definition) : undefined
    if (kind !== undefined) {
      const left = await this.#contents.remove(kind)
      if (left.length > 0) {
        await this.#writeTerminating(
          definition,
          'True',
          'InstanceDeletionInProgress',
          `CustomResource deletion is in progress: ${left.length} remaining, of which finalizers keep ${left.filter(({ metadata }) => (metadata.finalizers ?? []).length > 0).length}`,
        )
        return { requeueAfterMs: RECHECK_MS }
      }
    }
    const emptied = await this.#writeTerminating(definition, 'False', EMPTIED, 'removed all instances')
    const metadata = {
      ...emptied.metadata,
      finalizers: finalizers.filter(finalizer => finalizer !== CUSTOM_RESOURCE_CLEANUP),
    }
    await this.#client.update(Kinds.CustomResourceDefinition, { ...emptied, metadata })
    this.#loop.log.info('a definition and its objects are gone', { definition: definition.metadata.name })
    return undefined
  }

  async #writeTerminating(
    definition: CustomResourceDefinition,
    status: 'False' | 'True',
    reason: string,
    message: string,
  ): Promise<CustomResourceDefinition> {
    const conditions = withCondition(
      definition.status?.conditions ?? [],
      { type: 'Terminating', status, reason, message },
      formatTime(this.#clock.now()),
    )
    if (deepEqual(conditions, definition.status?.conditions)) return definition
    return await this.#writeStatus(definition, { ...definition.status, conditions })
  }

  async #writeStatus(
    definition: CustomResourceDefinition,
    status: NonNullable<CustomResourceDefinition['status']>,
  ): Promise<CustomResourceDefinition> {
    const next = { ...definition, status }
    return await this.#client.update(Kinds.CustomResourceDefinition, next, { subresource: 'status' })
  }
}
