import type { Installed, Ruleset } from '../nft/index.ts'

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

/** The flows to forget after a change, from the sets `udp-flows` of before and after. */
export function staleFlows(
  before: Pick<Installed, 'elements'> | undefined,
  after: Pick<Ruleset, 'elements'>,
): readonly StaleFlow[] {
  const old = before?.elements.get('udp-flows') ?? new Map<string, string>()
  const fresh = after.elements.get('udp-flows') ?? new Map<string, string>()
  const stale: StaleFlow[] = []
  for (const key of old.keys()) {
    if (fresh.has(key)) continue
    const [address = '', port = '', backend = ''] = key.split(' . ')
    stale.push({ address: addressOf(address), port: Number(port), backend })
  }
  const served = new Set([...old.keys()].map(frontendOf))
  for (const frontend of new Set([...fresh.keys()].map(frontendOf))) {
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
