import { isObject } from '../../../base/index.ts'
import type { Installed } from './script.ts'

/**
 * What `nft --json list table` says of a table that was made here; undefined when it says something that none of ours holds, or
 * nothing of a frame: such a table is replaced.
 */
export function readInstalled(json: string): Installed | undefined {
  const chains = new Set<string>()
  const sets = new Set<string>()
  const elements = new Map<string, ReadonlyMap<string, string>>()
  let frame: string | undefined
  for (const entry of entriesOf(json)) {
    const { chain, set, map } = entry
    if (isObject(chain)) {
      const name = String(chain.name)
      // Those with a hook are of the frame, and so are the few that end in no hash.
      if (name.startsWith('frame-')) frame = name
      else if (chain.hook === undefined && CONTENT_NAME.test(name)) chains.add(name)
    }
    const holder = isObject(set) ? set : isObject(map) ? map : undefined
    if (holder === undefined) continue
    const name = String(holder.name)
    if (CONTENT_NAME.test(name)) sets.add(name)
    // What traffic adds to a dynamic set is not compared.
    if (Array.isArray(holder.flags) && holder.flags.includes('timeout')) continue
    const held = readElements(holder.elem ?? [])
    if (held === undefined) return undefined
    if (held.size > 0) elements.set(name, held)
  }
  return frame === undefined ? undefined : { frame, chains, sets, elements }
}

/** As `contentChain` and `namedSet` make names. */
const CONTENT_NAME = /-[0-9a-f]{12}$/

function entriesOf(json: string): readonly Readonly<Record<string, unknown>>[] {
  try {
    const answer: unknown = JSON.parse(json)
    const entries = isObject(answer) ? answer.nftables : undefined
    return Array.isArray(entries) ? entries.filter(isObject) : []
  } catch {
    return []
  }
}

function readElements(list: unknown): ReadonlyMap<string, string> | undefined {
  if (!Array.isArray(list)) return undefined
  const found = new Map<string, string>()
  for (const element of list) {
    const [key, value] = Array.isArray(element) ? element.map(textOf) : [textOf(element), '']
    if (key === undefined || value === undefined) return undefined
    found.set(key, value)
  }
  return found
}

/** An address, a number, a concatenation or a verdict, as it is written in a script. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string' || typeof value === 'number') return String(value)
  if (!isObject(value)) return undefined
  if (Array.isArray(value.concat)) {
    const parts = value.concat.map(textOf)
    return parts.includes(undefined) ? undefined : parts.join(' . ')
  }
  for (const verdict of ['goto', 'jump'] as const) {
    const of = value[verdict]
    if (isObject(of)) return `${verdict} ${String(of.target)}`
  }
  if ('drop' in value) return 'drop'
  return 'accept' in value ? 'accept' : undefined
}
