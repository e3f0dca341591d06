import { type Logger, messageOf } from '../../../base/index.ts'
import type { Assembly } from './assembly.ts'
import type { Nft } from './nft.ts'
import { readInstalled } from './read-back.ts'
import type { Ruleset } from './ruleset.ts'
import { frameMark, type Installed, installedBy, renderChange, renderReplacement } from './script.ts'

/** What loading a ruleset did. */
export type LoadOutcome = 'unchanged' | 'changed' | 'replaced'

/**
 * Told after each load that did something: of what may differ, what the table held before and what it holds now. The first load of a
 * process tells of everything; `before` is absent when there was no such table.
 */
export type OnLoaded = (before: Installed | undefined, after: Ruleset, assembly: Assembly) => void

/**
 * One table of nftables, kept equal to an assembly. It reads first what is there, so that a table left by an earlier process is
 * changed only where it is wrong; and reads again after a script that nft refused, because somebody else had a hand in it then.
 * One `load` at a time, and no change of the assembly meanwhile.
 */
export class NftTable {
  readonly name: string
  readonly #nft: Nft
  readonly #log: Logger
  readonly #onLoaded: OnLoaded
  /** What the table is equal to, but for what the assembly was told since. */
  #loaded: Assembly | undefined

  constructor(name: string, { nft, log, onLoaded }: { nft: Nft; log: Logger; onLoaded?: OnLoaded }) {
    this.name = name
    this.#nft = nft
    this.#log = log
    this.#onLoaded = onLoaded ?? (() => {})
  }

  async load(assembly: Assembly): Promise<LoadOutcome> {
    const { before, after } = await this.#difference(assembly)
    this.#loaded = undefined
    const outcome = await this.#bring(assembly, before, after)
    this.#loaded = assembly
    assembly.settle()
    if (outcome !== 'unchanged') this.#onLoaded(before, after, assembly)
    return outcome
  }

  /** Whether the table that was loaded is gone, as after somebody flushed all rules; the next load then makes it anew. */
  async isLost(): Promise<boolean> {
    if (this.#loaded === undefined || (await this.#nft.has(this.name))) return false
    this.#loaded = undefined
    return true
  }

  async #difference(
    assembly: Assembly,
  ): Promise<{ readonly before: Installed | undefined; readonly after: Ruleset }> {
    if (this.#loaded !== assembly) return { before: await this.#read(), after: assembly.whole() }
    const { before, after } = assembly.changes()
    return { before: installedBy(before), after }
  }

  async #bring(assembly: Assembly, before: Installed | undefined, after: Ruleset): Promise<LoadOutcome> {
    if (before !== undefined && before.frame === frameMark(after.frame)) {
      const script = renderChange(this.name, before, after)
      if (script === undefined) return 'unchanged'
      try {
        await this.#nft.load(script)
        return 'changed'
      } catch (error) {
        this.#log.warn('the table is not as it was left: making it anew', {
          table: this.name,
          error: messageOf(error),
        })
      }
    }
    await this.#nft.load(renderReplacement(this.name, assembly.whole()))
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
