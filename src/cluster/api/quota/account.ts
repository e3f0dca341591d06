import { isInScopes, type QuotaTerms, Tally, type Usage } from '../../../kinds/index.ts'
import { addQuantities, type KubeObject, type Quantity } from '../../../kube/index.ts'

/** What a write that is under way takes. */
export interface Charge {
  /** What it writes. */
  readonly key: string
  readonly namespace: string
  readonly resource: string
  readonly object: KubeObject
  readonly requested: Usage
  /** Where it is held. */
  readonly accounts: Set<Account>
  /** Where it was stored; undefined while that is not known. */
  revision?: number
}

/** What one resource uses of one quota: by what is stored, and by what is held for writes that are under way. */
export class Account {
  readonly terms: QuotaTerms
  readonly tally: Tally
  readonly #held = new Map<string, Quantity>()

  constructor(terms: QuotaTerms, resource: string) {
    this.terms = terms
    this.tally = new Tally(terms, resource)
  }

  used(nowMs: number): Usage {
    const stored = this.tally.used(nowMs)
    if (this.#held.size === 0) return stored
    return new Map(
      [...stored].map(([name, amount]) => {
        const held = this.#held.get(name)
        return [name, held === undefined ? amount : addQuantities(amount, held)]
      }),
    )
  }

  hold(requested: Usage): void {
    for (const [name, amount] of requested) {
      const before = this.#held.get(name)
      this.#held.set(name, before === undefined ? amount : addQuantities(before, amount))
    }
  }

  release(requested: Usage): void {
    for (const [name, { nano }] of requested) {
      const before = this.#held.get(name)
      if (before === undefined || before.nano === nano) this.#held.delete(name)
      else this.#held.set(name, { ...before, nano: before.nano - nano })
    }
  }

  /** Holds what a write takes that was charged before there was this account. */
  adopt(charge: Charge): void {
    if (!isInScopes(this.terms, charge.resource, charge.object)) return
    this.hold(charge.requested)
    charge.accounts.add(this)
  }
}
