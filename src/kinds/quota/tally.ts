import type { Pod } from '../../kube/generated/types.ts'
import type { KubeObject, Quantity, QuantityFormat } from '../../kube/index.ts'
import { podCountsUntilMs } from './pod-usage.ts'
import { isInScopes, type QuotaTerms } from './terms.ts'
import { isCountedAlike, type Usage, usageOf } from './usage.ts'

/**
 * What the objects of one resource in a namespace use of one quota, as running sums: a change costs what it changes. It is told what each
 * object is, never what happened to it, so that being told twice, or of what it knows, changes nothing.
 */
export class Tally {
  readonly #terms: QuotaTerms
  readonly #resource: string
  /** What is limited. */
  readonly #names: readonly string[]
  readonly #sums: ReadonlyMap<string, Sum>
  /** What each object was counted with, by its key. */
  readonly #counted = new Map<string, Usage>()
  /** What each is counted with where all are alike. */
  #alike: Usage | undefined
  /** Pods that stop to count when a time has come, by their keys. */
  readonly #ending = new Map<string, { readonly pod: Pod; readonly untilMs: number }>()
  /** None of the above ends before. */
  #earliestMs = Number.POSITIVE_INFINITY

  constructor(terms: QuotaTerms, resource: string) {
    this.#terms = terms
    this.#resource = resource
    this.#names = terms.resources.get(resource) ?? []
    this.#sums = new Map(this.#names.map(name => [name, new Sum()]))
  }

  /** The object with this key is now so, or is not there. True when that changes what is used, or when it changes by itself. */
  set(key: string, object: KubeObject | undefined, nowMs: number): boolean {
    const earliestMs = this.#earliestMs
    const before = this.#counted.get(key)
    const after = object === undefined ? undefined : this.#usageOf(object, nowMs)
    this.#ending.delete(key)
    if (object !== undefined && after !== undefined) this.#awaitEnd(key, object, nowMs)
    if (isSame(before, after)) return this.#earliestMs < earliestMs
    for (const [name, amount] of before ?? []) this.#sums.get(name)?.subtract(amount)
    for (const [name, amount] of after ?? []) this.#sums.get(name)?.add(amount)
    if (after === undefined) this.#counted.delete(key)
    else this.#counted.set(key, after)
    return true
  }

  /** What is used as of a time, for every name that is limited. */
  used(nowMs: number): Usage {
    this.#endAsOf(nowMs)
    return new Map([...this.#sums].map(([name, sum]) => [name, sum.quantity]))
  }

  /** When what is used changes without a change of an object, at the earliest; undefined: never. */
  get nextChangeMs(): number | undefined {
    return this.#earliestMs === Number.POSITIVE_INFINITY ? undefined : this.#earliestMs + 1
  }

  #usageOf(object: KubeObject, nowMs: number): Usage | undefined {
    if (!isInScopes(this.#terms, this.#resource, object)) return undefined
    if (!isCountedAlike(this.#resource)) return this.#limitedPart(object, nowMs)
    this.#alike ??= this.#limitedPart(object, nowMs)
    return this.#alike
  }

  #limitedPart(object: KubeObject, nowMs: number): Usage | undefined {
    const whole = usageOf(this.#resource, object, nowMs)
    const usage = new Map<string, Quantity>()
    for (const name of this.#names) {
      const amount = whole.get(name)
      if (amount !== undefined && amount.nano !== 0n) usage.set(name, amount)
    }
    return usage.size === 0 ? undefined : usage
  }

  #awaitEnd(key: string, object: KubeObject, nowMs: number): void {
    if (this.#resource !== 'pods') return
    const pod = object as Pod
    const untilMs = podCountsUntilMs(pod)
    if (!Number.isFinite(untilMs) || untilMs < nowMs) return
    this.#ending.set(key, { pod, untilMs })
    this.#earliestMs = Math.min(this.#earliestMs, untilMs)
  }

  /** Looks through those that end only when one may have: at most once for each second in which one does. */
  #endAsOf(nowMs: number): void {
    if (nowMs <= this.#earliestMs) return
    this.#earliestMs = Number.POSITIVE_INFINITY
    for (const [key, { pod, untilMs }] of [...this.#ending]) {
      if (untilMs < nowMs) this.set(key, pod, nowMs)
      else this.#earliestMs = Math.min(this.#earliestMs, untilMs)
    }
  }
}

/** A sum that amounts come to and go from. */
class Sum {
  #nano = 0n
  /** How many amounts were written in each way. */
  readonly #written: Record<QuantityFormat, number> = { BinarySI: 0, DecimalSI: 0, DecimalExponent: 0 }

  add({ nano, format }: Quantity): void {
    this.#nano += nano
    this.#written[format] += 1
  }

  subtract({ nano, format }: Quantity): void {
    this.#nano -= nano
    this.#written[format] -= 1
  }

  /** Written as its parts are; of several ways the first here, whatever came first. */
  get quantity(): Quantity {
    const { BinarySI, DecimalSI, DecimalExponent } = this.#written
    const format =
      BinarySI > 0 ? 'BinarySI' : DecimalSI > 0 || DecimalExponent === 0 ? 'DecimalSI' : 'DecimalExponent'
    return { nano: this.#nano, format }
  }
}

function isSame(a: Usage | undefined, b: Usage | undefined): boolean {
  if (a === undefined || b === undefined || a === b) return a === b
  if (a.size !== b.size) return false
  for (const [name, { nano, format }] of a) {
    const other = b.get(name)
    if (other?.nano !== nano || other.format !== format) return false
  }
  return true
}
