import type { Client } from '../../../client/index.ts'
import { type ControllerRevision, isAlreadyExists, Kinds, type StatefulSet } from '../../../kube/index.ts'
import { deleteObject } from '../delete-object.ts'
import { controllerOf } from '../ownership.ts'
import { isSameRevision, newRevision, surplusRevisions, updateRevisionOf } from './revisions.ts'

export interface FoundRevision {
  readonly revision: ControllerRevision
  /** Counts the names of revisions that were taken by different templates. */
  readonly collisionCount: number
}

/** Writes the revisions of sets. */
export class RevisionKeeper {
  readonly #client: Client

  constructor(client: Client) {
    this.#client = client
  }

  /** The revision of the set's template of now, made or made the newest where it is not. */
  async ensure(set: StatefulSet, revisions: readonly ControllerRevision[]): Promise<FoundRevision> {
    const collisionCount = set.status?.collisionCount ?? 0
    const found = updateRevisionOf(set, revisions)
    switch (found.do) {
      case 'keep':
        return { revision: found.revision, collisionCount }
      case 'renumber': {
        const revision = await this.#client.update(Kinds.ControllerRevision, {
          ...found.revision,
          revision: found.to,
        })
        return { revision, collisionCount }
      }
      case 'create':
        return await this.#create(set, found.revision, collisionCount)
    }
  }

  async #create(
    set: StatefulSet,
    wanted: ControllerRevision,
    collisionCount: number,
  ): Promise<FoundRevision> {
    try {
      return { revision: await this.#client.create(Kinds.ControllerRevision, wanted), collisionCount }
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
    }
    // By our own, which the cache does not show yet, or by another template with the same hash.
    const { name = '', namespace = '' } = wanted.metadata
    const known = await this.#client.get(Kinds.ControllerRevision, name, { namespace })
    if (controllerOf(known)?.uid === set.metadata.uid && isSameRevision(known, wanted))
      return { revision: known, collisionCount }
    const next = collisionCount + 1
    return await this.#create(set, newRevision(set, wanted.revision, next), next)
  }

  /** Forgets revisions that nothing uses, beyond the limit of the set. */
  async trim(
    set: StatefulSet,
    revisions: readonly ControllerRevision[],
    used: ReadonlySet<string>,
  ): Promise<void> {
    for (const revision of surplusRevisions(set, revisions, used))
      await deleteObject(this.#client, Kinds.ControllerRevision, revision)
  }
}
