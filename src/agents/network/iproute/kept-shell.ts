import { BowlineError, type Clock, type Ids, Limit } from '../../../base/index.ts'
import { type ScriptResult, Shell } from './shell.ts'

/** No script of these takes longer, unless it hangs. */
const PATIENCE_MS = 10_000
/** Longer than the pods of a rolling update are apart. */
const IDLE_MS = 30_000

/**
 * Runs scripts in one `sh` that stays between them. To start a program, the kernel copies the memory map of who starts it: a process
 * of Node, with a hundred megabytes, stands still for many times as long as a shell needs. The shell is started with the first
 * script, again after it ended, and ends when it has had nothing to do for a while.
 *
 *     const { code, output, complaint } = await shell.run('ip link show')
 */
export class KeptShell {
  readonly #clock: Clock
  readonly #ids: Ids
  readonly #turns = new Limit(1)
  #kept: Shell | undefined
  #isClosed = false
  #stopWaiting: () => void = () => {}

  constructor({ clock, ids }: { readonly clock: Clock; readonly ids: Ids }) {
    this.#clock = clock
    this.#ids = ids
  }

  /**
   * Runs a script after those that were given before; resolves however it ends. It is run once at most. Rejects when it cannot be run
   * to its end: with `timeout` when it takes too long (the script and what it started are killed), with `aborted` when this is closed, with
   * `unavailable` (retryable) when somebody ended the shell. By then nothing of it runs any more.
   */
  run(script: string): Promise<ScriptResult> {
    return this.#turns.run(() => this.#runNow(script))
  }

  /** Ends the shell and the script that it runs; every script that waits fails. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#stopWaiting()
    this.#kept?.kill(closed())
    await this.#kept?.end()
  }

  async #runNow(script: string): Promise<ScriptResult> {
    if (this.#isClosed) throw closed()
    this.#stopWaiting()
    if (this.#kept === undefined || this.#kept.isEnded) this.#kept = new Shell()
    const kept = this.#kept
    const stopWatching = this.#clock.after(PATIENCE_MS, () =>
      kept.kill(
        new BowlineError('timeout', `Cannot finish a script: it took longer than ${PATIENCE_MS} ms`, {
          retryable: true,
        }),
      ),
    )
    try {
      return await kept.run(script, this.#ids.uid())
    } finally {
      stopWatching()
      if (!this.#isClosed) this.#stopWaiting = this.#clock.after(IDLE_MS, () => this.#rest())
    }
  }

  #rest(): void {
    void this.#kept?.end()
    this.#kept = undefined
  }
}

function closed(): BowlineError {
  return new BowlineError('aborted', 'Cannot run a script: the agent ends')
}
