/** Those of the counts that are not zero: upstream's statuses leave the others out, and so are they stored. */
export function positiveCounts<T extends Readonly<Record<string, number>>>(counts: T): Partial<T> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)) as Partial<T>
}
