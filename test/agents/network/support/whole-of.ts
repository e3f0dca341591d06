import { Assembly, type Fragment, type Ruleset } from '../../../../src/agents/network/nft/index.ts'

/** The ruleset of these fragments, each of an owner of its own. */
export function wholeOf(frame: string, fragments: readonly Fragment[]): Ruleset {
  return assemblyOf(frame, fragments).whole()
}

export function assemblyOf(frame: string, fragments: readonly Fragment[]): Assembly {
  const assembly = new Assembly(frame)
  fragments.forEach((fragment, index) => {
    assembly.put(String(index), fragment)
  })
  return assembly
}
