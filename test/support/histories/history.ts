/** One write as its writer saw it. A key has one writer, which makes its writes one after the other. */
export interface WriteRecord {
  readonly key: string
  readonly type: 'put' | 'delete'
  /** What no other put writes; empty for a deletion. */
  readonly value: string
  /** `unknown`: no answer came, so it may have happened, then or later. */
  readonly outcome: 'acknowledged' | 'refused' | 'unknown'
  /** What the answer to a put named. */
  readonly revision: number | undefined
}

export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly revision: number
  readonly key: string
  readonly value: string
}

/** What there is, as `key` → its value, at a revision. */
export interface State {
  readonly revision: number
  readonly values: ReadonlyMap<string, string>
}

/** What a watcher saw, in order: it lists, follows, and goes on from its last revision after an interruption. */
export type WatchRecord =
  | ({ readonly type: 'list' } & State)
  | Change
  | { readonly type: 'BOOKMARK'; readonly revision: number }

export interface History {
  readonly writes: readonly WriteRecord[]
  readonly watchers: readonly (readonly WatchRecord[])[]
  /** Listed when everything was over. */
  readonly end: State
}

/**
 * What a history shows to be wrong, by the properties that etcd's robustness tests hold its watches to: ordered, unique, reliable,
 * resumable, bookmarkable; and that what was acknowledged happened and stays, in the order in which it was asked for, and what was
 * refused did not. It begins with no keys at all.
 */
export function violationsOf(history: History): readonly string[] {
  const changes = new Map<number, Change>()
  const found: string[] = []
  for (const [index, records] of history.watchers.entries())
    for (const record of records) {
      if (record.type === 'list' || record.type === 'BOOKMARK') continue
      const known = changes.get(record.revision)
      if (known === undefined) changes.set(record.revision, record)
      else if (describe(known) !== describe(record))
        found.push(`watcher ${index} saw ${describe(record)} and another ${describe(known)}`)
    }
  const ordered = [...changes.values()].sort((a, b) => a.revision - b.revision)
  for (const [index, records] of history.watchers.entries())
    found.push(...wrongInStream(records, ordered).map(problem => `watcher ${index}: ${problem}`))
  const states = [...history.watchers.flat().filter(record => record.type === 'list'), history.end]
  return [...found, ...wrongInReplay(ordered, states), ...wrongInWrites(history.writes, changes, ordered)]
}

/** One watcher's stream: every change after its list once and in order, none left out, also over interruptions. */
function wrongInStream(records: readonly WatchRecord[], all: readonly Change[]): readonly string[] {
  const found: string[] = []
  let [from, position] = [0, 0]
  let seen = new Set<number>()
  const judge = () => {
    for (const change of all)
      if (change.revision > from && change.revision <= position && !seen.has(change.revision))
        found.push(`missed ${describe(change)} between ${from} and ${position}`)
  }
  for (const record of records) {
    if (record.type === 'list') {
      judge()
      from = record.revision
      position = record.revision
      seen = new Set()
    } else if (record.type === 'BOOKMARK') {
      if (record.revision < position) found.push(`a bookmark of ${record.revision} after ${position}`)
      position = Math.max(position, record.revision)
    } else {
      if (record.revision <= position) found.push(`${describe(record)} after ${position}`)
      position = Math.max(position, record.revision)
      seen.add(record.revision)
    }
  }
  judge()
  return found
}

/** All changes in order lead to every state that was listed, and each says truly whether its key was there. */
function wrongInReplay(changes: readonly Change[], states: readonly State[]): readonly string[] {
  const found: string[] = []
  const values = new Map<string, string>()
  const waiting = [...states].sort((a, b) => a.revision - b.revision)
  const compareUpTo = (revision: number) => {
    while (waiting[0] !== undefined && waiting[0].revision < revision) {
      const state = waiting.shift() as State
      const [shown, replayed] = [textOf(state.values), textOf(values)]
      if (shown !== replayed) found.push(`listed at ${state.revision}: ${shown}; by its changes: ${replayed}`)
    }
  }
  for (const change of changes) {
    compareUpTo(change.revision)
    const isNew = !values.has(change.key)
    if (isNew !== (change.type === 'ADDED'))
      found.push(`${describe(change)}, but the key was ${isNew ? 'absent' : 'there'}`)
    if (change.type === 'DELETED') values.delete(change.key)
    else values.set(change.key, change.value)
  }
  compareUpTo(Number.POSITIVE_INFINITY)
  return found
}

/** What writers were told, against what happened. */
function wrongInWrites(
  writes: readonly WriteRecord[],
  changes: ReadonlyMap<number, Change>,
  ordered: readonly Change[],
): readonly string[] {
  const found: string[] = []
  const possible = new Set(writes.filter(({ outcome }) => outcome !== 'refused').map(({ value }) => value))
  for (const change of ordered)
    if (change.type !== 'DELETED' && !possible.has(change.value))
      found.push(`${describe(change)}, which nobody wrote with success`)
  for (const key of new Set(writes.map(write => write.key))) {
    const own = writes.filter(write => write.key === key && write.outcome === 'acknowledged')
    let last = 0
    for (const [index, write] of own.entries()) {
      if (write.type === 'put') {
        const { revision = 0 } = write
        const change = changes.get(revision)
        if (change?.key !== key || change.value !== write.value)
          found.push(`${key}=${write.value} was acknowledged at ${revision}, where ${describe(change)}`)
        if (revision <= last)
          found.push(`${key}=${write.value} was acknowledged at ${revision}, after ${last}`)
        last = revision
        continue
      }
      const next =
        own.slice(index + 1).find(({ type }) => type === 'put')?.revision ?? Number.POSITIVE_INFINITY
      const deleted = ordered.find(
        change =>
          change.key === key && change.type === 'DELETED' && change.revision > last && change.revision < next,
      )
      if (deleted === undefined)
        found.push(`a deletion of ${key} after ${last} was acknowledged and never seen`)
      else last = deleted.revision
    }
    const asked = writes.filter(
      write => write.key === key && write.type === 'delete' && write.outcome !== 'refused',
    )
    const deletions = ordered.filter(change => change.key === key && change.type === 'DELETED')
    if (deletions.length > asked.length)
      found.push(`${key} was deleted ${deletions.length} times and asked to be ${asked.length} times`)
  }
  return found
}

function describe(change: Change | undefined): string {
  if (change === undefined) return 'nothing happened'
  return `${change.type} ${change.key}=${change.value} at ${change.revision}`
}

function textOf(values: ReadonlyMap<string, string>): string {
  return [...values]
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(' ')
}
