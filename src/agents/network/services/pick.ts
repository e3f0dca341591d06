/**
 * Chains that lead to one of so many backends, shared by all services that have as many. nft 1.0.6 refuses a rule with the map of
 * backends once that map is there ("conflicting protocols specified: ip vs. th"); in the transaction that makes the map it takes
 * them. So those for the usual numbers are made with the table; another number makes the table anew, once.
 */
export const PICKS_IN_FRAME = 32

/** The name of the chain of a number that the frame has. */
export function pickName(byNodePort: boolean, count: number): string {
  return byNodePort ? `pick-node-port-${count}` : `pick-${count}`
}

/** The rule that picks one of `count` backends of whatever frontend a packet was sent to. */
export function pickRule(byNodePort: boolean, count: number): string {
  return byNodePort
    ? `dnat to meta l4proto . th dport . numgen random mod ${count} map @node-port-backends`
    : `dnat to ip daddr . meta l4proto . th dport . numgen random mod ${count} map @backends`
}

/** The chains of the frame. */
export function pickChains(): string {
  const counts = Array.from({ length: PICKS_IN_FRAME }, (_, index) => index + 1)
  return [false, true]
    .flatMap(byNodePort =>
      counts.map(count => `    chain ${pickName(byNodePort, count)} { ${pickRule(byNodePort, count)}; }`),
    )
    .join('\n')
}
