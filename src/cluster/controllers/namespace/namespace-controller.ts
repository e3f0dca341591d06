import { type Clock, deepEqual, messageOf, type Service } from '../../../base/index.ts'
import { type Client, type Informer, ifFound } from '../../../client/index.ts'
import { isEstablished, storageKind } from '../../../kinds/index.ts'
import { type Kind, Kinds, type KubeObject, type Namespace, storedKinds } from '../../../kube/index.ts'
import { Contents } from '../contents.ts'
import { ControlLoop, type ControllerContext, type ReconcileResult } from '../control-loop.ts'
import { deletionConditions, type Remains } from './namespace-conditions.ts'

const NAME = 'namespace-controller'
/** The finalizer that this controller removes when the namespace is empty. */
const FINALIZER = 'kubernetes'
/** The end of content wakes the controller; this is the safety net. */
const RECHECK_MS = 5_000

/** Empties a namespace that is being deleted, tells what is left, and lets it go once nothing is. */
export class NamespaceController implements Service {
  readonly #client: Client
  readonly #clock: Clock
  readonly #loop: ControlLoop
  readonly #namespaces: Informer<Namespace>
  /** What a namespace can hold, owners before what they own. */
  readonly #kinds: readonly Kind[]
  readonly #informers: readonly Informer<KubeObject>[]
  readonly #contents: Contents

  constructor(context: ControllerContext) {
    this.#client = context.client
    this.#clock = context.clock
    this.#contents = new Contents(context.client)
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key) })
    this.#namespaces = this.#loop.follow(Kinds.Namespace, {
      added: namespace => this.#seen(namespace),
      updated: namespace => this.#seen(namespace),
    })
    this.#kinds = [...storedKinds]
      .filter(kind => kind.namespaced && kind.verbs.includes('list') && kind.verbs.includes('delete'))
      .sort((a, b) => rank(a) - rank(b))
    // Events come and go by the thousand and hold nothing back for long: they are listed, not watched.
    this.#informers = this.#kinds
      .filter(kind => kind.kind !== Kinds.Event.kind)
      .map(kind => context.informers.of(kind))
  }

  /** The end of content only wakes the loop, which asks the server what is left: it need not wait for those informers. */
  async start(signal: AbortSignal): Promise<void> {
    const subscriptions = this.#informers.map(informer =>
      informer.subscribe({ deleted: ({ metadata }) => this.#contentGone(metadata.namespace ?? '') }),
    )
    await this.#loop.start(signal)
    for (const unsubscribe of subscriptions) unsubscribe()
  }

  #seen(namespace: Namespace): void {
    if (namespace.metadata.deletionTimestamp !== undefined) this.#loop.enqueue(namespace)
  }

  #contentGone(name: string): void {
    const namespace = this.#namespaces.get(name)
    if (namespace !== undefined) this.#seen(namespace)
  }

  async #reconcile(name: string): Promise<ReconcileResult | undefined> {
    const namespace = this.#namespaces.get(name)
    if (namespace?.metadata.deletionTimestamp === undefined) return undefined
    if (!(namespace.spec?.finalizers ?? []).includes(FINALIZER)) return undefined
    const remains = await this.#empty(name)
    const conditions = deletionConditions(namespace.status?.conditions ?? [], remains, this.#clock.now())
    const noted = await this.#writeStatus(namespace, conditions)
    if (remains.resources.size > 0 || remains.failures.length > 0) return { requeueAfterMs: RECHECK_MS }
    await this.#finalize(noted)
    return undefined
  }

  /** Deletes what the namespace holds and answers with what is still there: pods that end in peace, and what finalizers keep. */
  async #empty(namespace: string): Promise<Remains> {
    const resources = new Map<string, number>()
    const finalizers = new Map<string, number>()
    const failures: string[] = []
    for (const kind of [...this.#kinds, ...(await this.#definedContents())]) {
      const resource = `${kind.plural}.${kind.group}`
      try {
        const left = await this.#contents.remove(kind, namespace)
        if (left.length > 0) resources.set(resource, left.length)
        for (const { metadata } of left)
          for (const finalizer of metadata.finalizers ?? [])
            finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1)
      } catch (error) {
        failures.push(`${resource}: ${messageOf(error)}`)
      }
    }
    return { resources, finalizers, failures }
  }

  /** The kinds of CustomResourceDefinitions, those that are stored and not served included. */
  async #definedContents(): Promise<readonly Kind[]> {
    const { items } = await this.#client.list(Kinds.CustomResourceDefinition)
    return items
      .filter(isEstablished)
      .flatMap(definition => storageKind(definition) ?? [])
      .filter(kind => kind.namespaced)
  }

  async #writeStatus(
    namespace: Namespace,
    conditions: NonNullable<NonNullable<Namespace['status']>['conditions']>,
  ): Promise<Namespace> {
    if (deepEqual(conditions, namespace.status?.conditions)) return namespace
    const status = { ...namespace.status, conditions }
    return await this.#client.update(Kinds.Namespace, { ...namespace, status }, { subresource: 'status' })
  }

  async #finalize(namespace: Namespace): Promise<void> {
    const finalizers = (namespace.spec?.finalizers ?? []).filter(finalizer => finalizer !== FINALIZER)
    const spec = { ...namespace.spec, finalizers }
    await ifFound(this.#client.update(Kinds.Namespace, { ...namespace, spec }, { subresource: 'finalize' }))
  }
}

/** Owners first, so that they do not make anew what is deleted. */
function rank(kind: Kind): number {
  const order = [Kinds.Deployment.kind, Kinds.ReplicaSet.kind, Kinds.Pod.kind]
  const index = order.indexOf(kind.kind as (typeof order)[number])
  return index === -1 ? order.length : index
}
