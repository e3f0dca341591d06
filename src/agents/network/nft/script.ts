import { type Ruleset, shortHash } from './ruleset.ts'

/** What a table is known to hold: a {@link Ruleset} without the texts that names stand for. */
export interface Installed {
  /** As {@link frameMark} makes it. */
  readonly frame: string
  readonly chains: ReadonlySet<string>
  readonly sets: ReadonlySet<string>
  readonly elements: ReadonlyMap<string, ReadonlyMap<string, string>>
}

/** The name of an empty chain that says which frame a table was made with. */
export function frameMark(frame: string): string {
  return `frame-${shortHash(frame)}`
}

/** What the table holds once the ruleset has been loaded. */
export function installedBy(ruleset: Ruleset): Installed {
  return {
    frame: frameMark(ruleset.frame),
    chains: new Set(ruleset.chains.keys()),
    sets: new Set(ruleset.sets.keys()),
    elements: ruleset.elements,
  }
}

/** The script that makes the whole table anew, whatever was there: one transaction, without an instant in between. */
export function renderReplacement(table: string, ruleset: Ruleset): string {
  const nothing: Installed = { frame: '', chains: new Set(), sets: new Set(), elements: new Map() }
  return [
    `add table ip ${table}`,
    `delete table ip ${table}`,
    `table ip ${table} {\n${ruleset.frame}\nchain ${frameMark(ruleset.frame)} { }\n}`,
    ...changes(table, nothing, ruleset),
    '',
  ].join('\n')
}

/**
 * The script that turns what is installed into the ruleset, touching nothing that is right: one transaction whose size is that of
 * the difference. Undefined: there is none. Throws `RangeError` for a table of another frame, which is replaced and not changed.
 */
export function renderChange(table: string, installed: Installed, ruleset: Ruleset): string | undefined {
  if (installed.frame !== frameMark(ruleset.frame)) throw new RangeError('the frames must be the same')
  const lines = changes(table, installed, ruleset)
  return lines.length === 0 ? undefined : `${lines.join('\n')}\n`
}

/** What elements and chains name comes before them, and goes after them. */
function changes(table: string, installed: Installed, ruleset: Ruleset): readonly string[] {
  const gone = [...installed.chains].filter(name => !ruleset.chains.has(name))
  return [
    ...additions(table, installed, ruleset),
    ...elementChanges(table, installed, ruleset),
    ...gone.map(name => `flush chain ip ${table} ${name}`),
    ...gone.map(name => `delete chain ip ${table} ${name}`),
    ...[...installed.sets]
      .filter(name => !ruleset.sets.has(name))
      .map(name => `delete set ip ${table} ${name}`),
  ]
}

function additions(table: string, installed: Installed, ruleset: Ruleset): readonly string[] {
  const blocks: string[] = []
  for (const [name, declaration] of ruleset.sets)
    if (!installed.sets.has(name)) blocks.push(`set ${name} {\n${declaration}\n}`)
  for (const [name, rules] of ruleset.chains)
    if (!installed.chains.has(name)) blocks.push(`chain ${name} {\n${rules.join('\n')}\n}`)
  return blocks.length === 0 ? [] : [`table ip ${table} {\n${blocks.join('\n')}\n}`]
}

function elementChanges(table: string, installed: Installed, ruleset: Ruleset): readonly string[] {
  const removed: string[] = []
  const added: string[] = []
  for (const name of new Set([...installed.elements.keys(), ...ruleset.elements.keys()])) {
    const before = installed.elements.get(name) ?? NONE
    const after = ruleset.elements.get(name) ?? NONE
    // A set that goes takes its elements along.
    const goes = installed.sets.has(name) && !ruleset.sets.has(name)
    const { old, fresh } = compareElements(goes ? NONE : before, after)
    if (old.length > 0) removed.push(`delete element ip ${table} ${name} { ${old.join(', ')} }`)
    if (fresh.length > 0) added.push(`add element ip ${table} ${name} { ${fresh.map(pairOf).join(', ')} }`)
  }
  return [...removed, ...added]
}

const NONE: ReadonlyMap<string, string> = new Map()

function pairOf([key, value]: readonly [string, string]): string {
  return value === '' ? key : `${key} : ${value}`
}

/**
 * The keys to delete, and the elements to add. With thousands of services this is most of what a change costs: nothing is copied, and what
 * was there is gone through only when something of it is missing.
 */
function compareElements(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): { readonly old: readonly string[]; readonly fresh: readonly (readonly [string, string])[] } {
  const old: string[] = []
  const fresh: (readonly [string, string])[] = []
  let kept = 0
  for (const [key, value] of after) {
    const known = before.get(key)
    if (known !== undefined) kept += 1
    if (known === value) continue
    if (known !== undefined) old.push(key)
    fresh.push([key, value])
  }
  if (kept < before.size) for (const key of before.keys()) if (!after.has(key)) old.push(key)
  return { old, fresh }
}
