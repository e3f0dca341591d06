/**
 * An AbortController that makes its signal when somebody first asks for it. Most requests are answered before anybody had to wait
 * for anything, and making and aborting a signal costs as much as finding out what they want.
 */
export class Cancellation {
  #controller: AbortController | undefined
  #isOver = false
  #reason: unknown

  /** True once it was cancelled. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Why; undefined before. */
  get reason(): unknown {
    return this.#reason
  }

  /** Aborts, or is aborted already, with the reason of the cancellation. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#isOver) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  /** Only the first call counts. */
  cancel(reason: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#reason = reason
    this.#controller?.abort(reason)
  }
}
