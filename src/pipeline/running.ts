import { isAborted, type Logger, messageOf, type Service } from '../base/index.ts'

/** Named services that come and go while their owner runs. */
export class Running<T extends Service> {
  readonly #log: Logger
  readonly #parts = new Map<
    string,
    { readonly part: T; readonly stop: AbortController; readonly ended: Promise<void> }
  >()

  constructor(log: Logger) {
    this.#log = log
  }

  get(name: string): T | undefined {
    return this.#parts.get(name)?.part
  }

  names(): readonly string[] {
    return [...this.#parts.keys()]
  }

  /** Starts a part under a name that is free. One that throws is logged and gone. */
  add(name: string, part: T): T {
    const stop = new AbortController()
    const ended = part.start(stop.signal).catch(error => {
      if (!isAborted(error))
        this.#log.error('A part of the pipeline ended', { part: name, error: messageOf(error) })
    })
    this.#parts.set(name, { part, stop, ended })
    return part
  }

  /** Resolves when the part has ended; at once when there is none. */
  async remove(name: string): Promise<void> {
    const running = this.#parts.get(name)
    this.#parts.delete(name)
    running?.stop.abort()
    await running?.ended
  }

  async removeAll(): Promise<void> {
    await Promise.all(this.names().map(name => this.remove(name)))
  }
}
