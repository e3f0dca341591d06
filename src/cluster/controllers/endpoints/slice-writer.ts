import type { Clock } from '../../../base/index.ts'
import type { Client } from '../../../client/index.ts'
import { type EndpointSlice, Kinds, objectKey } from '../../../kube/index.ts'
import { deleteObject } from '../delete-object.ts'
import { Expectations } from '../expectations.ts'
import { isNamespaceTerminating } from '../namespace-terminating.ts'
import type { SlicePlan } from './slice-plan.ts'

/**
 * Carries out plans of slices. What it created is expected until the cache shows it, so that nothing is created twice; a stale cache
 * shows itself in updates as a conflict.
 */
export class SliceWriter {
  readonly #client: Client
  readonly #expectations: Expectations

  constructor(client: Client, clock: Clock) {
    this.#client = client
    this.#expectations = new Expectations(clock)
  }

  /** Whether the cache shows all that was created for `owner`. */
  isSettled(owner: string): boolean {
    return this.#expectations.isSatisfied(owner)
  }

  /** The cache shows this slice. */
  seen(owner: string, slice: EndpointSlice): void {
    this.#expectations.settle(owner, objectKey(slice))
  }

  /** What is gone is removed last: no endpoint is missing meanwhile. */
  async write(owner: string, { create, update, remove }: SlicePlan): Promise<void> {
    await Promise.all([
      ...create.map(slice => this.#create(owner, slice)),
      ...update.map(slice => this.#client.update(Kinds.EndpointSlice, slice)),
    ])
    await Promise.all(remove.map(slice => deleteObject(this.#client, Kinds.EndpointSlice, slice)))
  }

  async #create(owner: string, slice: EndpointSlice): Promise<void> {
    const key = objectKey(slice)
    this.#expectations.expect(owner, key)
    try {
      await this.#client.create(Kinds.EndpointSlice, slice)
    } catch (error) {
      this.#expectations.settle(owner, key)
      if (!isNamespaceTerminating(error)) throw error
    }
  }
}
