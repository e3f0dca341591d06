import { isAborted, type Logger, messageOf, type Service } from '../base/index.ts'

interface Part<T> {
  readonly part: T
  readonly stop: AbortController
}

/** Named services that come and go while their owner runs. Of one name at most one runs: the next begins when it has ended. */
export class Running<T extends Service> {
  readonly #log: Logger
  readonly #parts = new Map<string, Part<T>>()
  /** When the last part of a name has ended; kept until then, also when it was removed. */
  readonly #ended = new Map<string, Promise<void>>()

  constructor(log: Logger) {
    this.#log = log
  }

  get(name: string): T | undefined {
    return this.#parts.get(name)?.part
  }

  values(): readonly T[] {
    return [...this.#parts.values()].map(({ part }) => part)
  }

  /** Starts a part in the place of the one of this name. One that throws is logged. */
  replace(name: string, part: T): T {
    this.remove(name)
    const stop = new AbortController()
    this.#parts.set(name, { part, stop })
    const before = this.#ended.get(name) ?? Promise.resolve()
    const ended = before.then(() => this.#run(name, part, stop.signal))
    this.#ended.set(name, ended)
    void ended.then(() => {
      if (this.#ended.get(name) === ended) this.#ended.delete(name)
    })
    return part
  }

  /** Asks the part of this name to end, if there is one. */
  remove(name: string): void {
    const running = this.#parts.get(name)
    this.#parts.delete(name)
    running?.stop.abort()
  }

  /** Resolves when all parts have ended. */
  async removeAll(): Promise<void> {
    for (const name of [...this.#parts.keys()]) this.remove(name)
    await Promise.all(this.#ended.values())
  }

  async #run(name: string, part: T, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    try {
      await part.start(signal)
    } catch (error) {
      if (!isAborted(error))
        this.#log.error('A part of the pipeline ended', { part: name, error: messageOf(error) })
    }
  }
}
