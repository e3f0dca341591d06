/**
 * A UDP flow that the kernel remembers and that goes, or did not go, where the table says now. TCP connections end by themselves; the
 * kernel translates a UDP flow as it once began for as long as its client sends.
 */
export interface StaleFlow {
  /** What the client sent to; undefined: any address of the host. */
  readonly address: string | undefined
  readonly port: number
  /** The backend that is gone; undefined: the frontend was not served before, and its flows went nowhere. */
  readonly backend: string | undefined
}

/** A set or map of nftables, of which only the keys matter. */
type Keys = Pick<ReadonlyMap<string, string>, 'has' | 'keys'>

/**
 * The flows to forget after a change of the set `udp-flows`: of the elements that were touched, those of before and of after, and all
 * that the set holds now.
 */
export function staleFlows(before: Keys, after: Keys, all: Iterable<string>): readonly StaleFlow[] {
  const stale: StaleFlow[] = []
  for (const key of before.keys()) {
    if (after.has(key)) continue
    const [address = '', port = '', backend = ''] = key.split(' . ')
    stale.push({ address: addressOf(address), port: Number(port), backend })
  }
  const kept = [...all].filter(key => !after.has(key))
  const served = new Set([...before.keys(), ...kept].map(frontendOf))
  for (const frontend of new Set([...after.keys()].map(frontendOf))) {
    if (served.has(frontend)) continue
    const [address = '', port = ''] = frontend.split(' . ')
    stale.push({ address: addressOf(address), port: Number(port), backend: undefined })
  }
  return stale
}

/** The arguments of `conntrack` that forget a flow. */
export function conntrackArguments({ address, port, backend }: StaleFlow): readonly string[] {
  return [
    ...['--delete', '--proto', 'udp', '--orig-port-dst', String(port)],
    ...(address === undefined ? [] : ['--orig-dst', address]),
    // Of what was not translated, the answers come from where the client sent to.
    ...(backend !== undefined
      ? ['--reply-src', backend]
      : address !== undefined
        ? ['--reply-src', address]
        : []),
  ]
}

function frontendOf(key: string): string {
  return key.split(' . ').slice(0, 2).join(' . ')
}

function addressOf(text: string): string | undefined {
  return text === '0.0.0.0' ? undefined : text
}
