import { breathe, type Clock, type Logger, messageOf } from '../../base/index.ts'
import type { AppTarget } from '../source/app-target.ts'
import type { PlanParts } from './plan-target.ts'
import { Unnoted } from './unnoted.ts'
import { type VerifiedParts, verifiedEntries } from './verified.ts'

export interface NoterParts extends VerifiedParts, PlanParts {
  readonly clock: Clock
  readonly log: Logger
  /** Called when there may be something to note again. */
  readonly wake: () => void
}

/** Objects that are compared and noted in one go; the event loop runs in between. */
const AT_ONCE = 50

/** How long a live object has been left alone before it is noted; controllers write a first status sooner, mostly. */
const SETTLED_MS = 2_000

/**
 * Tells the inventory which objects of an app are as they should, so that the next start need not compare them. That may be left
 * out at any time: what is not noted is compared.
 */
export class Noter {
  readonly #app: string
  readonly #parts: NoterParts
  readonly #unnoted = new Unnoted()
  #cancelWake: (() => void) | undefined

  constructor(app: string, parts: NoterParts) {
    this.#app = app
    this.#parts = parts
  }

  /** These, by `refKey`, are being compared or written. */
  add(keys: Iterable<string>): void {
    this.#unnoted.add(keys)
  }

  /** A live object has changed, if only in its status. */
  hear(key: string): void {
    this.#unnoted.hear(key, this.#parts.clock.now())
  }

  /** Notes a few in a quiet moment, when everything was found or made as the target says; false when there was none. */
  async noteSome(target: AppTarget): Promise<boolean> {
    const keys = this.#takeAny(this.#settledTime())
    if (keys.length > 0) await this.#note(target, keys)
    else if (this.#unnoted.hasHeard) this.#wakeLater()
    return keys.length > 0
  }

  /** Notes what settles while the work on a target is under way: a server that is stopped right after it has no quiet moment. */
  async noteMeanwhile(target: AppTarget, ended: AbortSignal): Promise<void> {
    const { clock, log } = this.#parts
    while (!ended.aborted) {
      await clock.sleep(SETTLED_MS, ended).catch(() => undefined)
      try {
        while (!ended.aborted) {
          const keys = this.#unnoted.takeHeard(AT_ONCE, this.#settledTime())
          if (keys.length === 0) break
          await this.#note(target, keys)
          await breathe()
        }
      } catch (error) {
        log.warn('Cannot note what is as it should', { app: this.#app, error: messageOf(error) })
      }
    }
  }

  /** Notes what is left, settled or not, before the process ends, until a time (as the clock has it). */
  async noteRest(target: AppTarget, deadline: number): Promise<void> {
    const { clock, log } = this.#parts
    try {
      while (clock.now() < deadline) {
        const keys = this.#takeAny(Number.POSITIVE_INFINITY)
        if (keys.length === 0) return
        await this.#note(target, keys)
      }
    } catch (error) {
      log.warn('Cannot note what is as it should', { app: this.#app, error: messageOf(error) })
    }
  }

  close(): void {
    this.#cancelWake?.()
  }

  /** A few that were not heard of, or else a few of those that were, but not after a time. */
  #takeAny(time: number): readonly string[] {
    const unheard = this.#unnoted.takeUnheard(AT_ONCE)
    return unheard.length > 0 ? unheard : this.#unnoted.takeHeard(AT_ONCE, time)
  }

  /** What has changed since then may change once more. */
  #settledTime(): number {
    return this.#parts.clock.now() - SETTLED_MS
  }

  async #note(target: AppTarget, keys: readonly string[]): Promise<void> {
    await this.#parts.inventory.put(verifiedEntries(target, keys, this.#parts))
  }

  #wakeLater(): void {
    this.#cancelWake ??= this.#parts.clock.after(SETTLED_MS, () => {
      this.#cancelWake = undefined
      this.#parts.wake()
    })
  }
}
