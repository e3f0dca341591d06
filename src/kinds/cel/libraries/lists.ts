import { Environment } from '@marcbachmann/cel-js'
import { type CelDuration, celEquals, isBytes, numberOf } from './equality.ts'
import type { Definitions } from './library.ts'

const DURATION = 'google.protobuf.Duration'
/** Types whose values have an order. */
const ORDERED = ['int', 'uint', 'double', 'bool', DURATION, 'google.protobuf.Timestamp', 'string', 'bytes']

/** The functions of lists (apiserver `pkg/cel/library/lists.go`). */
export function defineLists({ define, costs }: Definitions): void {
  define('list<int>.sum(): int', (list: bigint[]) => list.reduce((sum, item) => checkedInt(sum + item), 0n))
  define('list<uint>.sum(): uint', (list: unknown[]) => {
    const sum = list.reduce<bigint>((total, item) => total + BigInt(numberOf(item) ?? 0), 0n)
    if (sum > MAX_UINT) throw new RangeError('unsigned integer overflow')
    const [first] = list
    return first === undefined ? ZERO_UINT : new (constructorOf(first))(sum)
  })
  define('list<double>.sum(): double', (list: number[]) => list.reduce((sum, item) => sum + item, 0))
  define(`list<${DURATION}>.sum(): ${DURATION}`, (list: CelDuration[]) =>
    list.reduce((sum, item) => sum.addDuration(item), ZERO_DURATION),
  )
  for (const type of ORDERED) {
    define(`list<${type}>.isSorted(): bool`, (list: Ordered[]) => {
      costs.weighed(list)
      return list.every((item, index) => index === 0 || compare(list[index - 1] as Ordered, item) <= 0)
    })
    define(`list<${type}>.min(): ${type}`, (list: Ordered[]) => {
      costs.weighed(list)
      return extreme('min', list, -1)
    })
    define(`list<${type}>.max(): ${type}`, (list: Ordered[]) => {
      costs.weighed(list)
      return extreme('max', list, 1)
    })
  }
  define('list<A>.indexOf(A): int', (list: unknown[], item: unknown) => {
    costs.weighed(list)
    return BigInt(list.findIndex(one => celEquals(one, item)))
  })
  define('list<A>.lastIndexOf(A): int', (list: unknown[], item: unknown) => {
    costs.weighed(list)
    return BigInt(list.findLastIndex(one => celEquals(one, item)))
  })
}

type Ordered = bigint | number | string | boolean | Date | Uint8Array

/** The language's library makes its values, and exports no classes of them. */
const language = new Environment()
const ZERO_UINT: unknown = language.evaluate('uint(0)')
const ZERO_DURATION = language.evaluate('duration("0s")') as CelDuration

const MAX_INT = 2n ** 63n - 1n
const MIN_INT = -(2n ** 63n)
const MAX_UINT = 2n ** 64n - 1n

function checkedInt(value: bigint): bigint {
  if (value > MAX_INT || value < MIN_INT) throw new RangeError('integer overflow')
  return value
}

function constructorOf(value: unknown): new (given: bigint) => unknown {
  return (value as { constructor: new (given: bigint) => unknown }).constructor
}

function extreme(name: string, list: readonly Ordered[], sign: 1 | -1): Ordered {
  const [first] = list
  if (first === undefined) throw new RangeError(`${name} called on empty list`)
  return list.reduce((best, item) => (compare(item, best) * sign > 0 ? item : best), first)
}

function compare(a: Ordered, b: Ordered): number {
  if (isBytes(a) && isBytes(b)) {
    const length = Math.min(a.length, b.length)
    for (let index = 0; index < length; index += 1)
      if (a[index] !== b[index]) return (a[index] as number) - (b[index] as number)
    return a.length - b.length
  }
  return a < b ? -1 : a > b ? 1 : 0
}
