import { backoffMs, isObject } from '../../../base/index.ts'
import { type Client, ifFound } from '../../../client/index.ts'
import { Kinds } from '../../../kube/index.ts'
import { patchConfigMap } from './patch-config-map.ts'

/** Where failures are kept. Nothing in it is secret. */
export const ORDER_FAILURES = { namespace: 'kube-system', name: 'bowline-acme-failures' } as const
/** One entry, since the name of a Secret may be as long as that of an entry. */
const ENTRY = 'failures.json'

/** Authorities count failures by the hour (Let's Encrypt: five for each host and account). */
const RETRY = { initialMs: 15 * 60 * 1000, maxMs: 12 * 60 * 60 * 1000 }

interface Failure {
  readonly hosts: readonly string[]
  /** How often in a row. */
  readonly count: number
  /** When it may be tried again. */
  readonly retryAt: number
}

/**
 * How often in a row the authority refused a certificate, by Secret. Kept in a ConfigMap, so that a server that starts again and again
 * does not ask again and again: the authority counts failures, and then answers nobody of the account for hours.
 */
export class OrderFailures {
  readonly #client: Client
  readonly #failures = new Map<string, Failure>()

  constructor(client: Client) {
    this.#client = client
  }

  /** Takes over what was kept. What cannot be read is as good as nothing. */
  async load(): Promise<void> {
    const { namespace, name } = ORDER_FAILURES
    const kept = await ifFound(this.#client.get(Kinds.ConfigMap, name, { namespace }))
    for (const [key, failure] of readFailures(kept?.data?.[ENTRY])) this.#failures.set(key, failure)
  }

  /** How long to wait before asking. Other hosts are another question: they are asked for at once. */
  waitOf(key: string, hosts: readonly string[], now: number): number {
    const failure = this.#of(key, hosts)
    // Never longer than the back-off, should the clock have been ahead.
    return failure === undefined ? 0 : Math.min(failure.retryAt - now, backoffMs(failure.count, RETRY))
  }

  /** Takes note of a refusal; says how long to wait. Those that are not wanted any more are forgotten. */
  async note(
    key: string,
    { hosts, now, wanted }: { readonly hosts: readonly string[]; readonly now: number; readonly wanted: Has },
  ): Promise<number> {
    const count = (this.#of(key, hosts)?.count ?? 0) + 1
    const wait = backoffMs(count, RETRY)
    this.#failures.set(key, { hosts, count, retryAt: now + wait })
    for (const known of this.#failures.keys()) if (!wanted.has(known)) this.#failures.delete(known)
    await this.#keep()
    return wait
  }

  async forget(key: string): Promise<void> {
    if (this.#failures.delete(key)) await this.#keep()
  }

  #of(key: string, hosts: readonly string[]): Failure | undefined {
    const failure = this.#failures.get(key)
    return failure?.hosts.join(' ') === hosts.join(' ') ? failure : undefined
  }

  async #keep(): Promise<void> {
    const text = this.#failures.size === 0 ? null : JSON.stringify(Object.fromEntries(this.#failures))
    await patchConfigMap(this.#client, ORDER_FAILURES, { [ENTRY]: text })
  }
}

type Has = Pick<ReadonlyMap<string, unknown>, 'has'>

function readFailures(text: string | undefined): readonly (readonly [string, Failure])[] {
  try {
    const kept: unknown = JSON.parse(text ?? '{}')
    if (!isObject(kept)) return []
    return Object.entries(kept).flatMap(([key, value]) => {
      const failure = readFailure(value)
      return failure === undefined ? [] : [[key, failure] as const]
    })
  } catch {
    return []
  }
}

function readFailure(value: unknown): Failure | undefined {
  if (!isObject(value)) return undefined
  const { hosts, count, retryAt } = value
  if (!Array.isArray(hosts) || !Number.isSafeInteger(count) || !Number.isFinite(retryAt)) return undefined
  return { hosts: hosts.map(String), count: Math.max(1, Number(count)), retryAt: Number(retryAt) }
}
