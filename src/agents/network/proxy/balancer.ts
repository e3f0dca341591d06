import type { Clock, Ids } from '../../../base/index.ts'
import type { Backend } from '../services/index.ts'

/** Beyond so many clients the one that was heard of longest ago is forgotten. */
const MAX_CLIENTS = 65_536

/** Chooses backends: any of them, or with affinity the one that a client had last. */
export class Balancer {
  readonly #clock: Clock
  readonly #ids: Ids
  /** By the client's address, least recently heard of first. */
  readonly #clients = new Map<string, { readonly backend: Backend; readonly until: number }>()
  #backends: readonly Backend[] = []
  #affinityMs: number | undefined

  constructor({ clock, ids }: { readonly clock: Clock; readonly ids: Ids }) {
    this.#clock = clock
    this.#ids = ids
  }

  update(backends: readonly Backend[], affinitySeconds: number | undefined): void {
    this.#backends = backends
    this.#affinityMs = affinitySeconds === undefined ? undefined : affinitySeconds * 1_000
    if (affinitySeconds === undefined) this.#clients.clear()
  }

  has(backend: Backend): boolean {
    return this.#backends.some(({ address, port }) => address === backend.address && port === backend.port)
  }

  /** The backends to try for a client, the best first. */
  order(client: string): readonly Backend[] {
    const first = Math.floor(this.#ids.random() * this.#backends.length)
    const turned = [...this.#backends.slice(first), ...this.#backends.slice(0, first)]
    const known = this.#clients.get(client)
    if (known === undefined || this.#affinityMs === undefined) return turned
    if (known.until < this.#clock.now() || !this.has(known.backend)) return turned
    return [known.backend, ...turned.filter(backend => !isSame(backend, known.backend))]
  }

  /** Remembers, for affinity, which backend a client got. */
  settle(client: string, backend: Backend): void {
    if (this.#affinityMs === undefined) return
    this.#clients.delete(client)
    this.#clients.set(client, { backend, until: this.#clock.now() + this.#affinityMs })
    const [oldest] = this.#clients.keys()
    if (this.#clients.size > MAX_CLIENTS && oldest !== undefined) this.#clients.delete(oldest)
  }
}

function isSame(a: Backend, b: Backend): boolean {
  return a.address === b.address && a.port === b.port
}
