import { createHash } from 'node:crypto'

/**
 * What a table of nftables holds, as data. Rules and elements are nft's own text, with protocols as numbers, so that neither
 * /etc/protocols nor a version's spelling matters.
 */
export interface Ruleset {
  /** The declarations that stay: the maps and sets of `elements`, the base chains. A table whose frame differs is replaced as a whole. */
  readonly frame: string
  /** Chains by name. A name says what is in the chain (see {@link contentChain}), so names are all that has to be compared. */
  readonly chains: ReadonlyMap<string, readonly string[]>
  /** Sets that come and go, by name, with their declaration. What traffic puts into them is kept as long as the name stays. */
  readonly sets: ReadonlyMap<string, string>
  /** By the name of a set or map: its elements by key, with the value of a map and `` of a set. */
  readonly elements: ReadonlyMap<string, ReadonlyMap<string, string>>
}

/** What one part (a service, the pods of the node, their policies) wants in the table. */
export interface Fragment {
  readonly chains?: readonly Chain[]
  readonly sets?: readonly { readonly name: string; readonly declaration: string }[]
  readonly elements?: readonly Element[]
}

export interface Chain {
  readonly name: string
  readonly rules: readonly string[]
}

export interface Element {
  /** The name of a set or map. */
  readonly of: string
  /** The parts of a concatenation joined by ` . `. */
  readonly key: string
  /** Absent for the elements of a set. */
  readonly value?: string
}

/** A chain whose name ends in the hash of its rules: another content is another chain. */
export function contentChain(label: string, rules: readonly string[]): Chain {
  return { name: nameOf(label, shortHash(rules.join('\n'))), rules }
}

/** A set whose name ends in the hash of what it is for and how it is declared. */
export function namedSet(
  label: string,
  purpose: string,
  declaration: string,
): { readonly name: string; readonly declaration: string } {
  return { name: nameOf(label, shortHash(`${purpose}\n${declaration}`)), declaration }
}

/** The kernel's `NFT_NAME_MAXLEN` without the end: a longer name makes it refuse the whole table. */
const MAX_NAME = 255

/** A label that does not fit is cut, and told apart from others that begin so. */
function nameOf(label: string, hash: string): string {
  const name = `${label}-${hash}`
  if (name.length <= MAX_NAME) return name
  const end = `-${shortHash(label)}-${hash}`
  return label.slice(0, MAX_NAME - end.length) + end
}

export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
