/**
 * Nftables as data: a ruleset says what a table is to hold, a script is the difference to what it holds, and `NftTable` loads it as
 * one transaction. Knows no Kubernetes. It touches one table of family ip and nothing else.
 *
 *     const table = new NftTable('bowline-1a2b3c4d', { nft: createNft(programRunner()), log })
 *     const assembly = new Assembly(frame)
 *     assembly.put('service web', fragment)
 *     await table.load(assembly)    // 'unchanged' after a restart
 *
 * Names of chains and of sets that come and go end in a hash of what they are, so that two tables are compared by names and elements.
 */
export { Assembly } from './assembly.ts'
export { createNft, type Nft } from './nft.ts'
export {
  type Chain,
  contentChain,
  type Element,
  type Fragment,
  namedSet,
  type Ruleset,
} from './ruleset.ts'
export { programRunner, type RunProgram } from './run-program.ts'
export type { Installed } from './script.ts'
export { NftTable, removeTable } from './table.ts'
