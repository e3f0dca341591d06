/** The middle of the values; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = sortedNumbers(values)
  const middle = sorted.length / 2
  return (at(sorted, Math.ceil(middle) - 1) + at(sorted, Math.floor(middle))) / 2
}

/** The smallest value that at least `share` of the values do not exceed; `share` is above 0 and at most 1. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = sortedNumbers(values)
  return at(sorted, Math.ceil(sorted.length * share) - 1)
}

function sortedNumbers(values: readonly number[]): readonly number[] {
  if (values.length === 0) throw new RangeError('no values were measured')
  return values.toSorted((a, b) => a - b)
}

function at(values: readonly number[], index: number): number {
  return values[Math.max(0, index)] ?? Number.NaN
}
