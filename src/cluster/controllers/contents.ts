import { Limit } from '../../base/index.ts'
import type { Client } from '../../client/index.ts'
import { isConflict, type Kind, type KubeObject } from '../../kube/index.ts'
import { deleteObject } from './delete-object.ts'

/** Deletions under way at once. */
const DELETIONS = 32
const PAGE = 500

/** Empties what holds objects: a namespace, or a kind that is to go. */
export class Contents {
  readonly #client: Client
  readonly #deletions = new Limit(DELETIONS)

  constructor(client: Client) {
    this.#client = client
  }

  /**
   * Deletes the objects of a kind, in a namespace or everywhere, and answers with those that are still there: pods that end in
   * peace, and what finalizers keep.
   */
  async remove(kind: Kind, namespace?: string): Promise<readonly KubeObject[]> {
    const found = await this.#list(kind, namespace)
    if (found.length === 0) return []
    await Promise.all(
      found
        .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
        .map(object => this.#deletions.run(() => this.#delete(kind, object))),
    )
    return this.#list(kind, namespace)
  }

  /** From the server and not from a cache: nothing may be overlooked. */
  async #list(kind: Kind, namespace: string | undefined): Promise<readonly KubeObject[]> {
    const objects: KubeObject[] = []
    let next: string | undefined
    do {
      const page = await this.#client.list(kind, {
        limit: PAGE,
        ...(namespace === undefined ? {} : { namespace }),
        ...(next === undefined ? {} : { continue: next }),
      })
      objects.push(...page.items)
      next = page.continue
    } while (next !== undefined)
    return objects
  }

  async #delete(kind: Kind, object: KubeObject): Promise<void> {
    try {
      await deleteObject(this.#client, kind, object, { propagationPolicy: 'Background' })
    } catch (error) {
      // Another has its name now: it is found when what is left is listed.
      if (!isConflict(error)) throw error
    }
  }
}
