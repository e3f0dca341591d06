import {
  addQuantities,
  compareQuantities,
  parseQuantity,
  type Quantity,
  quantityProblem,
  quantityToInteger,
  quantityToNumber,
} from '../../../kube/index.ts'
import { type Comparable, type Definitions, defineOpaque } from './library.ts'

/** What a quantity is to expressions. */
class CelQuantity implements Comparable {
  readonly amount: Quantity

  constructor(amount: Quantity) {
    this.amount = amount
  }

  equals(other: unknown): boolean {
    return other instanceof CelQuantity && compareQuantities(this.amount, other.amount) === 0
  }
}

const QUANTITY = 'kubernetes.Quantity'

/** Amounts of resources (apiserver `pkg/cel/library/quantity.go`). */
export function defineQuantities(definitions: Definitions): void {
  const { define } = definitions
  defineOpaque(definitions, QUANTITY, CelQuantity)
  define('isQuantity(string): bool', (text: string) => quantityProblem(text) === undefined)
  define(`quantity(string): ${QUANTITY}`, (text: string) => {
    const problem = quantityProblem(text)
    if (problem !== undefined) throw new RangeError(problem)
    return new CelQuantity(parseQuantity(text))
  })
  const compare = (a: CelQuantity, b: CelQuantity): number => compareQuantities(a.amount, b.amount)
  define(`${QUANTITY}.compareTo(${QUANTITY}): int`, (a: CelQuantity, b: CelQuantity) =>
    BigInt(Math.sign(compare(a, b))),
  )
  define(
    `${QUANTITY}.isGreaterThan(${QUANTITY}): bool`,
    (a: CelQuantity, b: CelQuantity) => compare(a, b) > 0,
  )
  define(`${QUANTITY}.isLessThan(${QUANTITY}): bool`, (a: CelQuantity, b: CelQuantity) => compare(a, b) < 0)
  define(`${QUANTITY}.sign(): int`, ({ amount }: CelQuantity) =>
    BigInt(amount.nano < 0n ? -1 : amount.nano > 0n ? 1 : 0),
  )
  define(`${QUANTITY}.asApproximateFloat(): double`, ({ amount }: CelQuantity) => quantityToNumber(amount))
  define(
    `${QUANTITY}.isInteger(): bool`,
    ({ amount }: CelQuantity) => quantityToInteger(amount) !== undefined,
  )
  define(`${QUANTITY}.asInteger(): int`, ({ amount }: CelQuantity) => {
    const integer = quantityToInteger(amount)
    if (integer === undefined) throw new RangeError('cannot convert value to integer')
    return integer
  })
  for (const [name, sign] of [
    ['add', 1n],
    ['sub', -1n],
  ] as const) {
    define(
      `${QUANTITY}.${name}(${QUANTITY}): ${QUANTITY}`,
      (a: CelQuantity, { amount }: CelQuantity) =>
        new CelQuantity(addQuantities(a.amount, { ...amount, nano: sign * amount.nano })),
    )
    define(
      `${QUANTITY}.${name}(int): ${QUANTITY}`,
      (a: CelQuantity, units: bigint) =>
        new CelQuantity(addQuantities(a.amount, parseQuantity(String(sign * units)))),
    )
  }
}
