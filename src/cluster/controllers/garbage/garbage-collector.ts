import type { Service } from '../../../base/index.ts'
import {
  type Client,
  type DeleteOptions,
  type IndexFunction,
  type Informer,
  type InformerHandler,
  ifFound,
} from '../../../client/index.ts'
import {
  groupOf,
  isCustomKind,
  isNotFound,
  type Kind,
  Kinds,
  type KubeObject,
  type OwnerReference,
  objectKey,
  resourceName,
  storedKinds,
} from '../../../kube/index.ts'
import { ControlLoop, type ControllerContext } from '../control-loop.ts'
import type { InstanceInformers } from '../custom-resources/instance-informers.ts'
import { OwnerLookup } from './owner-lookup.ts'

const NAME = 'garbage-collector-controller'
const OWNERS_INDEX = 'owners'
/** How an object that is being deleted says what is to become of its dependents (apimachinery). */
const ORPHAN = 'orphan'
const FOREGROUND = 'foregroundDeletion'

/**
 * Deletes what has lost its owners (kubernetes `pkg/controller/garbagecollector`). An object goes when all its owners are
 * gone, which is asked of the server and judged by uid; one with an owner left only loses its references to the others.
 * An owner that is deleted in the foreground waits for the dependents that block it; one that is deleted as orphaning
 * first lets go of them.
 */
export class GarbageCollector implements Service {
  readonly #client: Client
  readonly #loop: ControlLoop
  /** Of the built-in kinds, by resource name. */
  readonly #informers: ReadonlyMap<string, Informer<KubeObject>>
  readonly #owners: OwnerLookup
  readonly #instances: InstanceInformers

  /** Whoever makes the informers of defined kinds starts them. */
  constructor(context: ControllerContext, instances: InstanceInformers) {
    this.#client = context.client
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key), workers: 20 })
    this.#instances = instances
    instances.follow({
      begun: informer => {
        informer.addIndex(OWNERS_INDEX, byOwner, INTERESTING)
        informer.subscribe(this.#followerOf(informer.kind))
      },
      gone: (informer, objects) => {
        // Their ends came with that of their kind, and nobody can ask for them any more. Of those that are left in the store nobody knows.
        if (objects === 'deleted') for (const object of informer.list()) this.#ownerGone(object)
      },
    })
    this.#owners = new OwnerLookup(context.client, context.informers, this.#instances)
    this.#informers = new Map(
      storedKinds
        .filter(kind => ['list', 'watch', 'delete'].every(verb => kind.verbs.includes(verb as 'list')))
        // Events own nothing, nothing owns them, and they end by themselves.
        .filter(kind => kind.kind !== Kinds.Event.kind)
        .map(kind => [
          resourceName(kind),
          this.#loop.follow(kind, this.#followerOf(kind), { [OWNERS_INDEX]: byOwner }),
        ]),
    )
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  #followerOf(kind: Kind): InformerHandler<KubeObject> {
    return {
      mentioning: INTERESTING,
      added: object => {
        if (isInteresting(object)) this.#enqueue(kind, object)
      },
      updated: (object, previous) => {
        if (isInteresting(object)) this.#enqueue(kind, object)
        this.#enqueueWaitingOwners(previous)
      },
      deleted: object => {
        if (isCustomKind(kind)) this.#ownerGone(object)
        else
          for (const dependent of this.#dependentsOf(object)) this.#enqueue(dependent.kind, dependent.object)
        this.#enqueueWaitingOwners(object)
      },
    }
  }

  #ownerGone(object: KubeObject): void {
    if (object.metadata.uid !== undefined) this.#owners.noteAbsent(object.metadata.uid)
    for (const dependent of this.#dependentsOf(object)) this.#enqueue(dependent.kind, dependent.object)
  }

  #informerOf(resource: string): Informer<KubeObject> | undefined {
    return this.#informers.get(resource) ?? this.#instances.get(resource)
  }

  #allInformers(): readonly Informer<KubeObject>[] {
    return [...this.#informers.values(), ...this.#instances.all]
  }

  #enqueue(kind: Kind, object: KubeObject): void {
    this.#loop.add(`${resourceName(kind)} ${objectKey(object)}`)
  }

  /** An owner that waits for its dependents may have one less to wait for. */
  #enqueueWaitingOwners({ metadata }: KubeObject): void {
    for (const reference of metadata.ownerReferences ?? []) {
      const group = groupOf(reference.apiVersion)
      const informer = this.#allInformers().find(
        ({ kind }) => kind.group === group && kind.kind === reference.kind,
      )
      if (informer === undefined) continue
      const { kind } = informer
      const key = kind.namespaced ? `${metadata.namespace}/${reference.name}` : reference.name
      const owner = informer.get(key)
      if (owner?.metadata.uid === reference.uid && owner.metadata.deletionTimestamp !== undefined)
        this.#enqueue(kind, owner)
    }
  }

  #dependentsOf({ metadata }: KubeObject): readonly Dependent[] {
    const dependents: Dependent[] = []
    for (const informer of this.#allInformers())
      for (const object of informer.byIndex(OWNERS_INDEX, metadata.uid ?? '')) {
        const reference = object.metadata.ownerReferences?.find(owner => owner.uid === metadata.uid)
        if (reference !== undefined) dependents.push({ kind: informer.kind, object, reference })
      }
    return dependents
  }

  async #reconcile(key: string): Promise<void> {
    const space = key.indexOf(' ')
    const informer = this.#informerOf(key.slice(0, space))
    const object = informer?.get(key.slice(space + 1))
    if (informer === undefined || object === undefined) return
    const { kind } = informer
    const { deletionTimestamp, finalizers = [], ownerReferences = [] } = object.metadata
    if (deletionTimestamp !== undefined) {
      if (finalizers.includes(ORPHAN)) await this.#orphanDependents(kind, object)
      else if (finalizers.includes(FOREGROUND)) await this.#awaitDependents(kind, object)
      return
    }
    if (ownerReferences.length > 0) await this.#judge(kind, object, ownerReferences)
  }

  async #judge(kind: Kind, object: KubeObject, references: readonly OwnerReference[]): Promise<void> {
    const kept: OwnerReference[] = []
    let waitedFor = false
    for (const reference of references) {
      const owner = await this.#owners.find(reference, object.metadata.namespace)
      if (owner.state === 'absent') continue
      if (owner.state === 'present' && isWaitingForDependents(owner.object)) waitedFor = true
      else kept.push(reference)
    }
    if (kept.length === references.length) return
    if (kept.length > 0) {
      await this.#writeMetadata(kind, object, { ownerReferences: kept })
      return
    }
    await this.#delete(kind, object, this.#policyFor(object, waitedFor))
  }

  /** What the object itself asks for comes first; what blocks an owner takes its own dependents with it in the same way. */
  #policyFor(object: KubeObject, waitedFor: boolean): DeleteOptions['propagationPolicy'] {
    const { finalizers = [] } = object.metadata
    if (finalizers.includes(ORPHAN)) return 'Orphan'
    if (finalizers.includes(FOREGROUND)) return 'Foreground'
    return waitedFor && this.#dependentsOf(object).length > 0 ? 'Foreground' : 'Background'
  }

  async #delete(
    kind: Kind,
    { metadata }: KubeObject,
    propagationPolicy: DeleteOptions['propagationPolicy'],
  ): Promise<void> {
    const { name = '', namespace, uid = '', resourceVersion = '' } = metadata
    try {
      await this.#client.delete(kind, name, {
        ...(namespace === undefined ? {} : { namespace }),
        ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
        // An owner that came meanwhile changed the version; whoever then looks again, judges anew.
        preconditions: { uid, resourceVersion },
      })
      this.#loop.log.info('collected an object without owners', {
        resource: resourceName(kind),
        namespace,
        name,
      })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }

  async #orphanDependents(kind: Kind, owner: KubeObject): Promise<void> {
    for (const { kind: dependentKind, object } of this.#dependentsOf(owner)) {
      const ownerReferences = (object.metadata.ownerReferences ?? []).filter(
        reference => reference.uid !== owner.metadata.uid,
      )
      await this.#writeMetadata(dependentKind, object, { ownerReferences })
    }
    await this.#removeFinalizer(kind, owner, ORPHAN)
  }

  async #awaitDependents(kind: Kind, owner: KubeObject): Promise<void> {
    const dependents = this.#dependentsOf(owner)
    const blocking = dependents.filter(({ reference }) => reference.blockOwnerDeletion)
    if (blocking.length === 0) {
      await this.#removeFinalizer(kind, owner, FOREGROUND)
      return
    }
    for (const { kind: dependentKind, object } of dependents)
      if (object.metadata.deletionTimestamp === undefined) this.#enqueue(dependentKind, object)
  }

  async #removeFinalizer(kind: Kind, object: KubeObject, finalizer: string): Promise<void> {
    const finalizers = (object.metadata.finalizers ?? []).filter(one => one !== finalizer)
    await this.#writeMetadata(kind, object, { finalizers })
  }

  async #writeMetadata(
    kind: Kind,
    object: KubeObject,
    changes: Pick<KubeObject['metadata'], 'finalizers' | 'ownerReferences'>,
  ): Promise<void> {
    const { name = '', namespace, uid, resourceVersion } = object.metadata
    const body = { metadata: { uid, resourceVersion, ...changes } }
    await ifFound(
      this.#client.patch(kind, name, { type: 'merge', body }, namespace === undefined ? {} : { namespace }),
    )
  }
}

interface Dependent {
  readonly kind: Kind
  readonly object: KubeObject
  readonly reference: OwnerReference
}

const byOwner: IndexFunction<KubeObject> = ({ metadata }) =>
  (metadata.ownerReferences ?? []).map(owner => owner.uid)

/** Members of which an interesting object has one. */
const INTERESTING: readonly string[] = ['"ownerReferences"', '"deletionTimestamp"']

function isInteresting({ metadata }: KubeObject): boolean {
  return (
    (metadata.ownerReferences ?? []).length > 0 ||
    (metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length > 0)
  )
}

function isWaitingForDependents({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(FOREGROUND)
}
