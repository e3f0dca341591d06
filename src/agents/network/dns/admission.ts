/**
 * Bounds what waits, in all and for each client, so that one that asks without end neither uses up memory nor keeps the others
 * from being answered.
 */
export class Admission {
  readonly #most: number
  readonly #mostPerClient: number
  readonly #perClient = new Map<string, number>()
  #all = 0

  constructor(most: number, mostPerClient: number) {
    this.#most = most
    this.#mostPerClient = mostPerClient
  }

  /** Lets one more of a client in and returns the function that ends its stay; undefined when there is no room. */
  enter(client: string): (() => void) | undefined {
    const own = this.#perClient.get(client) ?? 0
    if (this.#all >= this.#most || own >= this.#mostPerClient) return undefined
    this.#all += 1
    this.#perClient.set(client, own + 1)
    return () => this.#leave(client)
  }

  #leave(client: string): void {
    this.#all -= 1
    const own = (this.#perClient.get(client) ?? 1) - 1
    if (own === 0) this.#perClient.delete(client)
    else this.#perClient.set(client, own)
  }
}
