interface Ranked {
  readonly item: unknown
  /** Where the wanted order, or for other items the live list, has it. */
  readonly rank: number
  readonly live: number | undefined
}

/**
 * The order of a merged list's items: those that `wanted` names come in its order; the others keep the order of `live` and stand
 * before the first named item that followed them there. A named item that is new stands before what is left.
 * `keyOf` tells items apart. (apimachinery `normalizeElementOrder`.)
 */
export function orderElements(
  items: readonly unknown[],
  wanted: readonly unknown[],
  live: readonly unknown[],
  keyOf: (item: unknown) => unknown,
): readonly unknown[] {
  const wantedRanks = firstIndexes(wanted, keyOf)
  const liveRanks = firstIndexes(live, keyOf)
  const named: Ranked[] = []
  const others: Ranked[] = []
  for (const item of items) {
    const key = keyOf(item)
    const rank = wantedRanks.get(key)
    const at = liveRanks.get(key)
    if (rank === undefined) others.push({ item, rank: at ?? Number.POSITIVE_INFINITY, live: at })
    else named.push({ item, rank, live: at })
  }
  named.sort(byRank)
  others.sort(byRank)

  const ordered: unknown[] = []
  let next = 0
  for (const { item, live: at } of named) {
    for (let other = others[next]; at !== undefined && other !== undefined && other.rank < at; ) {
      ordered.push(other.item)
      next += 1
      other = others[next]
    }
    ordered.push(item)
  }
  for (const { item } of others.slice(next)) ordered.push(item)
  return ordered
}

function firstIndexes(
  items: readonly unknown[],
  keyOf: (item: unknown) => unknown,
): ReadonlyMap<unknown, number> {
  const indexes = new Map<unknown, number>()
  items.forEach((item, index) => {
    const key = keyOf(item)
    if (!indexes.has(key)) indexes.set(key, index)
  })
  return indexes
}

function byRank(a: Ranked, b: Ranked): number {
  return a.rank === b.rank ? 0 : a.rank - b.rank
}
