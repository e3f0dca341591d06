import { type Logger, messageOf } from '../../../base/index.ts'
import type { Nft } from './nft.ts'
import { readInstalled } from './read-back.ts'
import type { Ruleset } from './ruleset.ts'
import { frameMark, type Installed, installedBy, renderChange, renderReplacement } from './script.ts'

/** What loading a ruleset did. */
export type LoadOutcome = 'unchanged' | 'changed' | 'replaced'

/** What the table held before and what it holds now, told after each load that did something. */
export type OnLoaded = (before: Installed | undefined, after: Ruleset) => void

/**
 * One table of nftables, kept equal to rulesets. It reads first what is there, so that a table left by an earlier process is
 * changed only where it is wrong; and reads again after a script that nft refused, because somebody else had a hand in it then.
 * One `load` at a time.
 */
export class NftTable {
  readonly name: string
  readonly #nft: Nft
  readonly #log: Logger
  readonly #onLoaded: OnLoaded
  #installed: Installed | undefined

  constructor(name: string, { nft, log, onLoaded }: { nft: Nft; log: Logger; onLoaded?: OnLoaded }) {
    this.name = name
    this.#nft = nft
    this.#log = log
    this.#onLoaded = onLoaded ?? (() => {})
  }

  async load(ruleset: Ruleset): Promise<LoadOutcome> {
    this.#installed ??= await this.#read()
    const before = this.#installed
    const outcome = await this.#bring(before, ruleset)
    this.#installed = installedBy(ruleset)
    if (outcome !== 'unchanged') this.#onLoaded(before, ruleset)
    return outcome
  }

  /** Whether the table that was loaded is gone, as after somebody flushed all rules; the next load then makes it anew. */
  async isLost(): Promise<boolean> {
    if (this.#installed === undefined || (await this.#nft.has(this.name))) return false
    this.#installed = undefined
    return true
  }

  async #bring(installed: Installed | undefined, ruleset: Ruleset): Promise<LoadOutcome> {
    if (installed !== undefined && installed.frame === frameMark(ruleset.frame)) {
      const script = renderChange(this.name, installed, ruleset)
      if (script === undefined) return 'unchanged'
      try {
        await this.#nft.load(script)
        return 'changed'
      } catch (error) {
        this.#log.warn('the table is not as it was left: making it anew', {
          table: this.name,
          error: messageOf(error),
        })
        this.#installed = undefined
      }
    }
    await this.#nft.load(renderReplacement(this.name, ruleset))
    return 'replaced'
  }

  async #read(): Promise<Installed | undefined> {
    const json = await this.#nft.list(this.name)
    return json === undefined ? undefined : readInstalled(json)
  }
}

/** Removes a table and all that is in it; one that is not there is as good. */
export async function removeTable(nft: Nft, name: string): Promise<void> {
  await nft.load(`add table ip ${name}\ndelete table ip ${name}\n`)
}
